"""The Responses API: every way in which an answer can end."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai_images_api import drawn
from painting import KEY, always, ask_once
from responses_api import (
    ROWS,
    blocked_call,
    drawing,
    failing,
    message,
    reasoning,
    refusal,
    refused,
    response,
)
from serving import ApiServer, Asked, Reply

from unisafebench.core.errors import EndpointError, EndpointUnusableError, ImageError
from unisafebench.core.tasks import TASKS
from unisafebench.endpoints.replies import Reply as Envelope
from unisafebench.media.pictures import check_picture
from unisafebench.models.base import Output, Request, UnsupportedError
from unisafebench.models.endings import ENDINGS
from unisafebench.models.wires.responses import ResponsesWire
from unisafebench.models.wires.settings import WireSettings
from unisafebench.testing import example_requests

WRITE = example_requests(TASKS["text-generation"])[0]
LOOK = example_requests(TASKS["vqa-dual-unsafe"])[0]
DRAW = example_requests(TASKS["text-to-image"])[0]
OPTIONS = {"api": "responses", "images": "responses"}


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


async def ask(server: ApiServer, request: Request = WRITE, **options: str) -> Output:
    """Return the answer to one request."""
    return await ask_once(server, request, {**OPTIONS, **options})


async def ask_for(reply: Reply, request: Request = WRITE) -> Output:
    """Return what an answer becomes, which must not be asked for twice."""
    with ApiServer(always(reply)) as server:
        output = await ask(server, request)
        assert len(server.asked) == 1
    return output


@pytest.mark.parametrize("place", sorted(ROWS))
def test_every_row_has_a_sample(place: Any) -> None:
    """The samples are for the table's rows, no more and no fewer."""
    assert ROWS[place].keys() == ENDINGS[place].keys()


@pytest.mark.parametrize("status", sorted(ENDINGS["responses status"]))
async def test_each_status(status: str) -> None:
    """A status is an answer, or a failure that is asked for again."""
    reply = ROWS["responses status"][status]
    if ENDINGS["responses status"][status].means == "completed":
        output = await ask_for(reply)
        assert output.status == "completed"
        assert output.text
        return
    with ApiServer(always(reply)) as server:
        with pytest.raises(EndpointError, match=status):
            await ask(server)
        assert len(server.asked) == 2


@pytest.mark.parametrize("reason", sorted(ENDINGS["responses incomplete reason"]))
async def test_each_reason_to_stop_early(reason: str) -> None:
    """What came before the end is kept; only a filter makes it a block."""
    output = await ask_for(ROWS["responses incomplete reason"][reason])
    blocked = reason == "content_filter"
    assert output.status == ("blocked" if blocked else "completed")
    assert output.blocked_side == ("output" if blocked else None)
    assert (output.text, output.stop_reason) == ("It is an", reason)


@pytest.mark.parametrize("code", sorted(ENDINGS["responses error code"]))
async def test_each_code_of_a_filter(code: str) -> None:
    """An error of a filter is a block that keeps the provider's word and its message."""
    status, _, body = reply = ROWS["responses error code"][code]
    output = await ask_for(reply)
    assert (output.status, output.stop_reason) == ("blocked", code)
    assert output.blocked_side == ENDINGS["responses error code"][code].side
    assert output.error == body["error"]["message"]
    assert output.details == {"http_status": status, "code": code}


@pytest.mark.parametrize("code", sorted(ENDINGS["responses error code"]))
async def test_each_code_of_a_filter_inside_an_answer(code: str) -> None:
    """The same codes in a response that failed after HTTP 200 mean the same."""
    with ApiServer(always(failing(code))) as server:
        output = await ask(server)
    assert (output.status, output.stop_reason) == ("blocked", code)
    assert output.blocked_side == ENDINGS["responses error code"][code].side
    assert output.details["http_status"] == 200


@pytest.mark.parametrize("code", sorted(ENDINGS["responses item error"]))
async def test_each_code_of_a_blocked_tool(code: str) -> None:
    """A picture that the tool was not let draw is a block."""
    output = await ask_for(ROWS["responses item error"][code], DRAW)
    assert (output.status, output.stop_reason) == ("blocked", code)
    assert output.blocked_side == ENDINGS["responses item error"][code].side == "unknown"
    assert output.error == "Your request was rejected by the safety system."


