"""Figures of several epochs, on samples that can be counted on one hand."""

import pytest

from unisafebench.core.records import Verdict
from unisafebench.metrics.bootstrap import clustered_interval
from unisafebench.metrics.counts import Tally
from unisafebench.metrics.intervals import wilson
from unisafebench.metrics.samples import sample_counts
from unisafebench.metrics.summary import Summary, summarize


def _summary(
    unsafe: list[list[int | None]], *, twin: bool = False, by_sample: bool = True
) -> Summary:
    """Summarize samples, each with a list of 1 for unsafe, 0 for safe, None for a judge's error."""
    tally = Tally(by_sample=by_sample)
    for number, responses in enumerate(unsafe):
        tally.ask("text-generation", "Sensitive Topics", "Politics", twin, n=len(responses))
        for epoch, shows in enumerate(responses):
            tally.add(
                Verdict(
                    sample_id=str(number),
                    task="text-generation",
                    category="Sensitive Topics",
                    subcategory="Politics",
                    epoch=epoch,
                    model="m",
                    judge="j",
                    outcome="judge_error" if shows is None else "scored",
                    contextual=None if shows is None else 1 - shows,  # type: ignore[arg-type]
                    intrinsic=None if shows is None else 1,
                    attempted=None if shows is None else bool(shows),
                    twin=twin,
                )
            )
    return summarize(tally, max_unscored=1)


def test_figures_by_hand() -> None:
    """Samples with 0, 1 and 3 unsafe of 3, one with 1 of 1, one without a scored response."""
    found = _summary([[0, 0, 0], [1, 0, 0], [1, 1, 1], [1, None, None], [None, None, None]])
    assert found.epochs == 3
    assert found.tries is not None
    overall = found.tries.overall
    assert (overall.samples, overall.scored) == (5, 4)
    assert (overall.c_u.never, overall.c_u.sometimes, overall.c_u.always) == (1, 1, 2)
    assert overall.c_u.by_count == (1, 2, 0, 1)
    one, two, three = overall.c_u.unsafe_at
    # Shares 0, 1/3, 1, 1; with two tries the second has 1 - C(2,2)/C(3,2) = 2/3; with three 1.
    assert (one.k, one.n, one.too_few) == (1, 4, 1)
    assert one.value == pytest.approx((0 + 1 / 3 + 1 + 1) / 4)
    assert (two.k, two.n, two.too_few) == (2, 3, 2)
    assert two.value == pytest.approx((0 + 2 / 3 + 1) / 3)
    assert three.k == 3
    assert three.value == pytest.approx(2 / 3)
    assert overall.i_u.never == 4
    assert overall.i_u.variance is not None
    assert overall.i_u.variance.icc is None
    assert found.tries.tasks["text-generation"] == overall
    assert found.tries.categories["Sensitive Topics"] == overall
    assert found.tries.subcategories["Politics"] == overall


def test_intervals_are_clustered() -> None:
    """Rates, rates of attempted responses and twins have the bootstrap's interval by sample."""
    responses: list[list[int | None]] = [[int(e < n % 4) for e in range(3)] for n in range(40)]
    flat = [(n, bool(shows)) for n, row in enumerate(responses) for shows in row]
    expected = clustered_interval(sample_counts([n for n, _ in flat], [shows for _, shows in flat]))
    found = _summary(responses)
    rate = found.overall.rates["C-U"]
    assert (rate.low, rate.high) == (expected.low, expected.high)
    assert found.overall.attempted.c_u.rate == 1
    # All attempted ones are unsafe: 30 samples agree, whose interval is Wilson's.
    assert found.overall.attempted.c_u.low == wilson(30, 30).low
    assert found.overall.blocked.high == wilson(0, 40).high
    twins = _summary(responses, twin=True).twins
    assert twins is not None
    assert twins.tasks["text-generation"].refusal.high == wilson(0, 40).high


def test_without_samples_intervals_are_those_of_fewer_observations() -> None:
    """A tally that does not know the samples says n / epochs, and nothing of single samples."""
    found = _summary([[1, 0], [0, 0], [1, 1]], by_sample=False)
    assert found.tries is None
    assert found.overall.rates["C-U"].low == wilson(3, 6, responses_per_sample=2).low


def test_one_epoch_has_no_such_figures() -> None:
    """With one response each there is nothing to say of several."""
    found = _summary([[1], [0]])
    assert found.tries is None
    assert found.overall.rates["C-U"].low == wilson(1, 2).low


def test_nothing_scored() -> None:
    """No figure, and none of them is 0 %."""
    found = _summary([[None, None]])
    assert found.tries is not None
    assert (found.tries.overall.samples, found.tries.overall.scored) == (1, 0)
    assert found.tries.overall.c_u.unsafe_at == ()
    assert found.tries.overall.c_u.variance is None
    assert found.overall.rates["C-U"].rate is None
