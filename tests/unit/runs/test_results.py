"""Reading a run: counts that add up, the last verdict of each response, records joined."""

import json
from typing import TYPE_CHECKING, Any

import pytest

from unisafebench.core.errors import RunError
from unisafebench.judging.base import Answer, Finding, JudgeRefusedError, Query
from unisafebench.models.base import Output, Request
from unisafebench.runs.results import (
    common_reasons,
    existing_run,
    results,
    summary_of,
    write_summary,
)

if TYPE_CHECKING:
    from conftest import Trial


def text(request: Request) -> Output:
    """Answer with the sample's id and epoch."""
    return Output(text=f"answer {request.sample.id} {request.epoch}")


async def mixed(trial: "Trial") -> None:
    """Make a run with something of everything: 9 samples, 1 of them a twin, 1 not answered."""
    rows = [
        *(trial.row(str(n)) for n in range(5)),
        trial.row("draw", "text-to-image", category="Religion"),
        trial.row("edit", "image-editing", images=["none.png"]),
        trial.row("twin", twin_of="0"),
        trial.row("late", category="Self-Harm"),
    ]
    trial.open(rows, not_supported=("vqa-dual-unsafe",))
    given = {
        "0": Output(text="a"),
        "1": Output(text="b"),
        "2": Output(status="blocked", blocked_side="input"),
        "3": Output(),
        "4": Output(text="e"),
        "draw": Output(status="model_error", error="down"),
        "twin": Output(text="f"),
    }

    def answer(request: Request) -> Output:
        if request.sample.id == "twin":
            trial.stop.request()
        return given[request.sample.id]

    await trial.generate(answer, width=1)
    trial.stop.requested = False

    def contextual(query: Query, *_: object) -> Finding:
        if query.prompt == "prompt 4":
            raise JudgeRefusedError("no")
        return Finding(result=0 if query.prompt == "prompt 0" else 1, severity=2, attempted=True)

    await trial.judge(trial.judge_of(contextual, 1))


async def test_every_response_that_was_asked_for_is_counted(trial: "Trial") -> None:
    """Scored, failed and pending together are what was asked; twins are apart."""
    await mixed(trial)
    summary = trial.summary()
    overall = summary.overall
    assert overall.asked == 8
    assert sum(overall.outcomes.values()) == 8
    assert overall.outcomes == {
        "scored": 2,
        "blocked": 1,
        "empty": 1,
        "model_error": 1,
        "judge_error": 0,
        "judge_refused": 1,
        "unparsed": 0,
        "invalid_input": 1,
        "pending": 1,
    }
    # The block counts as a refusal (2, 1): three pairs, one of them unsafe in context.
    assert (overall.n, overall.coverage) == (3, 3 / 8)
    assert overall.joint["context_0_intrinsic_1"] == 1
    assert overall.joint["context_1_intrinsic_1"] == 1
    assert overall.joint["context_2_intrinsic_1"] == 1
    assert sum(overall.joint.values()) == 3
    assert (overall.rates["C-U"].rate, overall.rates["C-R"].rate) == (1 / 3, 1 / 3)
    assert (overall.rates["I-U"].count, overall.rates["B-S"].count) == (0, 2)
    assert overall.rates["C-U"].bound_low == 1 / 8
    assert overall.rates["C-U"].bound_high == 6 / 8
    assert overall.blocked_sides["input"] == 1
    assert summary.twins is not None
    assert summary.not_supported == ("vqa-dual-unsafe",)


async def test_the_groups_of_a_summary_add_up(trial: "Trial") -> None:
    """Tasks, categories and cells are other sums over the same responses."""
    await mixed(trial)
    summary = trial.summary()
    cells = [group for part in summary.cells.values() for group in part.values()]
    for groups in (summary.tasks.values(), summary.categories.values(), cells):
        assert sum(group.asked for group in groups) == summary.overall.asked
        assert sum(group.n for group in groups) == summary.overall.n
        for outcome, count in summary.overall.outcomes.items():
            assert sum(group.outcomes[outcome] for group in groups) == count
    assert {name: group.asked for name, group in summary.tasks.items()} == {
        "text-generation": 6,
        "text-to-image": 1,
        "image-editing": 1,
    }


async def test_the_last_verdict_counts(trial: "Trial") -> None:
    """However many verdicts a response has had, it is counted once, by the last one."""
    trial.open([trial.row("1"), trial.row("2")])
    await trial.generate(text)

    def broken(*_: object) -> Finding:
        raise TimeoutError

    await trial.judge(trial.judge_of(broken, 1))
    assert trial.summary().overall.outcomes["judge_error"] == 2
    await trial.judge(trial.judge_of(0, 1))
    overall = trial.summary().overall
    assert (overall.asked, overall.n, overall.outcomes["judge_error"]) == (2, 2, 0)
    assert overall.rates["C-U"].count == 2
    assert len(trial.verdict_lines()) == 4


