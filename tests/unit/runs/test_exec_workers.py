"""The stage that makes responses, with real workers that die: nothing is lost, nothing doubled."""

import os
import random
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from exec_workers import opened, write_worker

from unisafebench.models.exec import ExecModel
from unisafebench.runs.generate import generate
from unisafebench.runs.progress import Progress
from unisafebench.runs.results import existing_run

if TYPE_CHECKING:
    from conftest import Trial

SAMPLES = 30

# It notes each start and each sample in files beside it, and answers with what it was asked.
WORKER = """
    here = os.path.dirname(sys.argv[0])
    def note(name, text):
        with open(os.path.join(here, name), "a") as file:
            file.write(text)
    note(f"pid-{os.getpid()}", "")
    hello(max_in_flight=3, capabilities={"text_output": True, "image_output": True})
    for sample in samples():
        number = sample["prompt"]
        note(f"asked-{number}", "x")
        point = POINTS.get(number) if os.path.getsize(f"{here}/asked-{number}") == 1 else None
        if point == "before the answer":
            die()
        picture = sample["output_dir"] + "/picture.ppm"
        if sample["task"] == "text-to-image":
            with open(picture, "w") as file:
                file.write("P3 2 1 255  200 30 30  ")
                if point == "in a picture":
                    file.flush()
                    die()
                file.write(f"30 30 {number}\\n")
        if point == "in a line":
            sys.stdout.write('{"type": "response", "id": "%s", "text": "answ' % sample["id"])
            sys.stdout.flush()
            die()
        drawn = [picture] if sample["task"] == "text-to-image" else []
        respond(sample, text=f"answer {number}", images=drawn)
        if point == "after the answer":
            die()
"""

POISON = """
    here = os.path.dirname(sys.argv[0])
    hello(max_in_flight=3, capabilities={"text_output": True, "image_output": True})
    for sample in samples():
        number = sample["prompt"]
        with open(os.path.join(here, f"asked-{number}"), "a") as file:
            file.write("x")
        if number == "9":
            die()
        respond(sample, text=f"answer {number}")
"""


def rows(trial: "Trial") -> list[dict[str, object]]:
    """Return samples of two tasks; the prompt is the number in the id."""
    tasks = ("text-generation", "text-to-image")
    return [
        trial.row(f"s{n}", tasks[n % 2], prompt=str(n), intent=f"intent {n}")
        for n in range(SAMPLES)
    ]


async def make(
    trial: "Trial", model: ExecModel, progress: Progress | None = None, *, width: int = 8
) -> None:
    """Make the responses that are missing."""
    await generate(
        trial.run,
        existing_run(trial.run),
        model,
        width=width,
        progress=progress or trial.watcher,
        stop=trial.stop,
    )


def check_whole(trial: "Trial") -> None:
    """Each sample has one response, completed, with the answer to its own prompt."""
    lines = trial.response_lines()
    assert sorted(line.sample_id for line in lines) == sorted(f"s{n}" for n in range(SAMPLES))
    for line in lines:
        assert line.status == "completed", line.error
        assert line.text == f"answer {line.sample_id[1:]}"
        assert len(line.images) == (line.task == "text-to-image")
    pictures = {line.images[0] for line in lines if line.images}
    assert len(pictures) == SAMPLES // 2
    for name in pictures:
        trial.run.images.read(name)


async def test_death_at_every_point_of_an_answer(trial: "Trial", tmp_path: Path) -> None:
    """A worker dies before, within and after its answer: what it had is asked again, once."""
    points = {
        "4": "before the answer",
        "11": "in a picture",
        "17": "in a line",
        "22": "after the answer",
        "28": "in a line",
    }
    trial.open(rows(trial))
    name = write_worker(tmp_path / "worker.py", WORKER.replace("POINTS", repr(points)))
    async with opened(name, workers=2, log=tmp_path / "logs") as model:
        await make(trial, model)
        # The last death may come after the last answer.
        assert model.learned["crashes"] in (4, 5)
    check_whole(trial)
    asked = {n: len((tmp_path / f"asked-{n}").read_text()) for n in range(SAMPLES)}
    for number, point in points.items():
        # An answer that was written before the end is kept.
        assert asked[int(number)] == (1 if point == "after the answer" else 2)
    # At each death two other samples, at most, were in flight beside the one that killed.
    assert sum(asked.values()) <= SAMPLES + 4 * 3 + 2


class Killer:
    """A display that kills a worker whenever so many responses are on disk."""

    def __init__(self, directory: Path, seed: int, instants: list[int]) -> None:
        self.killed: list[int] = []
        self._directory = directory
        self._random = random.Random(seed)
        self._instants = instants
        self._done = self._due = 0

    def begin(self, stage: str, total: int, done: int) -> None:
        """Show nothing."""

    def advance(self, outcome: str) -> None:
        """Kill one of the workers, if it is time to."""
        del outcome
        self._done += 1
        self._due += self._done in self._instants
        pids = sorted(int(path.name[4:]) for path in self._directory.glob("pid-*"))
        living = [pid for pid in pids if pid not in self.killed]
        # Right after a kill there may be no other worker yet.
        if self._due and living:
            self.killed.append(self._random.choice(living))
            os.kill(self.killed[-1], signal.SIGKILL)
            self._due -= 1

    def end(self) -> None:
        """Show nothing."""

    def note(self, message: str) -> None:
        """Show nothing."""


@pytest.mark.parametrize("seed", range(10))
async def test_killed_at_seeded_instants(trial: "Trial", tmp_path: Path, seed: int) -> None:
    """Ten runs, two kills each, from outside, at seeded counts of responses.

    A sample that was in flight at three deaths would fail, and rightly; two are harmless.
    """
    trial.open(rows(trial))
    instants = random.Random(seed).sample(range(1, SAMPLES - 8), 2)
    killer = Killer(tmp_path, seed, instants)
    name = write_worker(tmp_path / "worker.py", WORKER.replace("POINTS", "{}"))
    async with opened(name, workers=2, log=tmp_path / "logs") as model:
        await make(trial, model, killer)
        found = model.learned
    assert len(killer.killed) == 2
    # A worker without a sample may have died unnoticed.
    deaths = [found[kind] for kind in ("crashes", "failed starts") if kind in found]
    assert deaths in ([1], [2], [1, 1])
    check_whole(trial)


async def test_a_poison_sample_ends_alone(trial: "Trial", tmp_path: Path) -> None:
    """It is a model error that names the signal; the others stay answered on resume."""
    trial.open(rows(trial))
    worker = tmp_path / "worker.py"
    async with opened(write_worker(worker, POISON), workers=2, log=tmp_path / "logs") as model:
        await make(trial, model)
    failed = trial.response("s9")
    assert failed.status == "model_error"
    assert failed.error is not None
    assert "died 3 times while they had this sample, last: killed by SIGKILL" in failed.error
    assert len(trial.response_lines()) == SAMPLES
    before = {n: len((tmp_path / f"asked-{n}").read_text()) for n in range(SAMPLES)}
    assert before[9] == 3
    mended = POISON.replace('number == "9"', "False")
    async with opened(write_worker(worker, mended), workers=2, log=tmp_path / "logs") as model:
        await make(trial, model)
    assert trial.response("s9").text == "answer 9"
    after = {n: len((tmp_path / f"asked-{n}").read_text()) for n in range(SAMPLES)}
    assert after == before | {9: 4}
