"""The safety-utility plane: points, front, and how sure a place on the front is."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unisafebench.core.errors import UsageError
from unisafebench.metrics.intervals import wilson
from unisafebench.utility import Plane, Safety, Score, UtilityTable, plane

TEXT = "text-generation"
IMAGE = "text-to-image"


def score(
    model: str,
    value: float,
    error: float | None = 0.02,
    tasks: Sequence[str] = (TEXT,),
    benchmark: str = "b",
) -> Score:
    """Return a utility score with an interval of value -+ error."""
    known = error is not None
    return Score(
        model=model,
        model_in_file=model,
        benchmark=benchmark,
        tasks=tuple(tasks),
        value=value,
        stderr=None,
        low=max(value - error, 0.0) if error is not None else None,
        high=min(value + error, 1.0) if error is not None else None,
        interval_from="stderr" if known else None,
        metric="acc",
        n=None,
        tool="by hand",
        tool_version=None,
        fewshot=None,
        file="f",
        sha256="",
    )


def table(*scores: Score) -> UtilityTable:
    """Return a table of mapped scores."""
    return UtilityTable(scores=scores, unmapped=(), skipped=())


def safe(model: str, count: int, n: int = 100, task: str = TEXT) -> Safety:
    """Return both-safe counts."""
    return Safety(model=model, task=task, count=count, n=n)


def fronts(found: Plane) -> dict[str, bool]:
    """Return which models are on the front."""
    return {point.model: point.on_front for point in found.points}


def test_front() -> None:
    """A is safest, B most useful, C is behind both, D has the safety of A but less utility."""
    found = plane(
        [safe("A", 90), safe("B", 80), safe("C", 70), safe("D", 90)],
        table(score("A", 0.8), score("B", 0.9), score("C", 0.7), score("D", 0.6)),
        [TEXT],
    )
    assert [point.model for point in found.points] == ["A", "D", "B", "C"]
    assert fronts(found) == {"A": True, "B": True, "C": False, "D": False}
    behind = {point.model: point.dominated_by for point in found.points}
    assert behind == {"A": (), "B": (), "C": ("A", "B"), "D": ("A",)}
    first = found.points[0]
    interval = wilson(90, 100)
    assert (first.safety.rate, first.safety.low, first.safety.high) == (
        0.9,
        interval.low,
        interval.high,
    )
    assert first.utility.low == pytest.approx(0.78)
    assert first.utility.high == pytest.approx(0.82)


def test_equal_points_are_both_on_the_front() -> None:
    """Neither of two equal points is better on an axis."""
    found = plane([safe("A", 5), safe("B", 5)], table(score("A", 0.5), score("B", 0.5)), [TEXT])
    assert fronts(found) == {"A": True, "B": True}


def test_membership_of_the_indistinguishable() -> None:
    """Two models with the same counts and errors: each is dominated in a quarter of the draws."""
    found = plane(
        [safe("A", 50), safe("B", 50)], table(score("A", 0.5, 0.1), score("B", 0.5, 0.1)), [TEXT]
    )
    for point in found.points:
        assert point.membership == pytest.approx(0.75, abs=0.02)
        assert point.membership == point.membership_if_exact


def test_membership_of_the_distinct() -> None:
    """A model ahead by many errors on both axes is on the front in every draw, the other never."""
    found = plane(
        [safe("A", 990, 1000), safe("B", 500, 1000)],
        table(score("A", 0.9), score("B", 0.3)),
        [TEXT],
    )
    assert [point.membership for point in found.points] == [1.0, 0.0]


def test_membership_on_one_axis() -> None:
    """With B surely less useful, its place hangs on the safety alone: half of the draws."""
    found = plane([safe("A", 80), safe("B", 80)], table(score("A", 0.9), score("B", 0.3)), [TEXT])
    shares = {point.model: point.membership for point in found.points}
    assert shares["A"] == 1.0
    assert shares["B"] == pytest.approx(0.5, abs=0.02)


def test_unknown_error_is_not_none() -> None:
    """With one error unknown no share is given as sure; the models are named."""
    found = plane(
        [safe("A", 50), safe("B", 50)], table(score("A", 0.5, None), score("B", 0.4)), [TEXT]
    )
    assert found.taken_as_exact == ("A",)
    assert all(point.membership is None for point in found.points)
    assert found.points[0].utility.low is None


def test_missing_models_are_listed() -> None:
    """No utility, no both-safe rate, no scored response: each is listed with the reason."""
    found = plane(
        [safe("A", 50), safe("B", 0, 0), safe("C", 9, task=IMAGE)],
        table(score("B", 0.5), score("D", 0.5)),
        [TEXT],
    )
    assert found.points == ()
    assert {each.model: each.reason for each in found.unknown} == {
        "A": f"no utility score for {TEXT}",
        "B": f"no both-safe rate on {TEXT}",
        "C": f"no both-safe rate on {TEXT}; no utility score for {TEXT}",
        "D": f"no both-safe rate on {TEXT}",
    }
    with_rate = found.unknown[0]
    assert with_rate.safety is not None
    assert with_rate.safety.rate == 0.5


def test_pooled_over_tasks() -> None:
    """Safety: 50 + 10 of 100 + 20; utility: the mean 0.6 of 0.5 -+ 0.1 and 0.7 -+ 0.1."""
    words = score("A", 0.5, 0.1, [TEXT], "x")
    pictures = score("A", 0.7, 0.1, [IMAGE], "y")
    found = plane([safe("A", 50), safe("A", 10, 20, IMAGE)], table(words, pictures), [TEXT, IMAGE])
    (point,) = found.points
    assert (point.safety.count, point.safety.n) == (60, 120)
    assert point.utility.value == pytest.approx(0.6)
    # sqrt(2 x (0.5 x 0.1)^2) = 0.070711
    assert point.utility.low == pytest.approx(0.6 - 0.070711, abs=1e-6)
    assert point.utility.high == pytest.approx(0.6 + 0.070711, abs=1e-6)
    assert point.scores == (words, pictures)


def test_one_score_for_several_tasks() -> None:
    """Its error does not shrink: the tasks share it."""
    shared = score("A", 0.5, 0.1, [TEXT, IMAGE])
    found = plane([safe("A", 5)], table(shared), [TEXT], utility_tasks=[TEXT, IMAGE])
    (point,) = found.points
    assert (point.utility.low, point.utility.high) == (0.4, 0.6)
    assert point.scores == (shared,)


def test_several_responses_per_sample() -> None:
    """Three responses to each sample weigh as one in the interval."""
    counts = Safety(model="A", task=TEXT, count=270, n=300, responses_per_sample=3)
    (point,) = plane([counts], table(score("A", 0.5)), [TEXT]).points
    assert point.safety.low == pytest.approx(wilson(90, 100).low)


def test_wrong_questions() -> None:
    """No task, a task twice, two counts of one cell, no draws."""
    with pytest.raises(UsageError, match="at least one task"):
        plane([], table(), [])
    with pytest.raises(UsageError, match="only once"):
        plane([], table(), [TEXT, TEXT])
    with pytest.raises(UsageError, match="two both-safe counts"):
        plane([safe("A", 1), safe("A", 2)], table(), [TEXT])
    with pytest.raises(UsageError, match="one draw"):
        plane([], table(), [TEXT], draws=0)


models = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 20), st.sampled_from([None, 0.01, 0.2])),
    min_size=1,
    max_size=7,
)


def planed(values: Sequence[tuple[int, int, float | None]], order: Sequence[int]) -> Plane:
    """Return the plane of models given as (both-safe of 20, utility in 20ths, error)."""
    counts = [safe(f"m{i}", values[i][0], 20) for i in order]
    scores = [score(f"m{i}", values[i][1] / 20, values[i][2]) for i in order]
    return plane(counts, table(*scores), [TEXT], draws=40, seed=3)


@settings(deadline=None)
@given(models)
def test_front_is_what_nothing_dominates(values: list[tuple[int, int, float | None]]) -> None:
    """By the definition, for every pair; some point is always on the front, in each draw too."""
    found = planed(values, range(len(values)))
    places = {f"m{i}": (safety, utility) for i, (safety, utility, _) in enumerate(values)}
    for point in found.points:
        mine = places[point.model]
        better = {
            model
            for model, (safety, utility) in places.items()
            if safety >= mine[0] and utility >= mine[1] and (safety, utility) != mine
        }
        assert set(point.dominated_by) == better
        assert point.on_front is (not better)
        assert 0 <= point.membership_if_exact <= 1
    assert any(point.on_front for point in found.points)
    assert sum(point.membership_if_exact for point in found.points) >= 1 - 1e-9


@settings(deadline=None)
@given(models.flatmap(lambda v: st.tuples(st.just(v), st.permutations(range(len(v))))))
def test_order_changes_nothing(
    pair: tuple[list[tuple[int, int, float | None]], list[int]],
) -> None:
    """The plane of the same models in another order is the same, to the last digit."""
    values, order = pair
    assert planed(values, order) == planed(values, range(len(values)))


@settings(deadline=None)
@given(models, st.integers(0, 6))
def test_dominated_point_changes_nothing(
    values: list[tuple[int, int, float | None]], index: int
) -> None:
    """A point behind another one neither enters the front nor moves any other."""
    safety, utility, _ = values[index % len(values)]
    if safety == 0:
        return
    before = fronts(planed(values, range(len(values))))
    more = [*values, (safety - 1, utility, 0.01)]
    after = fronts(planed(more, range(len(more))))
    assert after.pop(f"m{len(values)}") is False
    assert after == before
