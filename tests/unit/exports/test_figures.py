"""Figures: the same bytes each time, readable text, nothing of the user's settings."""

import hashlib
import os
import subprocess
import sys
from typing import Literal
from xml.etree import ElementTree as ET

import msgspec
import pytest

from unisafebench.core.errors import MissingExtraError, UsageError
from unisafebench.exports.entries import Entry, Utility
from unisafebench.exports.figures import FIGURES, draw

_SVG = "{http://www.w3.org/2000/svg}"


def _words(content: bytes) -> str:
    root = ET.fromstring(content.decode())  # noqa: S314 -- ours
    assert root.tag == f"{_SVG}svg"
    return "\n".join("".join(node.itertext()) for node in root.iter(f"{_SVG}text"))


@pytest.mark.parametrize("form", ["svg", "pdf"])
@pytest.mark.parametrize("kind", list(FIGURES))
def test_same_bytes(kind: str, form: Literal["svg", "pdf"], run: Entry, published: Entry) -> None:
    """Two drawings of the same entries do not differ in a byte and hold no date."""
    able = msgspec.structs.replace(run, utility={"text-generation": Utility(value=0.5)})
    first, second = (draw(kind, [able, published], form) for _ in range(2))
    assert first == second
    assert b"Date" not in first
    assert first.startswith(b"%PDF-" if form == "pdf" else b"<?xml")


_OTHER_PROCESS = """
import hashlib, sys, matplotlib
matplotlib.rcParams["font.size"] = 20
from unisafebench.exports.entries import Entry, Figures, Utility
from unisafebench.exports.figures import draw
from unisafebench.metrics.groups import RATES, proportion
rates = {rate: proportion(3, 10) for rate in RATES}
one = Figures(asked=10, n=10, coverage=1.0, reportable=True, reason=None, rates=rates)
entry = Entry(name="demo", tasks={"text-generation": one}, overall=one,
              overall_tasks=("text-generation",), utility={"text-generation": Utility(value=0.5)})
for kind in ("bars", "plane"):
    for form in ("svg", "pdf"):
        print(hashlib.sha256(draw(kind, [entry], form)).hexdigest())
"""


@pytest.mark.slow
def test_same_bytes_in_another_process() -> None:
    """Neither the seed of hashing nor the user's own settings change a figure."""
    seen = set()
    for seed in ("1", "2"):
        ended = subprocess.run(
            [sys.executable, "-c", _OTHER_PROCESS], capture_output=True, text=True, check=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        )  # fmt: skip
        assert len(ended.stdout.split()) == 4
        seen.add(ended.stdout)
    assert len(seen) == 1
    assert hashlib.sha256(b"").hexdigest() not in seen.pop()


def test_bars_name_what_they_show(run: Entry, published: Entry) -> None:
    """Names stand as they are, without mathematics; missing figures are marked."""
    words = _words(draw("bars", [run, published], "svg"))
    assert "$x$ <b>&" in words
    assert "[U+202E]" in words
    assert "Chameleon (published)" in words
    for part in ("n/a", "safe in both verdicts", "B-S", "\u2020 not reportable"):
        assert part in words


def test_heatmap_holds_rates_and_counts(run: Entry) -> None:
    """On text generation C-U is 3 of 7 for Sensitive Topics; what was not asked is n/a."""
    words = _words(draw("heatmap", [run], "svg", rate="C-U"))
    assert "42.9" in words
    assert "n = 7" in words
    assert "Sensitive Topics" in words
    assert "n/a" in words


def test_what_cannot_be_drawn(run: Entry, published: Entry) -> None:
    """The message says what is missing."""
    with pytest.raises(UsageError, match="by category"):
        draw("heatmap", [published], "svg")
    with pytest.raises(UsageError, match="utility"):
        draw("plane", [run], "svg")
    with pytest.raises(UsageError, match="harmless twins"):
        draw("refusal", [published], "svg")
    nothing = msgspec.structs.replace(published, tasks={})
    with pytest.raises(UsageError, match="no task"):
        draw("bars", [nothing], "svg")


def test_over_refusal_names_what_it_shows(run: Entry) -> None:
    """One point, of the one task with twins, with both axes in words."""
    words = _words(draw("refusal", [run], "svg"))
    assert "harmless twins refused (lower is better)" in words
    assert "C-U, contextually unsafe (lower is better)" in words
    assert "Malicious Text Generation" in words


def test_many_models_can_be_told_apart(published: Entry) -> None:
    """In the plane each point carries the number of its model."""
    entries = [msgspec.structs.replace(published, name=f"model {n}") for n in range(12)]
    words = _words(draw("plane", entries, "svg")).split("\n")
    assert words.count("12") == 2  # both tasks: text generation, and VQA with its one utility
    assert "12  model 11 (published)" in words


def test_without_the_library(monkeypatch: pytest.MonkeyPatch, run: Entry) -> None:
    """The extra to install is named."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"unisafebench\[export\]"):
        draw("bars", [run], "svg")