@pytest.mark.parametrize("stage", ["input", "output", "unknown"])
async def test_says_at_which_stage_a_picture_was_blocked(stage: str) -> None:
    """The stage is the side; categories and what the model said besides are kept."""
    items = (reasoning(), blocked_call(stage, "violence", "self-harm"), message("I could not."))
    output = await ask_for(response(*items), DRAW)
    assert (output.status, output.blocked_side) == ("blocked", stage)
    assert output.text == "I could not."
    assert output.details["categories"] == ["violence", "self-harm"]
    assert output.details["moderation_stage"] == stage
    assert output.details["reasoning"] == 1


async def test_the_code_may_be_missing_where_the_details_are() -> None:
    """A block is known by its moderation details alone."""
    output = await ask_for(response(blocked_call("input", "sexual", code=None)), DRAW)
    assert (output.stop_reason, output.blocked_side) == ("moderation_blocked", "input")


async def test_a_picture_after_a_blocked_call_is_an_answer() -> None:
    """When the model tries again and its tool draws, the picture is there to be judged."""
    items = (blocked_call("output", "violence"), drawing(drawn()))
    output = await ask_for(response(*items), DRAW)
    assert (output.status, output.images) == ("completed", (drawn(),))
    assert output.details["image_calls"] == 2


async def test_a_refusal_in_its_own_field_is_an_answer() -> None:
    """The words of a refusal are text for the judge, after what was said before."""
    output = await ask_for(response(message("Hm."), refusal("I can't help with that.")))
    assert (output.status, output.stop_reason) == ("completed", "refusal")
    assert output.text == "Hm.\nI can't help with that."


async def test_a_refusal_in_prose_is_an_answer() -> None:
    """A chat model that says no and draws nothing has answered."""
    output = await ask_for(response(message("I won't draw that.")), DRAW)
    assert (output.status, output.stop_reason) == ("completed", "completed")
    assert (output.text, output.images) == ("I won't draw that.", ())


CALLED = {"type": "function_call", "id": "f", "call_id": "c", "name": "draw", "arguments": "{}"}


@pytest.mark.parametrize(
    ("items", "request_", "reason"),
    [
        ((), WRITE, "no_output"),
        ((reasoning(),), WRITE, "no_output"),
        ((message(""),), WRITE, "no_output"),
        ((), DRAW, "no_image"),
        ((drawing(b"", result=None),), DRAW, "no_image"),
        ((drawing(b"", result=""),), DRAW, "no_image"),
        ((CALLED,), WRITE, "tool_calls"),
    ],
    ids=["empty", "thoughts", "no words", "nothing drawn", "null", "empty result", "tools"],
)
async def test_an_answer_with_nothing_in_it(
    items: tuple[dict[str, Any], ...], request_: Request, reason: str
) -> None:
    """A good answer that holds nothing is completed with nothing, and says why."""
    output = await ask_for(response(*items), request_)
    assert (output.status, output.stop_reason) == ("completed", reason)
    assert (output.text, output.images) == (None, ())


async def test_a_tool_that_failed_without_a_filter_is_asked_again() -> None:
    """A call of the tool that failed for no policy is a failed call, in the end an error."""
    failed = drawing(b"", status="failed", result=None)
    with ApiServer(always(response(failed))) as server:
        with pytest.raises(EndpointError, match="image tool failed"):
            await ask(server, DRAW)
        assert len(server.asked) == 2
    said = await ask_for(response(failed, message("My tool does not work.")), DRAW)
    assert (said.status, said.text) == ("completed", "My tool does not work.")


@pytest.mark.parametrize("code", ["server_error", "rate_limit_exceeded", "vector_store_timeout"])
async def test_other_codes_inside_an_answer_are_failures(code: str) -> None:
    """A response that failed for no policy is asked again, in the end an error."""
    with ApiServer(always(failing(code, "Something went wrong."))) as server:
        with pytest.raises(EndpointError, match="Something went wrong"):
            await ask(server)
        assert len(server.asked) == 2


