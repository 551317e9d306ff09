"""How many simulations, and what is left of each: a measured share."""

import os
import sys
from collections.abc import Callable

import pytest

LONG = os.environ.get("UNISAFEBENCH_LONG") == "1"
Measure = Callable[[str, float, int], float]


@pytest.fixture
def times() -> int:
    """Return by how much the numbers of simulations grow: 10 with UNISAFEBENCH_LONG=1."""
    return 10 if LONG else 1


@pytest.fixture
def measure(request: pytest.FixtureRequest) -> Measure:
    """Return a function that writes down the hits of simulations (seen with -s): their share."""

    def note(name: str, hits: float, simulations: int) -> float:
        share = hits / simulations
        sys.stdout.write(f"\n{request.node.name}: {name}: {share:.4f} of {simulations}\n")
        return share

    return note
