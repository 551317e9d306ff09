"""Several responses to each sample: how often they are unsafe, and how much that varies."""

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from unisafebench.metrics.counts import Counts
from unisafebench.metrics.groups import Policy, by_sample, standing
from unisafebench.metrics.intervals import InsufficientDataError
from unisafebench.metrics.samples import SampleCounts
from unisafebench.metrics.tries import (
    UnsafeAtK,
    VarianceComponents,
    unsafe_at_k,
    variance_components,
)

__all__ = ["Epochs", "Tries", "UnsafeTries", "tries_by_name", "tries_of"]

_STEPS = (*range(1, 11), 20, 50, 100)


class UnsafeTries(msgspec.Struct, frozen=True, kw_only=True):
    """How often the responses to one sample are unsafe, by one of the two verdicts.

    Of the samples with a scored response `never` have no unsafe one, `always` only unsafe ones,
    `sometimes` both. `by_count[i]` of them have i unsafe responses. `unsafe_at` leaves out each k
    for which no sample has so many scored responses. `variance` is None with fewer than two
    samples, or where none has two scored responses.
    """

    never: int
    sometimes: int
    always: int
    by_count: tuple[int, ...]
    unsafe_at: tuple[UnsafeAtK, ...]
    variance: VarianceComponents | None


class Tries(msgspec.Struct, frozen=True, kw_only=True):
    """A group of samples with several responses each; `scored` of `samples` have a scored one."""

    samples: int
    scored: int
    c_u: UnsafeTries = msgspec.field(name="C-U")
    i_u: UnsafeTries = msgspec.field(name="I-U")


class Epochs(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of several epochs, over all unsafe samples and by the name of a group."""

    overall: Tries
    tasks: dict[str, Tries]
    categories: dict[str, Tries]
    subcategories: dict[str, Tries]


def tries_of(counts: Counts, policy: Policy) -> Tries | None:
    """Return the figures of a group, or None where responses were not counted by sample."""
    joint = standing(counts, policy).by_sample
    if joint is None:
        return None
    return Tries(
        samples=len(joint),
        scored=int(np.count_nonzero(joint.sum(axis=1))),
        c_u=_unsafe("C-U", joint, policy.responses_per_sample),
        i_u=_unsafe("I-U", joint, policy.responses_per_sample),
    )


def tries_by_name(sums: Mapping[str, Counts], policy: Policy) -> dict[str, Tries]:
    """Return the figures of each group that was counted by sample."""
    found = {name: tries_of(counts, policy) for name, counts in sums.items()}
    return {name: tries for name, tries in found.items() if tries is not None}


def _unsafe(name: str, joint: NDArray[np.int64], epochs: int) -> UnsafeTries:
    samples = by_sample(name, joint)
    scored = samples.n > 0
    count, n = samples.count[scored], samples.n[scored]
    never, always = int((count == 0).sum()), int((count == n).sum())
    return UnsafeTries(
        never=never,
        sometimes=int(count.size) - never - always,
        always=always,
        by_count=tuple(np.bincount(count, minlength=epochs + 1).tolist()),
        unsafe_at=tuple(
            unsafe_at_k(samples, k)
            for k in sorted({*(k for k in _STEPS if k <= epochs), epochs})
            if (n >= k).any()
        ),
        variance=_variance(samples),
    )


def _variance(samples: SampleCounts) -> VarianceComponents | None:
    try:
        return variance_components(samples)
    except InsufficientDataError:
        return None
