"""No parser of foreign text crashes, whatever it is fed: short by default, long when asked.

UNISAFEBENCH_LONG=1 feeds the parsers for ten minutes in all, or for UNISAFEBENCH_FUZZ_SECONDS,
each time from another seed; a crash prints the input, which then belongs to the seeds of its
target in tests/support/fuzz_targets.py: they are fed at every run.
"""

import os
import shutil
import sys
import time
from pathlib import Path

import pytest
from fuzz_targets import TARGETS, Target
from hypothesis import HealthCheck, Phase, given, seed, settings

LONG = os.environ.get("UNISAFEBENCH_LONG") == "1"
SECONDS = float(os.environ.get("UNISAFEBENCH_FUZZ_SECONDS", "600")) / len(TARGETS)
SHORT, ROUND = 40, 400


def fed(target: Target, directory: Path, number: int, examples: int) -> int:
    """Feed a parser from a seed; return how many inputs it took."""
    count = 0

    @seed(number)
    @settings(
        max_examples=examples,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    @given(target.strategy)
    def feed(value: object) -> None:
        nonlocal count
        count += 1
        feed_once(target, value, directory)

    feed()
    return count


def feed_once(target: Target, value: object, directory: Path) -> None:
    """Feed one input in an empty directory; only documented errors may come out."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    try:
        target.feed(value, directory)
    except target.documented:
        return


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_input(name: str, tmp_path: Path) -> None:
    """What is right as it is, damaged in a few places, and mere noise."""
    target, directory = TARGETS[name], tmp_path / "work"
    for value in target.seeds:
        feed_once(target, value, directory)
    if not LONG:
        fed(target, directory, 604, SHORT)
        return
    began, count, number = time.monotonic(), 0, 604
    while time.monotonic() - began < SECONDS:
        count += fed(target, directory, number, ROUND)
        number += 1
    sys.stdout.write(f"\n{name}: {count:,} inputs, {number - 604} seeds\n")
