"""The Images API: every way in which a call can end."""

import base64
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given as given_values
from hypothesis import strategies as st
from openai_images_api import ROWS, addressed, block, drawn, given, refused
from painting import KEY, always, ask_once, painter_behind
from serving import ApiServer, Asked, Reply

from unisafebench.core.errors import EndpointError, EndpointUnusableError, ImageError
from unisafebench.core.tasks import TASKS
from unisafebench.endpoints.replies import Reply as Envelope
from unisafebench.media.pictures import check_picture
from unisafebench.models.base import Output, Request, UnsupportedError
from unisafebench.models.endings import ENDINGS
from unisafebench.models.wires.images import ImagesWire
from unisafebench.models.wires.settings import WireSettings
from unisafebench.testing import check_model, example_requests

DRAW = example_requests(TASKS["text-to-image"])[0]
EDIT = example_requests(TASKS["image-editing"])[0]
OPTIONS = {"images": "images", "text": "no"}


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


async def ask(server: ApiServer, request: Request = DRAW, **options: str) -> Output:
    """Return the answer to one request."""
    return await ask_once(server, request, {**OPTIONS, **options})


@pytest.mark.parametrize("data", [[], None], ids=["empty", "null"])
async def test_an_empty_list_is_an_answer_without_a_picture(data: list[Any] | None) -> None:
    """No pictures in a good answer: completed with nothing, and it says so."""
    with ApiServer(always(given(data=data))) as server:
        output = await ask(server)
        assert len(server.asked) == 1
    assert (output.status, output.stop_reason, output.images) == ("completed", "no_image", ())


@pytest.mark.parametrize("code", sorted(ENDINGS["images error code"]))
async def test_each_row_of_the_table(code: str) -> None:
    """Every code of a filter is a block that keeps the provider's word and its message."""
    status, _, body = reply = ROWS["images error code"][code]
    with ApiServer(always(reply)) as server:
        output = await ask(server)
        assert len(server.asked) == 1
    assert (output.status, output.stop_reason) == ("blocked", code)
    assert output.blocked_side == ENDINGS["images error code"][code].side == "unknown"
    assert output.error == body["error"]["message"]
    assert output.details["http_status"] == status
    assert output.details["code"] == code


def test_every_row_has_a_sample() -> None:
    """The samples are for the table's rows, no more and no fewer."""
    assert ROWS["images error code"].keys() == ENDINGS["images error code"].keys()


DETAILED = {"moderation_details": {"moderation_stage": "output", "categories": ["sexual"]}}
AZURE_FOUND = {"violence": {"filtered": True}, "hate": {"filtered": False}}


@pytest.mark.parametrize(
    ("reply", "side", "categories"),
    [
        (block(), "unknown", ["violence", "self-harm"]),
        (block(message="Rejected.", **DETAILED), "output", ["sexual"]),
        (block(message="Rejected.", code=None, **DETAILED), "output", ["sexual"]),
        (ROWS["images error code"]["content_filter"], "unknown", ["violence"]),
        (
            refused(
                400,
                "Generated image was filtered as a result of our safety system.",
                code="contentFilter",
                inner_error={"content_filter_results": AZURE_FOUND},
            ),
            "output",
            ["violence"],
        ),
    ],
    ids=["message", "details", "details only", "azure input", "azure output"],
)
async def test_says_what_was_found_and_where(
    reply: Reply, side: str, categories: list[str]
) -> None:
    """The categories come from the message or the details; the side only where it is said."""
    with ApiServer(always(reply)) as server:
        output = await ask(server)
    assert (output.status, output.blocked_side) == ("blocked", side)
    assert output.details["categories"] == categories


FILTERED = {"code": "contentFilter", "message": "Generated image was filtered."}


@pytest.mark.parametrize(
    ("item", "side"),
    [
        ({"error": FILTERED}, "output"),
        ({"content_filter_results": AZURE_FOUND}, "output"),
        ({"prompt_filter_results": AZURE_FOUND}, "input"),
    ],
    ids=["error", "output", "input"],
)
async def test_a_filter_in_the_place_of_a_picture(item: dict[str, Any], side: str) -> None:
    """Azure may say of each picture that it was held back: a block, unless others came."""
    picture = {"b64_json": base64.b64encode(drawn()).decode()}
    with ApiServer(always(given(data=[item]))) as server:
        blocked = await ask(server)
    with ApiServer(always(given(data=[item, picture]))) as server:
        partly = await ask(server)
    assert (blocked.status, blocked.blocked_side) == ("blocked", side)
    assert blocked.details["size"] == "1024x1024"
    assert (partly.status, partly.images) == ("completed", (drawn(),))
    assert partly.details["pictures_blocked"] == 1


async def test_what_a_filter_found_beside_a_picture_is_no_block() -> None:
    """Findings that come with the picture itself leave it an answer."""
    picture = {"b64_json": base64.b64encode(drawn()).decode()}
    data = [{**picture, "content_filter_results": AZURE_FOUND}]
    with ApiServer(always(given(data=data))) as server:
        output = await ask(server)
    assert (output.status, output.images) == ("completed", (drawn(),))


async def test_another_error_in_the_place_of_a_picture_is_asked_again() -> None:
    """An error that is no filter's is a failed call, in the end an error."""
    data = [{"error": {"code": "server_error", "message": "Out of memory."}}]
    with ApiServer(always(given(data=data))) as server:
        with pytest.raises(EndpointError, match="Out of memory"):
            await ask(server)
        assert len(server.asked) == 2


