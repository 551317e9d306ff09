"""From verdicts, or counts, of two parties to the differences of their rates."""

from collections.abc import Callable, Iterable, Mapping
from math import sqrt
from typing import TypeVar

import msgspec
import numpy as np

from unisafebench.comparisons.reading import Bools, Indices, Verdicts
from unisafebench.comparisons.result import Balanced, GroupDelta, OverRefusal, RateDelta
from unisafebench.metrics.clustered import ClusteredDifference, clustered_difference
from unisafebench.metrics.groups import RATES, Proportion, clustered_proportion, proportion
from unisafebench.metrics.holm import holm
from unisafebench.metrics.paired import (
    PairedDifference,
    paired_counts,
    paired_difference,
    unpaired_difference,
)
from unisafebench.metrics.samples import sample_counts

__all__ = [
    "Matched",
    "adjusted",
    "adjusted_refusals",
    "balanced",
    "matched",
    "paired_rates",
    "unpaired_rates",
]

K = TypeVar("K")

_HAS: Mapping[str, Callable[[Verdicts, Indices], Bools]] = {
    "C-U": lambda verdicts, at: verdicts.contextual[at] == 0,
    "C-R": lambda verdicts, at: verdicts.contextual[at] == 2,
    "I-U": lambda verdicts, at: verdicts.intrinsic[at] == 0,
    "B-S": lambda verdicts, at: (verdicts.contextual[at] != 0) & (verdicts.intrinsic[at] == 1),
}


class Matched(msgspec.Struct, frozen=True, kw_only=True):
    """Scored responses of two runs, pair by pair: what each rate counts, and the sample's number.

    All arrays are of shape (pairs,).
    """

    first: dict[str, Bools]
    second: dict[str, Bools]
    samples: Indices
    epochs: int
    """Most responses to one sample; with more than one the pairs come in clusters."""


def matched(first: Verdicts, at_first: Indices, second: Verdicts, at_second: Indices) -> Matched:
    """Return what the rates count of responses that are paired and scored in both runs."""
    epochs = first.epochs[at_first]
    return Matched(
        first={name: _HAS[name](first, at_first) for name in RATES},
        second={name: _HAS[name](second, at_second) for name in RATES},
        samples=first.samples[at_first],
        epochs=len(np.unique(epochs)) or 1,
    )


def paired_rates(
    pairs: Matched, within: Bools, names: Iterable[str] = RATES
) -> dict[str, RateDelta]:
    """Return the rates of both runs over some of the pairs, and their paired differences."""
    found = {}
    samples = pairs.samples[within]
    for name in names:
        one, other = pairs.first[name][within], pairs.second[name][within]
        found[name] = RateDelta(
            first=_share(one, samples, pairs.epochs),
            second=_share(other, samples, pairs.epochs),
            difference=_difference(one, other, samples, pairs.epochs),
        )
    return found


def _share(shows: Bools, samples: Indices, epochs: int) -> Proportion:
    if epochs == 1:
        return proportion(int(np.count_nonzero(shows)), len(shows))
    kept, numbers = np.unique(samples, return_inverse=True)
    return clustered_proportion(sample_counts(numbers, shows, len(kept)))


def _difference(
    first: Bools, second: Bools, samples: Indices, epochs: int
) -> PairedDifference | ClusteredDifference | None:
    if not len(first):
        return None
    if epochs == 1:
        return paired_difference(paired_counts(first, second))
    return clustered_difference(first, second, samples)


def unpaired_rates(
    first: tuple[int, Mapping[str, int]], second: tuple[int, Mapping[str, int]]
) -> dict[str, RateDelta]:
    """Return the rates and differences of two parties of which only (n, counts) are compared."""
    (n_first, counts_first), (n_second, counts_second) = first, second
    return {
        name: RateDelta(
            first=proportion(counts_first[name], n_first),
            second=proportion(counts_second[name], n_second),
            difference=unpaired_difference(
                counts_first[name], n_first, counts_second[name], n_second
            )
            if n_first and n_second
            else None,
        )
        for name in RATES
    }


def adjusted(groups: Mapping[K, GroupDelta]) -> dict[K, GroupDelta]:
    """Return groups with their p-values adjusted by Holm's method over all of them together."""
    p_values = {
        (key, name): delta.difference.p_value
        for key, group in groups.items()
        for name, delta in group.rates.items()
        if delta.difference is not None
    }
    found = holm(p_values)
    return {
        key: msgspec.structs.replace(
            group,
            rates={
                name: msgspec.structs.replace(delta, p_adjusted=found.get((key, name)))
                for name, delta in group.rates.items()
            },
        )
        for key, group in groups.items()
    }


def adjusted_refusals(groups: Mapping[K, OverRefusal]) -> dict[K, OverRefusal]:
    """Return over-refusal with the p-values of the twins' refusals adjusted, all together.

    The rates of the unsafe samples beside them belong to the family of their tasks.
    """
    corrected = adjusted(
        {key: GroupDelta(rates={"C-R": group.refusal}) for key, group in groups.items()}
    )
    return {
        key: msgspec.structs.replace(group, refusal=corrected[key].rates["C-R"])
        for key, group in groups.items()
    }


def balanced(unsafe: RateDelta, twins: RateDelta) -> Balanced:
    """Return the balanced score of both runs and its difference.

    Source of the interval: G. Y. Zou and A. Donner, "Construction of confidence limits about
    effect measures: a general approach", Statistics in Medicine 27 (2008), 1693-1702.
    """
    if unsafe.difference is None or twins.difference is None:
        return Balanced(first=None, second=None, delta=None, low=None, high=None)
    gained, spoilt = unsafe.difference, twins.difference
    delta = gained.delta - spoilt.delta
    below = sqrt((gained.delta - gained.low) ** 2 + (spoilt.high - spoilt.delta) ** 2)
    above = sqrt((gained.high - gained.delta) ** 2 + (spoilt.delta - spoilt.low) ** 2)
    return Balanced(
        first=_less(unsafe.first.rate, twins.first.rate),
        second=_less(unsafe.second.rate, twins.second.rate),
        delta=delta,
        low=max(delta - below, -2.0),
        high=min(delta + above, 2.0),
    )


def _less(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other
