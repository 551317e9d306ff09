"""Endpoints that die: hung calls are cut, the rest of the budget is kept, and it is said."""

import json
import os
import random
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from commands import start, summary_of
from faulty import Faults
from faulty_runs import QUICK, answer, authors_rows, figures, judged, open_judged, unchanging
from serving import ApiServer, Asked, Fault, Reply

from unisafebench.core.errors import EndpointUnusableError
from unisafebench.endpoints.chat import ChatEndpoint
from unisafebench.endpoints.http import HttpEndpoint
from unisafebench.judging.intents import PromptedExtractor
from unisafebench.judging.prompted import PromptedJudge
from unisafebench.runs.judge import lacking_verdicts
from unisafebench.runs.manifest import JudgingRecord
from unisafebench.runs.opening import begin_judging
from unisafebench.runs.progress import Silent, Stop
from unisafebench.runs.results import existing_run
from unisafebench.runs.stages import judge_run

WIDTH, TRIES, COUNT = 8, 3, 200
DEAD: dict[str, Reply | Fault] = {
    "hangs": "hang",
    "answers slowly for ever": "slow",
    "is reset": "abort",
    "is closed": "reset",
    "is cut off": "cut",
    "is overloaded": (503, {}, {"error": {"message": "overloaded"}}),
    "says that it is too much": (429, {"Retry-After": "0"}, {"error": {"message": "too many"}}),
    "is a gateway's page": (200, {}, b"<html>Bad Gateway</html>"),
    "has no choices": (200, {}, {"choices": []}),
}
_WAYS = list(DEAD) if os.environ.get("UNISAFEBENCH_LONG") == "1" else list(DEAD)[::3]


class Dying:
    """An endpoint that answers some calls and then fails at every one."""

    def __init__(self, after: int, death: Reply | Fault) -> None:
        self.after = after
        self.calls = 0
        self._death = death

    def __call__(self, asked: Asked) -> Reply | Fault:
        """Answer while it lives."""
        self.calls += 1
        if self.calls <= self.after:
            return answer(asked)
        if isinstance(self._death, str):
            return self._death
        status, headers, body = self._death
        return status, dict(headers), body


@pytest.mark.parametrize("way", _WAYS)
async def test_a_dead_judge_does_not_burn_the_budget(tmp_path: Path, way: str) -> None:
    """After five calls that failed in a row none is begun; what was done is kept and gone on with.

    At the worst two rounds of open calls, two for a response, have all their tries: a call that
    failed while another was still answered says nothing of the endpoint, and the next round does.
    """
    run = open_judged(tmp_path, COUNT)
    limits = msgspec.structs.replace(
        QUICK, max_connections=WIDTH, timeout_s=0.2, max_retries=TRIES - 1
    )
    script = Dying(120, DEAD[way])
    with ApiServer(script) as server:
        failed = await _judge_once(run, server.root, limits)
    assert "in a row to fail in spite of its retries, so the endpoint is left alone" in str(failed)
    assert script.calls - script.after <= 2 * 2 * WIDTH * TRIES
    lacking = lacking_verdicts(run, existing_run(run))
    assert 0 < lacking <= COUNT
    with ApiServer(answer) as server:
        await judged(run, server.root)
    assert len(unchanging(run.verdicts)) == COUNT


async def _judge_once(run: Any, url: str, limits: Any) -> EndpointUnusableError:
    http = HttpEndpoint(url, api_key=None, limits=limits)
    chat = ChatEndpoint(http, "faulty")
    judge, extractor = PromptedJudge("vllm/faulty", chat), PromptedExtractor("vllm/faulty", chat)
    record = JudgingRecord(
        judge=judge.name,
        extractor=extractor.name,
        protocol="strict",
        blocked_as="refusal",
        judge_settings=dict(judge.settings),
        prompts=dict(judge.prompts),
        extractor_prompts=dict(extractor.prompts),
    )
    manifest = begin_judging(run, existing_run(run), record)
    try:
        with pytest.raises(EndpointUnusableError) as caught:
            await judge_run(
                run, manifest, judge, extractor, width=WIDTH, progress=Silent(), stop=Stop()
            )
    finally:
        await judge.aclose()
    return caught.value


async def test_clock_jumps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own clock jumps by up to a day at each look: waits, verdicts and resume are as ever."""
    whole, tried = open_judged(tmp_path / "whole", 60), open_judged(tmp_path / "tried", 60)
    with ApiServer(answer) as server:
        await judged(whole, server.root)
    draw, real = random.Random(7), time.time
    monkeypatch.setattr(time, "time", lambda: real() + draw.uniform(-86_400, 86_400))
    began = time.monotonic()
    with ApiServer(Faults(answer, 0.15, 11)) as server:
        await judged(tried, server.root)
        again = await judged(tried, server.root)
    assert time.monotonic() - began < 60
    assert again.calls == 0
    assert unchanging(tried.verdicts) == unchanging(whole.verdicts)
    assert figures(tried) == figures(whole)


def test_the_whole_way(tmp_path: Path) -> None:
    """The command itself against a judge that fails at a tenth of its calls: the same figures."""
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps(row) + "\n" for row in authors_rows(60)))
    options = (
        "judge", "rows.jsonl", "--task", "text-generation", "--judge", "vllm/faulty",
        "--timeout", "1", "--max-connections", "64", "--quiet",
    )  # fmt: skip
    faults = Faults(answer, 0.1, 5)
    for name, script in (("whole", answer), ("tried", faults)):
        with ApiServer(script) as server:
            process = start(tmp_path, *options, "--judge-base-url", server.root, "-o", name)
            _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert "Traceback" not in err
    assert faults.counts.total() > 5
    found = unchanging(tmp_path / "tried" / "verdicts.jsonl")
    assert found == unchanging(tmp_path / "whole" / "verdicts.jsonl")
    assert len(found) == 60
    assert summary_of(tmp_path / "tried") == summary_of(tmp_path / "whole")
