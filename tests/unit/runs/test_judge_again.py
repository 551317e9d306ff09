"""Taking the judging up again: what is asked once more, what is final, and what is replaced."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from unisafebench.core.errors import EndpointUnusableError
from unisafebench.judging.base import Finding, JudgeRefusedError, Query, UnparsedError
from unisafebench.models.base import ModelError, Output, Request
from unisafebench.runs.judge import lacking_verdicts
from unisafebench.runs.results import existing_run

if TYPE_CHECKING:
    from conftest import Trial


def finding(result: Any) -> Finding:
    """Build a finding."""
    return Finding(result=int(result))  # type: ignore[arg-type]  # 0, 1 or 2


def text(request: Request) -> Output:
    """Answer with the sample's id."""
    return Output(text=f"answer {request.sample.id}")


async def answered(
    trial: "Trial",
    rows: list[dict[str, Any]],
    answer: Callable[[Request], Output] = text,
    **changes: Any,
) -> None:
    """Open a run of these rows and make its responses."""
    trial.open(rows, **changes)
    await trial.generate(answer)


async def test_a_judge_error_is_retried_and_replaced(trial: "Trial") -> None:
    """On resume only the failed verdict is asked for again; the new one takes its place."""
    await answered(trial, [trial.row(name) for name in "123"])

    def flaky(query: Query, *_: object) -> Finding:
        if query.prompt == "prompt 2":
            raise TimeoutError
        return Finding(result=1)

    await trial.judge(trial.judge_of(flaky, 1))
    assert lacking_verdicts(trial.run, existing_run(trial.run)) == 1
    await trial.judge(trial.judge_of(flaky, 1))
    assert len(trial.verdict_lines()) == 3
    judge = await trial.judge(trial.judge_of(0, 1))
    assert [query.prompt for query, _, _ in judge.contextual_calls] == ["prompt 2"]
    assert trial.verdict("2").contextual == 0
    overall = trial.summary().overall
    assert (overall.n, overall.outcomes["judge_error"], overall.outcomes["scored"]) == (3, 0, 3)
    assert lacking_verdicts(trial.run, existing_run(trial.run)) == 0


@pytest.mark.parametrize("error", [JudgeRefusedError("no"), UnparsedError("riddle")])
async def test_what_the_judge_really_said_is_final(trial: "Trial", error: Exception) -> None:
    """A refusal to judge or a riddle is an answer: it is not asked for again."""
    await answered(trial, [trial.row("1")])

    def contextual(*_: object) -> Finding:
        raise error

    await trial.judge(trial.judge_of(contextual, 1))
    judge = await trial.judge()
    assert judge.contextual_calls == []
    assert len(trial.verdict_lines()) == 1


@pytest.mark.parametrize("status", ["model_error", "invalid_input"])
async def test_a_new_response_is_judged_anew(trial: "Trial", status: Any) -> None:
    """The verdict on a failed response stands until a response is there, then it is replaced."""
    await answered(trial, [trial.row("1"), trial.row("2")], lambda _: Output(status=status))
    await trial.judge()
    assert trial.verdict("1").outcome == status
    assert lacking_verdicts(trial.run, existing_run(trial.run)) == 0
    await trial.judge()
    assert len(trial.verdict_lines()) == 2

    def first_only(request: Request) -> Output:
        return text(request) if request.sample.id == "1" else Output(status=status)

    await trial.generate(first_only)
    assert lacking_verdicts(trial.run, existing_run(trial.run)) == 1
    await trial.judge()
    assert trial.verdict("1").outcome == "scored"
    assert trial.verdict("2").outcome == status
    overall = trial.summary().overall
    assert (overall.outcomes["scored"], overall.outcomes[status]) == (1, 1)


async def test_each_response_has_its_own_verdict(trial: "Trial") -> None:
    """With several epochs, and ids that tasks share, each response is judged by itself."""
    rows = [trial.row("1"), trial.row("1", "text-to-image", prompt="draw")]
    await answered(trial, rows, lambda r: Output(text=f"{r.task.id} {r.epoch}"), epochs=2)
    judge = trial.judge_of(
        lambda _, answer, __: finding(int(str(answer.text)[-1])),
        lambda answer: finding("image" not in str(answer.text)),
    )
    await trial.judge(judge)
    assert {
        (key.task, key.epoch): (v.contextual, v.intrinsic) for key, v in trial.verdicts().items()
    } == {
        ("text-generation", 0): (0, 1),
        ("text-generation", 1): (1, 1),
        ("text-to-image", 0): (0, 0),
        ("text-to-image", 1): (1, 0),
    }


async def test_the_last_response_is_judged_never_the_one_before(trial: "Trial") -> None:
    """After a model error the new answer is judged, and never another sample's."""

    def failing(request: Request) -> Output:
        if request.sample.id != "1":
            raise ModelError("down")
        return text(request)

    await answered(trial, [trial.row(name) for name in "123"], failing)
    await trial.generate(text)
    judge = await trial.judge()
    assert {query.prompt: answer.text for query, answer, _ in judge.contextual_calls} == {
        f"prompt {name}": f"answer {name}" for name in "123"
    }


async def test_a_useless_judge_stops_the_run_and_keeps_what_is_done(trial: "Trial") -> None:
    """When every further call would fail the work ends there; what was judged stays."""
    await answered(trial, [trial.row(str(n)) for n in range(9)])

    def dying(query: Query, *_: object) -> Finding:
        if query.prompt == "prompt 4":
            raise EndpointUnusableError("the key is wrong")
        return Finding(result=1)

    with pytest.raises(EndpointUnusableError):
        await trial.judge(trial.judge_of(dying, 1), width=1)
    assert [verdict.sample_id for verdict in trial.verdict_lines()] == ["0", "1", "2", "3"]
    await trial.judge()
    assert trial.summary().overall.n == 9
    assert len(trial.verdict_lines()) == 9


async def test_a_stop_leaves_the_rest_pending(trial: "Trial") -> None:
    """After a stop nothing new is judged; what is left is counted as pending."""
    await answered(trial, [trial.row(str(n)) for n in range(6)])

    def stopping(query: Query, *_: object) -> Finding:
        if query.prompt == "prompt 1":
            trial.stop.request()
        return Finding(result=1)

    await trial.judge(trial.judge_of(stopping, 1), width=1)
    overall = trial.summary().overall
    assert (overall.n, overall.outcomes["pending"]) == (2, 4)
