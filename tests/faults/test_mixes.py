"""Endpoints that fail in every way: the verdicts are those of a run in which nothing failed."""

import os
import sys
from collections import Counter
from pathlib import Path

import pytest
from faulty import JUDGE_FAULTS, MODEL_FAULTS, Faults
from faulty_runs import (
    PATIENT,
    answer,
    doubled,
    figures,
    generated,
    judged,
    open_generated,
    open_judged,
    unchanging,
)
from serving import ApiServer

from unisafebench.runs.checkup import check_run

LONG = os.environ.get("UNISAFEBENCH_LONG") == "1"
SEEDS = range(604, 609) if LONG else range(604, 605)
RATES = (0.05, 0.15, 0.30)
MODEL_RATES = RATES if LONG else RATES[-1:]
COUNT = 300 if LONG else 120


def told(name: str, faults: Faults, **numbers: int) -> None:
    """Print how often each fault was met (seen with -s)."""
    met = ", ".join(f"{kind} {count}" for kind, count in sorted(faults.counts.items()))
    rest = ", ".join(f"{what} {number}" for what, number in numbers.items())
    share = faults.counts.total() / faults.calls
    sys.stdout.write(f"\n{name}: {faults.calls} calls, {share:.1%} failed; {rest}; {met}\n")


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("seed", SEEDS)
async def test_faulty_judge(tmp_path: Path, rate: float, seed: int) -> None:
    """The judge fails at 5, 15 and 30 % of its calls; no verdict is lost, doubled or changed."""
    whole, tried = open_judged(tmp_path / "whole", COUNT), open_judged(tmp_path / "tried", COUNT)
    with ApiServer(answer) as server:
        clean = await judged(whole, server.root, PATIENT)
    faults = Faults(answer, rate, seed)
    with ApiServer(faults) as server:
        passes = await judged(tried, server.root)
    told(f"judge at {rate:.0%}, seed {seed}", faults, passes=passes.passes, failed=passes.failures)
    assert clean.passes == 1
    assert clean.retries == 0
    found = unchanging(tried.verdicts)
    assert len(found) == COUNT
    assert found == unchanging(whole.verdicts)
    assert unchanging(tried.intents) == unchanging(whole.intents)
    assert figures(tried) == figures(whole)
    assert doubled(tried.verdicts, ("judge_error",)) == []
    assert doubled(tried.intents, ()) == []
    assert [each for each in check_run(tried) if each.state == "problem"] == []
    if rate == max(RATES):
        assert set(faults.counts) == set(JUDGE_FAULTS)


@pytest.mark.parametrize("rate", MODEL_RATES)
@pytest.mark.parametrize("seed", SEEDS)
async def test_faulty_model_and_judge(tmp_path: Path, rate: float, seed: int) -> None:
    """The model fails as often, then the judge: texts, pictures and verdicts are the same."""
    count = COUNT
    whole, tried = (open_generated(tmp_path / name, count) for name in ("whole", "tried"))
    with ApiServer(answer) as server:
        assert await generated(whole, server.root, PATIENT) == 1
        await judged(whole, server.root, PATIENT)
    asked = Faults(answer, rate, seed, MODEL_FAULTS)
    with ApiServer(asked) as server:
        passes = await generated(tried, server.root)
    told(f"model at {rate:.0%}, seed {seed}", asked, passes=passes)
    judge = Faults(answer, rate, seed)
    with ApiServer(judge) as server:
        again = await judged(tried, server.root)
    told(f"its judge at {rate:.0%}, seed {seed}", judge, passes=again.passes)
    assert unchanging(tried.responses) == unchanging(whole.responses)
    found = unchanging(tried.verdicts)
    assert len(found) == count
    assert found == unchanging(whole.verdicts)
    assert Counter(each["outcome"] for each in found) == {"scored": count}
    assert figures(tried) == figures(whole)
    assert doubled(tried.responses, ("model_error",)) == []
    assert doubled(tried.verdicts, ("judge_error", "model_error")) == []
    assert [each for each in check_run(tried) if each.state == "problem"] == []
    if rate == max(RATES):
        assert set(asked.counts) | set(judge.counts) == set(JUDGE_FAULTS)
