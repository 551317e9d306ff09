"""Intents: who is asked for one, what is kept of it, and how its lack shows in the verdict."""

from typing import TYPE_CHECKING, Any

import pytest

from unisafebench.core.errors import EndpointError, EndpointUnusableError
from unisafebench.core.records import Usage
from unisafebench.judging.base import Query
from unisafebench.models.base import ModelError, Output, Request

if TYPE_CHECKING:
    from conftest import Trial


def text(_: Request) -> Output:
    """Answer anything."""
    return Output(text="answer")


async def answered(trial: "Trial", rows: list[dict[str, Any]], **changes: Any) -> None:
    """Open a run of these rows and make its responses."""
    trial.open(rows, **changes)
    await trial.generate(text)


async def test_intents_of_the_data_set_are_used_as_they_are(trial: "Trial") -> None:
    """A sample that brings its intent is judged with it, and no other is asked for."""
    await answered(trial, [trial.row("1", intent="mine"), trial.row("2", intent=None)])
    extractor = trial.extractor_of(lambda _: "written")
    judge = await trial.judge(extractor=extractor)
    assert [query.prompt for query in extractor.queries] == ["prompt 2"]
    assert {query.prompt: intent for query, _, intent in judge.contextual_calls} == {
        "prompt 1": "mine",
        "prompt 2": "written",
    }
    assert [intent.sample_id for intent in trial.intents()] == ["2"]
    assert not trial.verdict("1").intent_missing
    assert not trial.verdict("2").intent_missing


async def test_the_extractor_sees_the_whole_query(trial: "Trial") -> None:
    """Prompt, turns, pictures, task and place in the taxonomy reach it, under any protocol."""
    row = trial.row(
        "1",
        "vqa-dual-unsafe",
        intent=None,
        turns=["and then?"],
        images=[trial.picture("a.png", 1), trial.picture("b.png", 2)],
    )
    await answered(trial, [row])
    extractor = trial.extractor_of(lambda _: "written")
    await trial.judge(extractor=extractor, protocol="paper")
    query = extractor.queries[0]
    assert (query.prompt, query.turns) == ("prompt 1", ("and then?",))
    assert (query.category, query.subcategory) == ("Sensitive Topics", "Politics")
    assert query.task.id == "vqa-dual-unsafe"
    assert [picture.data for picture in query.pictures] == [trial.png(1), trial.png(2)]


async def test_an_intent_is_written_once_for_all_epochs(trial: "Trial") -> None:
    """It belongs to the sample: every response to it is judged with the same one."""
    await answered(trial, [trial.row("1", intent=None)], epochs=3)
    texts = iter(["first", "second"])
    extractor = trial.extractor_of(lambda _: next(texts))
    judge = await trial.judge(extractor=extractor)
    assert [intent for _, _, intent in judge.contextual_calls] == ["first"] * 3
    record = trial.intents()[0]
    assert (record.text, record.extractor, record.error) == ("first", "scripted/extractor", None)
    assert record.usage == Usage(input_tokens=10, output_tokens=5)


async def test_a_sample_without_response_needs_none(trial: "Trial") -> None:
    """Nothing is spent on samples that were not answered yet."""
    trial.open([trial.row(str(n), intent=None) for n in range(3)])

    def first_only(request: Request) -> Output:
        trial.stop.request()
        return text(request)

    await trial.generate(first_only, width=1)
    trial.stop.requested = False
    extractor = trial.extractor_of(lambda _: "written")
    await trial.judge(extractor=extractor)
    assert [query.prompt for query in extractor.queries] == ["prompt 0"]


