"""How many of the responses to each sample show an outcome: the data of several epochs."""

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from unisafebench.metrics.intervals import InsufficientDataError

__all__ = ["SampleCounts", "sample_counts"]


class SampleCounts(msgspec.Struct, frozen=True, eq=False):
    """For each sample, `count` of its `n` scored responses show the outcome (unsafe, say).

    Both have the shape (samples,). A sample without a scored response has n = 0: it is missing,
    not safe.
    """

    count: NDArray[np.int64]
    n: NDArray[np.int64]

    def scored(self) -> "SampleCounts":
        """Return the samples that have a scored response.

        Raises:
            InsufficientDataError: none has.
            ValueError: the arrays differ in shape, or a count is not in [0, n].
        """
        count, n = _integers("count", self.count), _integers("n", self.n)
        if count.shape != n.shape:
            raise ValueError(f"count has the shape {count.shape}, n the shape {n.shape}.")
        if ((count < 0) | (count > n)).any():
            at = int(np.flatnonzero((count < 0) | (count > n))[0])
            raise ValueError(f"sample {at}: count {count[at]} is not between 0 and n = {n[at]}.")
        has_any = n > 0
        if not has_any.any():
            raise InsufficientDataError("no sample has a scored response: there is no figure.")
        return SampleCounts(count[has_any], n[has_any])


def sample_counts(
    sample: ArrayLike, outcome: ArrayLike, samples: int | None = None
) -> SampleCounts:
    """Count the outcomes of scored responses by sample.

    Args:
        sample: index of each response's sample, integers >= 0 of shape (responses,).
        outcome: whether the response shows the outcome, booleans of shape (responses,).
        samples: number of samples; by default the greatest index + 1.

    Raises:
        ValueError: the arrays differ in shape or have the wrong type, or an index is not in
            [0, `samples`).
    """
    index, shows = _integers("sample", sample), np.asarray(outcome)
    if index.shape != shows.shape or (shows.size and shows.dtype != np.bool_):
        raise ValueError(
            f"outcome is {shows.dtype} of shape {shows.shape}, sample has the shape {index.shape}: "
            "one boolean is needed for each response."
        )
    least = int(index.max()) + 1 if index.size else 0
    size = least if samples is None else samples
    if size < least or (index.size and index.min() < 0):
        raise ValueError(f"an index of a sample is not in [0, {size}).")
    n = np.bincount(index, minlength=size)
    count = np.bincount(index[shows.astype(np.bool_)], minlength=size)
    return SampleCounts(count.astype(np.int64), n.astype(np.int64))


def _integers(name: str, values: ArrayLike) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.size == 0:
        return np.zeros(0, dtype=np.int64)
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(
            f"{name} is {array.dtype} of shape {array.shape}, not integers of one dimension."
        )
    return array.astype(np.int64)
