"""Counting by sample: tables by hand, and sums that must hold however responses are grouped."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from unisafebench.core.records import Verdict
from unisafebench.core.taxonomy import SUBCATEGORIES, category_of
from unisafebench.metrics.by_sample import (
    ATTEMPTED,
    BLOCKED,
    COUNTED,
    UNDECIDED,
    Recorder,
    blocked_counts,
    sample_table,
    verdict_code,
    verdict_codes,
)
from unisafebench.metrics.counts import CellKey, Counts, Tally, total
from unisafebench.metrics.groups import RATES, Policy, group_of
from unisafebench.metrics.summary import summarize

Response = tuple[int, int, str, int | None, int | None, bool]
"""Number of the sample and of its subcategory, outcome, the two verdicts, attempted."""

_OUTCOMES = ("scored", "blocked", "empty", "judge_error")


def _verdict(response: Response, epoch: int) -> Verdict:
    sample, place, outcome, contextual, intrinsic, attempted = response
    subcategory = SUBCATEGORIES[place]
    return Verdict(
        sample_id=f"{place}-{sample}",
        task="text-generation",
        category=category_of(subcategory),
        subcategory=subcategory,
        epoch=epoch,
        model="m",
        judge="j",
        outcome=outcome,  # type: ignore[arg-type]  # drawn from the outcomes
        contextual=contextual,  # type: ignore[arg-type]
        intrinsic=intrinsic,  # type: ignore[arg-type]
        attempted=attempted,
    )


def test_a_table_by_hand() -> None:
    """Two samples: one unsafe and attempted, refused and blocked; the other undecided."""
    recorder = Recorder()
    recorder.add(7, verdict_code(0, judged=True, attempted=True, blocked=False))
    recorder.add(9, verdict_code(UNDECIDED, judged=False, attempted=False, blocked=False))
    recorder.add(7, verdict_code(5, judged=False, attempted=False, blocked=True))
    recorder.add(7, verdict_code(UNDECIDED, judged=False, attempted=False, blocked=True))
    table = recorder.table(3)
    assert table.shape[0] == 3
    assert table[:, COUNTED].tolist() == [[1, 0, 0, 0, 0, 0], [0] * 6, [0] * 6]
    assert table[:, BLOCKED].tolist() == [[0, 0, 0, 0, 0, 1], [0] * 6, [0] * 6]
    assert table[:, ATTEMPTED].tolist() == [[1, 0, 0, 0, 0, 0], [0] * 6, [0] * 6]
    blocked, recorded = blocked_counts(table)
    assert (blocked.tolist(), recorded.tolist()) == ([2, 0, 0], [3, 1, 0])


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans(), st.booleans(), st.booleans())))
def test_codes_of_arrays_are_those_of_each(rows: list[tuple[int, bool, bool, bool]]) -> None:
    """Both ways to make a code agree, and no two different responses share one."""
    codes = verdict_codes(
        np.array([row[0] for row in rows], dtype=np.int8),
        *(np.array([row[at] for row in rows], dtype=np.bool_) for at in (1, 2, 3)),
    )
    for code, (cell, judged, attempted, blocked) in zip(codes.tolist(), rows, strict=True):
        assert code == verdict_code(cell, judged=judged, attempted=attempted, blocked=blocked)
    assert len(set(codes.tolist())) == len(set(rows))


@st.composite
def _responses(draw: st.DrawFn) -> list[Response]:
    found: list[Response] = []
    for sample, place in draw(
        st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=40)
    ):
        outcome = draw(st.sampled_from(_OUTCOMES))
        pair: tuple[int | None, int | None] = (None, None)
        if outcome != "judge_error":
            pair = (draw(st.integers(0, 2)), draw(st.integers(0, 1)))
        found.append((sample, place, outcome, *pair, draw(st.booleans())))
    return found


def _filled(responses: list[Response]) -> Tally:
    tally = Tally(by_sample=True)
    epochs: dict[tuple[int, int], int] = {}
    for response in responses:
        epoch = epochs.get(response[:2], 0)
        epochs[response[:2]] = epoch + 1
        tally.add(_verdict(response, epoch))
    for (_, place), n in epochs.items():
        name = SUBCATEGORIES[place]
        tally.ask("text-generation", category_of(name), name, twin=False, n=n)
    return tally


@settings(max_examples=50)
@given(_responses())
def test_merging_groups_adds_counts(responses: list[Response]) -> None:
    """Of any split into groups, counts, joint counts and samples sum to those of the whole."""
    tally = _filled(responses)
    cells = list(tally.cells.values())
    whole = total(cells)
    for at in range(len(cells) + 1):
        halves = total(cells[:at]), total(cells[at:])
        again = total(halves)
        for name in ("asked", "samples", "outcomes", "joint", "joint_blocked", "joint_attempted"):
            assert getattr(again, name) == getattr(whole, name)
        groups = [group_of(half, Policy()) for half in halves]
        merged = group_of(whole, Policy())
        assert sum(group.n for group in groups) == merged.n
        for rate in RATES:
            assert sum(group.rates[rate].count for group in groups) == merged.rates[rate].count
    assert whole.by_sample is not None
    assert whole.by_sample.shape[0] == whole.samples
    assert whole.by_sample[:, COUNTED].sum(axis=0).tolist() == whole.joint
    assert whole.by_sample[:, BLOCKED].sum(axis=0).tolist() == whole.joint_blocked
    assert whole.by_sample[:, ATTEMPTED].sum(axis=0).tolist() == whole.joint_attempted


@settings(max_examples=30)
@given(_responses(), st.randoms(use_true_random=False))
def test_the_order_of_verdicts_changes_nothing(responses: list[Response], random: object) -> None:
    """Permuting the records leaves every figure as it was; every interval holds its rate."""
    summary = summarize(_filled(responses))
    moved = sorted(responses, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert summarize(_filled(moved)) == summary
    for rate in summary.overall.rates.values():
        if rate.rate is not None:
            assert rate.low is not None
            assert rate.high is not None
            assert 0 <= rate.low <= rate.rate <= rate.high <= 1
            assert rate.bound_low is not None
            assert rate.bound_high is not None
            assert 0 <= rate.bound_low <= rate.bound_high <= 1


def test_without_it_nothing_is_kept() -> None:
    """With one epoch no table is made, and memory does not grow with the verdicts."""
    tally = Tally()
    tally.ask("text-generation", "Sensitive Topics", "Politics", twin=False)
    assert tally.cells[CellKey("text-generation", "Politics", twin=False)].by_sample is None
    assert total([Counts(), Counts()]).by_sample is None


def test_samples_without_a_record_have_a_row() -> None:
    """Asked, and nothing came: a row of zeros."""
    empty = sample_table(np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.uint8), 2)
    assert empty.tolist() == [[0] * 20] * 2