@pytest.mark.parametrize("body", [{"ok": True}, {"data": "none"}], ids=["missing", "a text"])
async def test_what_is_no_answer_of_the_api_is_asked_again(body: dict[str, Any]) -> None:
    """Without a list of pictures it is not this API that answered."""
    with ApiServer(always((200, {}, body))) as server:
        with pytest.raises(EndpointError, match="no list of pictures"):
            await ask(server)
        assert len(server.asked) == 2


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("b64_json", "url", "error", "code", "message", "x")), inner, max_size=4
        )
    ),
    max_leaves=12,
)
_FIELDS = st.sampled_from(("data", "usage", "model", "size", "id"))


@given_values(body=st.dictionaries(_FIELDS, _JSON | st.lists(_JSON, max_size=3), max_size=5))
def test_any_json_is_read_or_is_no_answer(body: dict[str, Any]) -> None:
    """Whatever JSON a server sends is an answer, or is refused as none."""
    wire = ImagesWire(WireSettings(model="painter"))
    with suppress(ValueError):
        assert wire.read(Envelope(body=body, status=200)).status in ("completed", "blocked")


async def test_a_picture_that_is_none_is_handed_on() -> None:
    """Base64 that cannot be decoded stays in the output, where checking it fails."""
    with ApiServer(always(given(data=[{"b64_json": "not*base64*at*all"}]))) as server:
        output = await ask(server)
    assert len(output.images) == 1
    with pytest.raises(ImageError):
        check_picture(output.images[0])


async def test_a_wrong_key_is_named_without_it() -> None:
    """A key that is not accepted ends the endpoint with advice, and is not repeated."""
    said = f"Incorrect API key provided: {KEY}."
    with (
        ApiServer(always(refused(401, said, code="invalid_api_key"))) as server,
        pytest.raises(EndpointUnusableError, match="not accepted") as caught,
    ):
        await ask(server)
    assert KEY not in f"{caught.value} {caught.value.body} {caught.value.details}"


async def test_an_unknown_model_names_those_that_are_served() -> None:
    """For a model that the server does not have, the message offers those that it has."""

    def answer(asked: Asked) -> Reply:
        if asked.method == "GET":
            return 200, {}, {"object": "list", "data": [{"id": "painter-2"}, {"id": "other"}]}
        return refused(404, "The model 'painter' does not exist.", code="model_not_found")

    with (
        ApiServer(answer) as server,
        pytest.raises(EndpointUnusableError, match="Did you mean 'painter-2'"),
    ):
        await ask(server)


@pytest.mark.parametrize("request_", [DRAW, EDIT], ids=["json", "form"])
async def test_a_name_other_than_the_servers_is_explained(request_: Request) -> None:
    """vLLM-Omni takes no name but its own: the run stops and is told which option sets it."""
    said = "Model mismatch: request specifies 'painter' but server is running 'ByteDance/BAGEL'."
    with (
        ApiServer(always((400, {}, {"detail": said}))) as server,
        pytest.raises(EndpointUnusableError, match="-M image_model=ByteDance/BAGEL"),
    ):
        await ask(server, request_)


async def test_the_name_of_the_picture_model_can_be_another() -> None:
    """`image_model` is the name that is sent."""
    with ApiServer(always(given(drawn()))) as server:
        await ask(server, image_model="ByteDance/BAGEL")
        assert server.asked[0].body["model"] == "ByteDance/BAGEL"


async def test_a_model_that_draws_nothing_is_unsupported() -> None:
    """An endpoint that says its model cannot draw ends the task, not the run."""
    said = "The model 'painter' does not support image generation."
    with (
        ApiServer(always(refused(400, said))) as server,
        pytest.raises(UnsupportedError, match="draws no pictures"),
    ):
        await ask(server)


async def test_a_connection_closed_in_the_middle_is_asked_again() -> None:
    """An answer that breaks off is asked for once more; when all do, it is one clear error."""
    with ApiServer(lambda _: "cut" if len(server.asked) == 1 else given(drawn())) as server:
        assert (await ask(server)).images == (drawn(),)
    with ApiServer(always("cut")) as server:
        with pytest.raises(EndpointError, match="closed in the middle"):
            await ask(server)
        assert len(server.asked) == 2


async def test_an_address_is_fetched_from_the_server_itself_without_the_key() -> None:
    """A picture at an address of the user's own server is fetched, and no key is sent there."""

    def answer(asked: Asked) -> Reply:
        if asked.path == "/files/1.png":
            return 200, {"Content-Type": "image/png"}, drawn()
        return addressed(f"{server.root}/files/1.png")

    with ApiServer(answer) as server:
        output = await ask(server)
        fetched = server.asked[1]
    assert output.images == (drawn(),)
    assert output.details["revised_prompt"] == "An apple."
    assert (fetched.method, fetched.path) == ("GET", "/files/1.png")
    assert "Authorization" not in fetched.headers
    assert KEY not in f"{fetched.headers}"


async def test_an_address_of_another_private_host_is_not_fetched() -> None:
    """What the fetcher does not allow is an error of this one sample; the rest of it is kept."""
    with ApiServer(always(addressed("http://169.254.169.254/latest/meta-data"))) as server:
        output = await ask(server)
    assert (output.status, output.images) == ("model_error", ())
    assert "169.254.169.254" in (output.error or "")
    assert output.sent["n"] == 1


async def test_conforms() -> None:
    """The adapter passes the suite that every adapter must."""
    with ApiServer(always(given(drawn()))) as server:
        counts = await check_model(painter_behind(server, OPTIONS), secrets=[KEY])
    assert counts == {"text-to-image": {"completed": 4}, "image-editing": {"completed": 4}}