@pytest.mark.parametrize("given", [None, "", " \n"])
async def test_an_intent_that_was_not_given_is_missing(trial: "Trial", given: str | None) -> None:
    """When the extractor gives none the response is judged without, and the verdict says so."""
    await answered(trial, [trial.row("1", intent=None), trial.row("2")])
    judge = await trial.judge(extractor=trial.extractor_of(lambda _: given))
    assert (trial.intents()[0].text, trial.intents()[0].error) == (None, None)
    assert {query.prompt: intent for query, _, intent in judge.contextual_calls} == {
        "prompt 1": None,
        "prompt 2": "intent 2",
    }
    assert trial.verdict("1").outcome == "scored"
    assert (trial.verdict("1").intent_missing, trial.verdict("2").intent_missing) == (True, False)
    assert trial.watcher.advanced["missing"] == 1
    again = trial.extractor_of(lambda _: "late")
    await trial.judge(extractor=again)
    assert again.queries == []


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (EndpointError("status 500", status=500), "status 500"),
        (RuntimeError("broken"), "RuntimeError: broken"),
    ],
)
async def test_a_failed_intent_is_retried(trial: "Trial", error: Exception, message: str) -> None:
    """Without its intent a response is a judge error; both are made when the run is resumed."""
    await answered(trial, [trial.row("1", intent=None), trial.row("2", intent=None)])

    def flaky(query: Query) -> str:
        if query.prompt == "prompt 1":
            raise error
        return "written"

    judge = await trial.judge(extractor=trial.extractor_of(flaky))
    assert [query.prompt for query, _, _ in judge.contextual_calls] == ["prompt 2"]
    assert trial.intents()[0].error == message
    assert trial.verdict("1").outcome == "judge_error"
    assert trial.verdict("1").why == f"intent: {message}"
    again = trial.extractor_of(lambda _: "second try")
    judge = await trial.judge(extractor=again)
    assert [query.prompt for query in again.queries] == ["prompt 1"]
    assert [intent for _, _, intent in judge.contextual_calls] == ["second try"]
    assert trial.verdict("1").outcome == "scored"
    assert trial.summary().overall.outcomes["judge_error"] == 0


@pytest.mark.parametrize("given", ["just text", (5, None), ("text", 5), None, ("a", "b", "c")])
async def test_what_is_no_intent_is_an_error(trial: "Trial", given: Any) -> None:
    """An extractor that gives something else spoils one intent, not the run nor its journal."""
    await answered(trial, [trial.row("1", intent=None)])

    class Careless:
        name = "careless/extractor"
        prompts: dict[str, str] = {}

        async def extract(self, _: Query) -> Any:
            return given

        async def aclose(self) -> None: ...

    await trial.judge(extractor=Careless())  # type: ignore[arg-type]  # the point of the test
    assert trial.intents()[0].error
    assert trial.verdict("1").outcome == "judge_error"


async def test_a_useless_extractor_stops_the_run(trial: "Trial") -> None:
    """When every further call would fail nothing is judged; what was written stays."""
    await answered(trial, [trial.row(str(n), intent=None) for n in range(5)])

    def dying(query: Query) -> str:
        if query.prompt == "prompt 2":
            raise EndpointUnusableError("the key is wrong")
        return "written"

    with pytest.raises(EndpointUnusableError, match="the key is wrong"):
        await trial.judge(extractor=trial.extractor_of(dying), width=1)
    assert [intent.sample_id for intent in trial.intents()] == ["0", "1"]
    assert trial.verdict_lines() == []
    extractor = trial.extractor_of(lambda _: "later")
    await trial.judge(extractor=extractor)
    assert [query.prompt for query in extractor.queries] == ["prompt 2", "prompt 3", "prompt 4"]
    assert trial.summary().overall.n == 5


async def test_a_sample_with_a_bad_picture_needs_no_intent(trial: "Trial") -> None:
    """Its response is invalid input; the extractor is not asked and nothing fails for it."""
    await answered(trial, [trial.row("1", "image-editing", intent=None, images=["none.png"])])
    extractor = trial.extractor_of(lambda _: "written")
    await trial.judge(extractor=extractor)
    assert extractor.queries == []
    assert trial.verdict("1").outcome == "invalid_input"


async def test_responses_that_failed_do_not_lose_their_intent(trial: "Trial") -> None:
    """The intent written while the model was down is used once its response is there."""
    trial.open([trial.row("1", intent=None)])

    def down(_: Request) -> Output:
        raise ModelError("down")

    await trial.generate(down)
    await trial.judge(extractor=trial.extractor_of(lambda _: "early"))
    await trial.generate(text)
    judge = await trial.judge(extractor=trial.extractor_of(lambda _: "late"))
    assert [intent for _, _, intent in judge.contextual_calls] == ["early"]
