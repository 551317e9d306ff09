"""The safety-utility plane: both-safe rate against utility, with the Pareto front.

A point dominates another when it is at least as good on both axes and better on one. The front is
of the points that none dominates, taken at the point values. How sure a point's place on it is,
is estimated by drawing both values of every model anew from their errors, and counting in which
share of the draws the model is on the front. That takes the errors of different models, and the
two errors of one model, to be independent. Models judged on the same samples are in fact
positively correlated, so their order is more certain than this says.

- Safety is drawn from Beta(k + 1/2, n - k + 1/2): k both-safe responses of n (Jeffreys).
- Utility is drawn from a normal distribution in two halves about its value, each as wide as the
  95 % interval reaches to that side, cut at 0 and 1.
"""

import hashlib
from collections.abc import Mapping, Sequence
from math import sqrt
from statistics import NormalDist

import msgspec
import numpy as np
from numpy.typing import NDArray

from unisafebench.core.errors import UsageError
from unisafebench.metrics.groups import Proportion, proportion
from unisafebench.metrics.intervals import CONFIDENCE
from unisafebench.utility.mapping import in_words
from unisafebench.utility.reading import UtilityTable
from unisafebench.utility.scores import Figure, Score

__all__ = ["DRAWS", "Draws", "Plane", "Point", "Safety", "Unknown", "plane"]

DRAWS = 10_000
"""Draws behind each share; its own standard error is then at most 0.005."""

_Z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)

Draws = NDArray[np.float64]


class Safety(msgspec.Struct, frozen=True, kw_only=True):
    """Both-safe responses of a model on a task."""

    model: str
    task: str
    count: int
    """Responses that are safe in both verdicts."""
    n: int
    """Responses with both verdicts."""
    responses_per_sample: int = 1


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """A model on the plane."""

    model: str
    safety: Proportion
    utility: Figure
    scores: tuple[Score, ...]
    """What the utility is made of."""
    on_front: bool
    dominated_by: tuple[str, ...]
    membership: float | None
    """Share of draws with the model on the front; None while any model's utility error is
    unknown, because the share would then look surer than it is."""
    membership_if_exact: float
    """The same, with the utility scores of unknown error taken as exact."""


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """A model that has no place on the plane, and why."""

    model: str
    safety: Proportion | None
    utility: float | None
    reason: str


class Plane(msgspec.Struct, frozen=True, kw_only=True):
    """Points and front over named tasks."""

    safety_tasks: tuple[str, ...]
    utility_tasks: tuple[str, ...]
    points: tuple[Point, ...]
    """Safest first, then by utility, then by name."""
    unknown: tuple[Unknown, ...]
    taken_as_exact: tuple[str, ...]
    """Models whose utility error is not known."""
    draws: int
    seed: int


class _Placed(msgspec.Struct, frozen=True):
    model: str
    safety: Proportion
    per_sample: int
    utility: Figure
    scores: tuple[Score, ...]


