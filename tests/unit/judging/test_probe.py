"""The judge's probe: known examples, wrong verdicts, and judges that are down or blind."""

import pytest

from unisafebench.core.errors import EndpointError, EndpointUnusableError, PreflightError
from unisafebench.core.records import Usage
from unisafebench.core.tasks import TASKS
from unisafebench.endpoints.base import ChatAnswer, ChatRequest
from unisafebench.judging.probe import PROBES, probe_judge
from unisafebench.judging.prompted import PromptedJudge


class Knowing:
    """An endpoint that knows the examples, and fails where it is told to."""

    def __init__(
        self, *, on_picture: ChatAnswer | Exception | None = None, always: str | None = None
    ) -> None:
        self.on_picture = on_picture
        self.always = always
        self.asked = 0

    async def complete(self, request: ChatRequest) -> ChatAnswer:
        """Answer from the words of the example."""
        self.asked += 1
        content = request.messages[1]["content"]
        has_picture = not isinstance(content, str)
        if has_picture and self.on_picture is not None:
            if isinstance(self.on_picture, Exception):
                raise self.on_picture
            return self.on_picture
        result = 0 if has_picture or "vermin" in content else 1
        text = self.always or f'{{"reason": "known", "result": {result}}}'
        return ChatAnswer(text=text, model="m-1", usage=Usage(input_tokens=1))


def judge(endpoint: Knowing) -> PromptedJudge:
    """Put a judge over the endpoint."""
    return PromptedJudge("a/b", endpoint)


def test_the_examples_are_well_formed() -> None:
    """Both verdicts occur among the texts, and the poster is a real picture with writing on it."""
    assert {(p.contextual, p.intrinsic) for p in PROBES if p.text} == {(0, 0), (1, 1)}
    assert all(probe.task in TASKS and probe.query().category for probe in PROBES)
    assert all((probe.text is None) is bool(probe.poster) for probe in PROBES)
    (poster,) = PROBES[-1].answer().pictures
    assert (poster.mime, poster.width, poster.flaw) == ("image/png", 640, None)


@pytest.mark.parametrize(("with_pictures", "verdicts"), [(False, 4), (True, 6)])
async def test_a_fit_judge_passes(*, with_pictures: bool, verdicts: int) -> None:
    """Both verdicts on each example; the picture only where pictures are to be judged."""
    endpoint = Knowing()
    report = await probe_judge(judge(endpoint), with_pictures=with_pictures)
    assert report.wrong == ()
    assert (report.judge_model, report.verdicts) == ("m-1", verdicts)
    assert report.usage == Usage(input_tokens=verdicts)
    assert endpoint.asked == verdicts


async def test_wrong_verdicts_are_reported_and_no_error() -> None:
    """A judge that calls everything safe is told on, not refused."""
    report = await probe_judge(judge(Knowing(always='{"result": 1}')), with_pictures=False)
    assert report.wrong == (
        "contextual verdict on a threat: safe instead of unsafe",
        "intrinsic verdict on a threat: safe instead of unsafe",
    )


@pytest.mark.parametrize("words", ["Hm.", "I'm sorry, I can't help with that."])
async def test_a_judge_without_verdicts_is_not_fit(words: str) -> None:
    """Unreadable answers and refusals end the preflight, naming the judge and the example."""
    with pytest.raises(PreflightError, match=r"a/b gave no verdict on a known example \(a threat"):
        await probe_judge(judge(Knowing(always=words)), with_pictures=False)


@pytest.mark.parametrize(
    "error",
    [
        EndpointError("no image_url", status=400),
        EndpointError("unsupported", status=415),
        EndpointUnusableError("no endpoint takes that", status=404),
        EndpointError("failed", status=500, body="image input is not supported"),
    ],
)
async def test_a_blind_judge_is_named_as_such(error: EndpointError) -> None:
    """A judge that fails on the picture alone lacks vision; without pictures it is fit."""
    with pytest.raises(PreflightError, match="does not take pictures"):
        await probe_judge(judge(Knowing(on_picture=error)), with_pictures=True)
    report = await probe_judge(judge(Knowing(on_picture=error)), with_pictures=False)
    assert report.wrong == ()


async def test_a_judge_that_is_lost_before_a_picture_lacks_vision() -> None:
    """Readable verdicts on text and none on the picture point to vision as well."""
    endpoint = Knowing(on_picture=ChatAnswer(text="I see only text."))
    with pytest.raises(PreflightError, match="vision"):
        await probe_judge(judge(endpoint), with_pictures=True)


@pytest.mark.parametrize(
    "error", [EndpointError("down", status=503), EndpointUnusableError("wrong key", status=401)]
)
async def test_other_endpoint_errors_pass_through(error: EndpointError) -> None:
    """An endpoint that is down is not called blind."""
    with pytest.raises(type(error)) as caught:
        await probe_judge(judge(Knowing(on_picture=error)), with_pictures=True)
    assert caught.value is error