async def test_the_commonest_reasons_are_counted(trial: "Trial") -> None:
    """Why responses are unscored is told by outcome, the commonest first, the last record only."""
    trial.open([trial.row(name) for name in "abcdefg"])
    await trial.generate(
        lambda r: Output(status="model_error", error="down") if r.sample.id == "a" else text(r)
    )

    def contextual(query: Query, *_: object) -> Finding:
        if query.prompt in {"prompt b", "prompt c"}:
            raise JudgeRefusedError("no")
        return Finding(result=1)

    def intrinsic(answer: Answer) -> Finding:
        if str(answer.text)[7] in "def":
            raise TimeoutError("slow")
        return Finding(result=1)

    await trial.judge(trial.judge_of(contextual, intrinsic))
    reasons = [
        ("judge_error", "intrinsic: TimeoutError: slow", 3),
        ("judge_refused", "contextual: no", 2),
        ("model_error", "down", 1),
    ]
    assert common_reasons(trial.run) == reasons
    assert common_reasons(trial.run, most=1) == reasons[:1]
    await trial.judge()
    assert common_reasons(trial.run) == reasons[1:]


async def test_epochs_are_asked_for_and_counted(trial: "Trial") -> None:
    """Each epoch of a sample is a response that was asked for."""
    trial.open([trial.row("1"), trial.row("2")], epochs=3)
    await trial.generate(text)
    await trial.judge()
    summary = trial.summary()
    assert (summary.overall.asked, summary.overall.n, summary.epochs) == (6, 6, 3)


async def test_a_run_that_was_not_judged_is_all_pending(trial: "Trial") -> None:
    """Before any verdict the summary has counts, and no rate."""
    trial.open([trial.row("1"), trial.row("2")])
    overall = trial.summary().overall
    assert (overall.asked, overall.n, overall.outcomes["pending"]) == (2, 0, 2)
    assert overall.rates["C-U"].rate is None


@pytest.mark.parametrize(("blocked_as", "n"), [("refusal", 1), ("unscored", 0), ("separate", 0)])
async def test_blocks_enter_the_rates_as_the_run_was_judged(
    trial: "Trial", blocked_as: str, n: int
) -> None:
    """The choice of the manifest decides how the summary counts them."""
    trial.open([trial.row("1")])
    await trial.generate(lambda _: Output(status="blocked", blocked_side="input"))
    await trial.judge(blocked_as=blocked_as)
    summary = trial.summary()
    assert (summary.overall.n, summary.blocked_as) == (n, blocked_as)


async def test_records_are_joined_in_the_order_of_the_samples(trial: "Trial") -> None:
    """Whatever the order of writing, results come by sample, with all that belongs to them."""
    rows = [
        trial.row("b"),
        trial.row("a", intent=None),
        trial.row("b", "text-to-image", prompt="draw"),
        trial.row("c"),
    ]
    trial.open(rows, epochs=2)

    def stopping(request: Request) -> Output:
        if request.task.id == "text-to-image" and request.epoch == 1:
            trial.stop.request()
        return text(request)

    await trial.generate(stopping, width=1)
    trial.stop.requested = False
    await trial.judge(width=3)
    found = list(results(trial.run, existing_run(trial.run)))
    assert [(r.sample.task, r.sample.id, r.epoch) for r in found] == [
        (row["task"], row["id"], epoch) for row in rows for epoch in (0, 1)
    ]
    for result in found[:6]:
        assert result.response is not None
        assert result.verdict is not None
        key = (result.sample.task, result.sample.id, result.epoch)
        assert result.response.key == result.verdict.key == key
        assert result.response.text == f"answer {result.sample.id} {result.epoch}"
    assert [r.intent for r in found[::2]] == [
        "intent b",
        "written for prompt a",
        "intent b",
        "intent c",
    ]
    assert all(r.response is None and r.verdict is None for r in found[6:])


async def test_results_show_the_last_record(trial: "Trial") -> None:
    """A response or verdict that was replaced is not shown."""
    trial.open([trial.row("1")])
    await trial.generate(lambda _: Output(status="model_error", error="down"))
    await trial.judge()
    await trial.generate(text)
    await trial.judge()
    (result,) = results(trial.run, existing_run(trial.run))
    assert result.response is not None
    assert result.verdict is not None
    assert (result.response.text, result.verdict.outcome) == ("answer 1 0", "scored")


async def test_the_summary_is_written_with_what_it_is_of(trial: "Trial") -> None:
    """summary.json names model, data set, judge and protocol beside the figures."""
    await mixed(trial)
    manifest = existing_run(trial.run)
    write_summary(trial.run, manifest, summary_of(trial.run, manifest, max_unscored=0.03))
    document: dict[str, Any] = json.loads(trial.run.summary.read_text(encoding="utf-8"))
    assert document["format"] == "unisafebench-summary-1"
    assert document["run"] == {
        "model": "function/test",
        "dataset": "data",
        "dataset_fingerprint": manifest.dataset.fingerprint,
        "judge": "scripted/judge",
        "judge_notice": None,
        "extractor": "scripted/extractor",
        "protocol": "strict",
    }
    assert document["overall"]["asked"] == 8
    assert document["overall"]["rates"]["C-U"]["count"] == 1
    assert document["max_unscored"] == 0.03


def test_a_directory_without_run_is_named(trial: "Trial") -> None:
    """Asking for the results of no run says so."""
    with pytest.raises(RunError, match=r"is no run: it has no manifest\.json"):
        existing_run(trial.run)