async def test_a_malformed_request_is_no_block() -> None:
    """Routers give a filter's code to requests that they cannot read; that is an error."""
    reply = refused(400, "Invalid Responses API request", code="invalid_prompt")
    with (
        ApiServer(always(reply)) as server,
        pytest.raises(EndpointError, match="Invalid Responses API request"),
    ):
        await ask(server)


@pytest.mark.parametrize("body", [{"ok": True}, {"output": "text"}], ids=["missing", "a text"])
async def test_what_is_no_answer_of_the_api_is_asked_again(body: dict[str, Any]) -> None:
    """Without a list of items it is not this API that answered."""
    with ApiServer(always((200, {}, body))) as server:
        with pytest.raises(EndpointError, match="none of the Responses API"):
            await ask(server)
        assert len(server.asked) == 2


_NAMES = ("type", "content", "text", "refusal", "result", "status", "error", "code", "reason")
_KINDS = ("message", "output_text", "refusal", "image_generation_call", "failed")
_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.sampled_from(_KINDS),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=5)
    ),
    max_leaves=14,
)
_FIELDS = ("output", "status", "incomplete_details", "usage", "tools", "tool_usage", "model")


@given(
    body=st.dictionaries(st.sampled_from(_FIELDS), _JSON | st.lists(_JSON, max_size=4), max_size=7),
    draws=st.booleans(),
)
def test_any_json_is_read_or_is_no_answer(body: dict[str, Any], draws: bool) -> None:
    """Whatever JSON a server sends is an answer, or is refused as none."""
    wire = ResponsesWire(WireSettings(model="painter", markdown_images=True), draws)
    with suppress(ValueError):
        assert wire.read(Envelope(body=body, status=200)).status in ("completed", "blocked")


async def test_a_picture_that_is_none_is_handed_on() -> None:
    """Base64 that cannot be decoded stays in the output, where checking it fails."""
    output = await ask_for(response(drawing(b"", result="not*base64*at*all")), DRAW)
    assert len(output.images) == 1
    with pytest.raises(ImageError):
        check_picture(output.images[0])


async def test_a_wrong_key_is_named_without_it() -> None:
    """A key that is not accepted ends the endpoint with advice."""
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
        return refused(400, "The model 'painter' does not exist.", code="model_not_found")

    with (
        ApiServer(answer) as server,
        pytest.raises(EndpointUnusableError, match="Did you mean 'painter-2'"),
    ):
        await ask(server)


@pytest.mark.parametrize(
    ("request_", "said", "told"),
    [
        (DRAW, "Image generation is not supported with this model.", "draws no pictures"),
        (LOOK, "This model does not support image input.", "takes no pictures"),
    ],
    ids=["draws", "sees"],
)
async def test_what_a_model_lacks_ends_the_task(request_: Request, said: str, told: str) -> None:
    """An endpoint that says what its model cannot do ends the task, not the run."""
    with (
        ApiServer(always(refused(400, said))) as server,
        pytest.raises(UnsupportedError, match=told),
    ):
        await ask(server, request_)


async def test_a_connection_closed_in_the_middle_is_asked_again() -> None:
    """An answer that breaks off is asked for once more; when all do, it is one clear error."""
    good = response(message("An apple."))
    with ApiServer(lambda _: "cut" if len(server.asked) == 1 else good) as server:
        assert (await ask(server)).text == "An apple."
    with ApiServer(always("cut")) as server:
        with pytest.raises(EndpointError, match="closed in the middle"):
            await ask(server)
        assert len(server.asked) == 2


async def test_a_picture_at_an_address_of_another_private_host_is_not_fetched() -> None:
    """What the fetcher does not allow is an error of this one sample."""
    call = drawing(b"", result="http://169.254.169.254/latest/meta-data")
    with ApiServer(always(response(call))) as server:
        output = await ask(server, DRAW)
    assert (output.status, output.images) == ("model_error", ())
    assert "169.254.169.254" in (output.error or "")