def plane(
    safety: Sequence[Safety],
    utility: UtilityTable,
    tasks: Sequence[str],
    *,
    utility_tasks: Sequence[str] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Plane:
    """Place the models on the plane.

    Safety is pooled over the samples of `tasks`, utility is the plain mean over
    `utility_tasks`. A model that lacks either on one of its tasks is listed as unknown: it would
    otherwise be compared on other tasks than the rest.

    Args:
        safety: counts of any models and tasks; those of other tasks are passed over.
        utility: scores as read.
        tasks: ids of the tasks whose both-safe rate is one axis.
        utility_tasks: ids of the tasks whose utility is the other one; `tasks` by default.
        draws: how often both errors are drawn.
        seed: of the draws. A model's own draws depend on the seed and its name alone.

    Raises:
        UsageError: no task is named, a task twice, or two counts are of one model and task.
    """
    over, of = tuple(tasks), tuple(tasks if utility_tasks is None else utility_tasks)
    for names in (over, of):
        if not names or len(set(names)) < len(names):
            raise UsageError("the plane needs at least one task, and each only once.")
    if draws < 1:
        raise UsageError("the plane needs at least one draw.")
    cells: dict[tuple[str, str], Safety] = {}
    for each in safety:
        if cells.setdefault((each.model, each.task), each) is not each:
            raise UsageError(f"two both-safe counts are given for {each.model} on {each.task}.")
    models = dict.fromkeys((*(each.model for each in safety), *utility.models))
    placed: list[_Placed] = []
    unknown: list[Unknown] = []
    for model in models:
        found = _place(model, cells, utility, over, of)
        if isinstance(found, _Placed):
            placed.append(found)
        else:
            unknown.append(found)
    placed.sort(key=lambda each: (-(each.safety.rate or 0), -each.utility.value, each.model))
    return Plane(
        safety_tasks=over,
        utility_tasks=of,
        points=_points(placed, draws, seed),
        unknown=tuple(sorted(unknown, key=lambda each: each.model)),
        taken_as_exact=tuple(each.model for each in placed if each.utility.low is None),
        draws=draws,
        seed=seed,
    )


def _place(
    model: str,
    cells: Mapping[tuple[str, str], Safety],
    utility: UtilityTable,
    over: tuple[str, ...],
    of: tuple[str, ...],
) -> _Placed | Unknown:
    counts = {task: cells[model, task] for task in over if (model, task) in cells}
    scores = {task: score for task in of if (score := utility.of(model, task)) is not None}
    reasons = []
    no_counts = [task for task in over if task not in counts or counts[task].n == 0]
    if no_counts:
        reasons.append(f"no both-safe rate on {in_words(no_counts)}")
    no_scores = [task for task in of if task not in scores]
    if no_scores:
        reasons.append(f"no utility score for {in_words(no_scores)}")
    per = max((each.responses_per_sample for each in counts.values()), default=1)
    pooled = proportion(
        sum(each.count for each in counts.values()), sum(each.n for each in counts.values()), per
    )
    figure = None if no_scores else _mean([scores[task] for task in of])
    if reasons or figure is None:
        return Unknown(
            model=model,
            safety=None if no_counts else pooled,
            utility=None if figure is None else figure.value,
            reason="; ".join(reasons),
        )
    return _Placed(model, pooled, per, figure, tuple(dict.fromkeys(scores.values())))


def _mean(scores: Sequence[Score]) -> Figure:
    """Return the mean over tasks; a score that stands for several tasks weighs as often.

    Source of the interval: G. Y. Zou and A. Donner, "Construction of confidence limits about
    effect measures: a general approach", Statistics in Medicine 27 (2008), 1693-1702: the squared
    distances to the limits add up. With one score it is the score's own interval.
    """
    weights: dict[Score, float] = {}
    for score in scores:
        weights[score] = weights.get(score, 0.0) + 1 / len(scores)
    if len(weights) == 1:
        return scores[0]
    value = sum(weight * score.value for score, weight in weights.items())
    below = above = 0.0
    for score, weight in weights.items():
        if score.low is None or score.high is None:
            return Figure(value=value, stderr=None, low=None, high=None, interval_from=None)
        below += (weight * (score.value - score.low)) ** 2
        above += (weight * (score.high - score.value)) ** 2
    return Figure(
        value=value,
        stderr=None,
        low=max(value - sqrt(below), 0.0),
        high=min(value + sqrt(above), 1.0),
        interval_from="mean of scores",
    )


def _points(placed: Sequence[_Placed], draws: int, seed: int) -> tuple[Point, ...]:
    values = [(each.safety.rate or 0.0, each.utility.value) for each in placed]
    shares = _memberships(placed, draws, seed)
    known = all(each.utility.low is not None for each in placed)
    found = []
    for mine, each, share in zip(values, placed, shares, strict=True):
        better = tuple(
            other.model
            for theirs, other in zip(values, placed, strict=True)
            if theirs[0] >= mine[0] and theirs[1] >= mine[1] and theirs != mine
        )
        found.append(
            Point(
                model=each.model,
                safety=each.safety,
                utility=each.utility,
                scores=each.scores,
                on_front=not better,
                dominated_by=better,
                membership=share if known else None,
                membership_if_exact=share,
            )
        )
    return tuple(found)


def _memberships(placed: Sequence[_Placed], draws: int, seed: int) -> list[float]:
    """Return for each model the share of draws in which no other model dominates it."""
    if not placed:
        return []
    drawn = [_draw(each, draws, seed) for each in placed]
    safety = np.stack([pair[0] for pair in drawn])
    utility = np.stack([pair[1] for pair in drawn])
    shares = []
    for own_safety, own_utility in drawn:
        as_good = (safety >= own_safety) & (utility >= own_utility)
        better = (safety > own_safety) | (utility > own_utility)
        shares.append(float(1.0 - (as_good & better).any(axis=0).mean()))
    return shares


def _draw(each: _Placed, draws: int, seed: int) -> tuple[Draws, Draws]:
    name = int.from_bytes(hashlib.sha256(each.model.encode("utf-8", "replace")).digest()[:8], "big")
    generator = np.random.default_rng([seed, name])
    count, n = each.safety.count / each.per_sample, each.safety.n / each.per_sample
    safety = generator.beta(count + 0.5, n - count + 0.5, draws)
    figure = each.utility
    if figure.low is None or figure.high is None:
        return safety, np.full(draws, figure.value)
    normal = generator.standard_normal(draws)
    width = np.where(normal < 0, figure.value - figure.low, figure.high - figure.value) / _Z
    return safety, np.clip(figure.value + normal * width, 0.0, 1.0)
