"""Killed anywhere: whatever the journals hold, the resumed run ends as if nothing had happened."""

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from unisafebench.judging.base import Answer, Finding, JudgeRefusedError, Query, UnparsedError
from unisafebench.models.base import ModelError, Output, Request

if TYPE_CHECKING:
    from conftest import ScriptedExtractor, ScriptedJudge, Trial

JOURNALS = ("responses.jsonl", "intents.jsonl", "verdicts.jsonl")


def rows(trial: "Trial") -> list[dict[str, Any]]:
    """Return twelve samples: six with text, six with pictures, half of them without an intent."""
    return [
        *(trial.row(f"t{n}", intent=None if n % 2 else "mine") for n in range(6)),
        *(trial.row(f"d{n}", "text-to-image", intent=None if n % 2 else "mine") for n in range(6)),
    ]


class Parties:
    """A model, judge and extractor that answer the same for the same; they count their calls."""

    def __init__(self, trial: "Trial") -> None:
        self._trial = trial
        self.asked: list[str] = []
        self.judge: ScriptedJudge = trial.judge_of(self.contextual, self.intrinsic)
        self.extractor: ScriptedExtractor = trial.extractor_of(self.extract)

    def answer(self, request: Request) -> Output:
        """Give text of any script, a block, nothing, an error, or a picture."""
        self.asked.append(request.sample.id)
        name = request.sample.id
        if name == "t3":
            raise ModelError("down")
        given = {
            "t1": Output(status="blocked", blocked_side="input", stop_reason="safety"),
            "t2": Output(),
            "d5": Output(text="I drew nothing."),
        }
        if name in given:
            return given[name]
        if request.task.output == "image":
            return Output(images=(self._trial.png(7),))
        return Output(text=f"Ünïcödé \U0001f600\n{name} " + "long " * int(name[1:]))

    @staticmethod
    def contextual(query: Query, _: Answer, intent: str | None) -> Finding:
        """Refuse one, riddle on another, and judge the rest by the intent it was shown."""
        assert intent in {"mine", f"written for {query.prompt}"}
        if query.prompt == "prompt t4":
            raise JudgeRefusedError("no", raw="I won't.")
        return Finding(result=0 if intent == "mine" else 1, severity=1, attempted=True)

    @staticmethod
    def intrinsic(answer: Answer) -> Finding:
        """Riddle on one."""
        if answer.text == "I drew nothing.":
            raise UnparsedError("two results")
        return Finding(result=1)

    @staticmethod
    def extract(query: Query) -> str:
        """Write the intent."""
        return f"written for {query.prompt}"


async def complete(trial: "Trial") -> Parties:
    """Take every step of the command; return the parties with what they were asked."""
    parties = Parties(trial)
    trial.open()
    await trial.generate(parties.answer)
    await trial.judge(parties.judge, parties.extractor)
    return parties


@pytest.fixture
async def whole(trial: "Trial") -> "Trial":
    """Return a run that nothing interrupted."""
    trial.write(rows(trial))
    await complete(trial)
    return trial


Make = Callable[[Path], "Trial"]


def crashed(whole: "Trial", make: Make, root: Path, sizes: dict[str, int]) -> "Trial":
    """Copy a run as a crash would leave it, its journals cut to `sizes`; 0 removes the file."""
    trial = make(root)
    shutil.copy(whole.data / "samples.jsonl", trial.data)
    shutil.copytree(whole.run.path, trial.run.path, dirs_exist_ok=True)
    for name, size in sizes.items():
        path = trial.run.path / name
        path.write_bytes(path.read_bytes()[:size])
        if size == 0:
            path.unlink()
    return trial


def records(trial: "Trial", name: str) -> int:
    """Return how many whole lines a journal has."""
    path = trial.run.path / name
    return path.read_bytes().count(b"\n") if path.exists() else 0


async def check_resume(whole: "Trial", trial: "Trial") -> None:
    """Resume and compare: the same figures, nothing lost, doubled or asked for twice."""
    kept = {name: records(trial, name) for name in JOURNALS}
    failed = any(r.sample_id == "t3" for r in trial.response_lines())
    parties = await complete(trial)
    assert trial.figures() == whole.figures()
    assert len(trial.responses()) == len(trial.response_lines()) == 12
    assert len({(i.task, i.sample_id) for i in trial.intents()}) == len(trial.intents()) == 6
    assert len(trial.verdicts()) == 12
    assert len(parties.asked) == 12 - kept["responses.jsonl"] + failed
    assert len(parties.extractor.queries) == 6 - kept["intents.jsonl"]
    comparable = [
        (key, v.outcome, v.contextual, v.intrinsic, v.why, v.intent_missing)
        for key, v in sorted(trial.verdicts().items())
    ]
    assert comparable == [
        (key, v.outcome, v.contextual, v.intrinsic, v.why, v.intent_missing)
        for key, v in sorted(whole.verdicts().items())
    ]
    again = await complete(trial)
    assert again.asked == ["t3"]
    assert again.extractor.queries == []
    assert again.judge.contextual_calls == []
    assert trial.figures() == whole.figures()


async def test_the_uninterrupted_run_has_something_of_everything(whole: "Trial") -> None:
    """What the crashes are compared with: the outcomes, worked out by hand."""
    outcomes = whole.summary().overall.outcomes
    # t0 and t5; t1 and the five same pictures; t2; t3; t4; d5.
    wanted = {"scored": 2, "blocked": 6, "empty": 1, "model_error": 1, "judge_refused": 1}
    assert {name: count for name, count in outcomes.items() if count} == wanted | {"unparsed": 1}
    assert records(whole, "verdicts.jsonl") == 12 + 5


def stages(whole: "Trial", draw: random.Random) -> Iterator[dict[str, int]]:
    """Yield what a crash leaves at forty random instants: later journals do not exist yet."""
    full = {name: (whole.run.path / name).stat().st_size for name in JOURNALS}
    for number in range(40):
        at = number % 3
        cut = {JOURNALS[at]: draw.randint(0, full[JOURNALS[at]])}
        yield cut | dict.fromkeys(JOURNALS[at + 1 :], 0)


async def test_a_crash_at_any_instant(whole: "Trial", trial_at: Make, tmp_path: Path) -> None:
    """Wherever in whichever journal it happened, resuming ends with the same summary."""
    for number, sizes in enumerate(stages(whole, random.Random(20260401))):
        await check_resume(whole, crashed(whole, trial_at, tmp_path / f"crash{number}", sizes))


async def test_a_crash_after_any_verdict(whole: "Trial", trial_at: Make, tmp_path: Path) -> None:
    """Between any two verdicts, also after the last one and before or amid the placeholders."""
    content = (whole.run.path / "verdicts.jsonl").read_bytes()
    ends = [at + 1 for at, byte in enumerate(content) if byte == ord("\n")]
    for number, size in enumerate(ends):
        trial = crashed(whole, trial_at, tmp_path / f"crash{number}", {"verdicts.jsonl": size})
        await check_resume(whole, trial)


async def test_a_power_cut(whole: "Trial", trial_at: Make, tmp_path: Path) -> None:
    """When each journal lost as much as it would, in any mixture, the summary is still the same."""
    draw = random.Random(604)
    for number in range(20):
        sizes = {name: draw.randint(0, (whole.run.path / name).stat().st_size) for name in JOURNALS}
        trial = crashed(whole, trial_at, tmp_path / f"crash{number}", sizes)
        await complete(trial)
        assert trial.figures() == whole.figures()
