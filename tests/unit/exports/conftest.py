"""Two entries: a run with a name that attacks every format, and a published model."""

import pytest
from entries import NASTY, make_repeated, make_summary, published_entry

from unisafebench.exports.entries import Entry, entry_of


@pytest.fixture(scope="session")
def run() -> Entry:
    """Return the entry of a run whose model's name means something in every format."""
    return entry_of(
        NASTY,
        make_summary(),
        dataset="starter",
        judge="vllm/a_b",
        protocol="strict",
        notices=("a stand-in, no model",),
    )


@pytest.fixture(scope="session")
def published() -> Entry:
    """Return a published model with two tasks."""
    return published_entry(
        "Chameleon", text_generation=(2, 456, 2, 998), vqa_text_unsafe=(4, 991, 4, 996)
    )


@pytest.fixture(scope="session")
def repeated() -> Entry:
    """Return the entry of a run with three responses to each sample."""
    return entry_of("m", make_repeated())
