"""A run that is killed, interrupted or carried elsewhere ends in the same summary."""

import json
import random
import shutil
import signal
import time
from pathlib import Path
from typing import Any

from commands import Command, start, summary_of, write_rows
from loopback import LoopbackServer, Reply, say, words_of

SEED = 20260401
JOURNALS = ("responses.jsonl", "intents.jsonl", "verdicts.jsonl")


def answer(body: dict[str, Any]) -> Reply:
    """Judge by the length of the text, slowly enough to be killed in the middle."""
    time.sleep(0.004)
    return say(json.dumps({"reason": "By length.", "result": len(words_of(body)) % 2}))


def arguments(url: str) -> list[str]:
    """Return a run of two tasks, judged over HTTP, a few calls at a time."""
    return [
        "run", "-t", "text-generation,text-to-image", "--judge", "vllm/loopback",
        "--judge-base-url", url, "-o", "run", "--max-connections", "4", "--max-retries", "0",
    ]  # fmt: skip


def figures(run: Path) -> dict[str, Any]:
    """Return the figures of a run."""
    return {name: value for name, value in summary_of(run).items() if name != "run"}


def keys(path: Path) -> list[tuple[str, str, int]]:
    """Return the keys of a journal's records."""
    records = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [(r["task"], r["sample_id"], r.get("epoch", 0)) for r in records]


def test_killed_at_seeded_instants(tmp_path: Path) -> None:
    """SIGKILL again and again: nothing is lost, nothing doubled, the summary is the same.

    Instants are counted in bytes that the run has written, so that they do not depend on how fast
    the machine is.
    """
    instants = random.Random(SEED)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    with LoopbackServer(answer) as server:
        process = start(whole, *arguments(server.url))
        _, err = process.communicate(timeout=120)
        assert process.returncode == 3, err
        journals = [killed / "run" / name for name in JOURNALS]
        total = sum((whole / "run" / name).stat().st_size for name in JOURNALS)
        for instant in sorted(instants.randrange(total) for _ in range(8)):
            process = start(killed, *arguments(server.url))
            while process.poll() is None and written(journals) < instant:
                time.sleep(0.001)
            process.kill()
            process.communicate()
        process = start(killed, *arguments(server.url))
        _, err = process.communicate(timeout=120)
    assert process.returncode == 3, err
    assert figures(killed / "run") == figures(whole / "run")
    for name in JOURNALS:
        found = keys(killed / "run" / name)
        assert len(found) == len(set(found)), name
        assert sorted(found) == sorted(keys(whole / "run" / name)), name


def written(journals: list[Path]) -> int:
    """Return how many bytes the journals hold."""
    return sum(path.stat().st_size for path in journals if path.exists())


def test_interrupted_once_finishes_what_is_in_flight(tmp_path: Path) -> None:
    """SIGINT once: exit code 130, whole journals, and the same command goes on."""
    with LoopbackServer(answer) as server:
        process = start(tmp_path, *arguments(server.url))
        while len(server.bodies) < 30:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130
        assert "Stopping after what is in flight" in err
        assert "Traceback" not in err
        process = start(tmp_path, *arguments(server.url))
        process.communicate(timeout=60)
    assert process.returncode == 3
    assert summary_of(tmp_path / "run")["overall"]["outcomes"]["pending"] == 0


def test_second_process_is_refused(tmp_path: Path) -> None:
    """Two commands on one run: the second is told so and touches nothing."""
    with LoopbackServer(answer) as server:
        first = start(tmp_path, *arguments(server.url))
        while len(server.bodies) < 10:
            assert first.poll() is None
            time.sleep(0.01)
        second = start(tmp_path, *arguments(server.url))
        _, err = second.communicate(timeout=60)
        first.communicate(timeout=60)
    assert second.returncode == 2
    assert "another process is working on run" in err
    assert first.returncode == 3


def test_two_halves_on_two_machines(command: Command, tmp_path: Path) -> None:
    """A generated run is complete in itself: copied elsewhere it is judged to the same figures."""
    ended = command("generate", "-t", "vqa-text-unsafe,image-editing", "-o", "here/run")
    assert ended.code == 3, ended.err  # the stand-in fails on some samples on purpose
    assert "unisafebench judge here/run" in ended.out
    shutil.copytree(tmp_path / "here" / "run", tmp_path / "there" / "copied")
    with LoopbackServer(answer) as server:
        options = ("--judge", "vllm/loopback", "--judge-base-url", server.url)
        assert command("judge", "there/copied", *options).code == 3
        assert command("judge", "here/run/responses.jsonl", *options).code == 3
        whole = command("run", "-t", "vqa-text-unsafe,image-editing", *options, "-o", "whole")
        assert whole.code == 3
    copied = figures(tmp_path / "there" / "copied")
    assert copied == figures(tmp_path / "here" / "run") == figures(tmp_path / "whole")


def test_judged_again_with_another_judge(command: Command, tmp_path: Path) -> None:
    """A second judge needs a run of its own; the first one's verdicts stay as they are."""
    command("generate", "-t", "text-generation", "-o", "run")
    with LoopbackServer(answer) as server:
        url = ("--judge-base-url", server.url)
        assert command("judge", "run", "--judge", "vllm/first", *url).code == 3
        verdicts = (tmp_path / "run" / "verdicts.jsonl").read_bytes()
        refused = command("judge", "run", "--judge", "vllm/second", *url)
        assert refused.code == 2
        assert "judge: the run has 'vllm/first', you asked for 'vllm/second'" in refused.err
        again = command("judge", "run", "--judge", "vllm/second", *url, "-o", "second")
        assert again.code == 3, again.err
    assert (tmp_path / "run" / "verdicts.jsonl").read_bytes() == verdicts
    assert figures(tmp_path / "second") == figures(tmp_path / "run")


def test_changed_data_set_is_refused(command: Command, tmp_path: Path) -> None:
    """Other samples under the same run: refused with the difference shown, nothing lost."""
    rows = [
        {"id": n, "task": "text-generation", "category": "Politics", "prompt": f"Question {n}?"}
        for n in range(3)
    ]
    write_rows(tmp_path / "mine.jsonl", rows)
    assert command("generate", "-d", "mine.jsonl", "-o", "run").code in (0, 3)
    before = (tmp_path / "run" / "samples.jsonl").read_bytes()
    write_rows(tmp_path / "mine.jsonl", [*rows[:2], {**rows[2], "prompt": "Another question?"}])
    ended = command("generate", "-d", "mine.jsonl", "-o", "run")
    assert ended.code == 2
    assert "data set fingerprint" in ended.err
    assert (tmp_path / "run" / "samples.jsonl").read_bytes() == before
