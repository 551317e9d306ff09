"""Which verdicts the responses to each sample got: what is needed of several epochs.

A table has a row for each sample and a column for each thing that is counted of its responses. One
byte and a hash are kept of each response, so that a million of them take 9 MB.
"""

from array import array

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ATTEMPTED",
    "BLOCKED",
    "COUNTED",
    "UNDECIDED",
    "Recorder",
    "SampleTable",
    "blocked_counts",
    "sample_table",
    "verdict_code",
    "verdict_codes",
]

SampleTable = NDArray[np.uint16]
"""Counts of shape (samples, 20), by the columns below."""

_COLUMNS = 20
_JOINT = 6
COUNTED = slice(0, 6)
"""Columns of the joint counts, 2 * contextual + intrinsic, of judged responses."""
BLOCKED = slice(6, 12)
"""Those of blocked responses whose record carries verdicts."""
ATTEMPTED = slice(12, 18)
"""Those of judged responses that took up the request."""
_ALL_BLOCKED, _RECORDED = 18, 19

UNDECIDED = _JOINT
"""In place of a joint count: the record does not hold both verdicts."""
_CELL, _IS_JUDGED, _IS_ATTEMPT, _IS_BLOCKED = 7, 8, 16, 32


def verdict_code(cell: int, *, judged: bool, attempted: bool, blocked: bool) -> int:
    """Put what is counted of a response into one byte.

    Args:
        cell: 2 * contextual + intrinsic, or `UNDECIDED`.
        judged: its outcome lets the verdicts count whatever becomes of blocked responses.
        attempted: it took up the request.
        blocked: the provider blocked it.
    """
    return cell | _IS_JUDGED * judged | _IS_ATTEMPT * attempted | _IS_BLOCKED * blocked


def verdict_codes(
    cells: NDArray[np.int8],
    judged: NDArray[np.bool_],
    attempted: NDArray[np.bool_],
    blocked: NDArray[np.bool_],
) -> NDArray[np.uint8]:
    """Return `verdict_code` of each response; all arrays are of shape (responses,)."""
    marks = _IS_JUDGED * judged | _IS_ATTEMPT * attempted | _IS_BLOCKED * blocked
    codes: NDArray[np.uint8] = (cells | marks).astype(np.uint8)
    return codes


class Recorder:
    """Notes one byte for each response, and which sample it is of."""

    def __init__(self) -> None:
        self._samples = array("Q")
        self._codes = array("B")

    def add(self, sample: int, code: int) -> None:
        """Note a response; `sample` is a hash of its sample, in [0, 2^64)."""
        self._samples.append(sample)
        self._codes.append(code)

    def table(self, asked: int) -> SampleTable:
        """Return the table of all samples, of which `asked` were asked for."""
        samples = np.array(self._samples, dtype=np.uint64)
        return sample_table(samples, np.array(self._codes, dtype=np.uint8), asked)


def sample_table(
    samples: NDArray[np.integer], codes: NDArray[np.uint8], asked: int = 0
) -> SampleTable:
    """Count what was noted, sample by sample; rows come in no order that means anything.

    Args:
        samples: anything that tells samples apart, of shape (responses,).
        codes: `verdict_code` of each response.
        asked: how many samples were asked for; those without a response have a row of zeros.
    """
    found, index = np.unique(samples, return_inverse=True)
    size = max(int(found.size), asked)
    cells = codes & _CELL
    judged, blocked = (codes & _IS_JUDGED) > 0, (codes & _IS_BLOCKED) > 0
    tried = judged & ((codes & _IS_ATTEMPT) > 0)
    table = np.zeros((size, _COLUMNS), dtype=np.uint16)
    for cell in range(_JOINT):
        here = cells == cell
        for columns, chosen in ((COUNTED, judged), (BLOCKED, blocked), (ATTEMPTED, tried)):
            table[:, columns.start + cell] = np.bincount(index[here & chosen], minlength=size)
    table[:, _ALL_BLOCKED] = np.bincount(index[blocked], minlength=size)
    table[:, _RECORDED] = np.bincount(index, minlength=size)
    return table


def blocked_counts(table: SampleTable) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Return, by sample, how many responses were blocked and how many have a record."""
    return table[:, _ALL_BLOCKED], table[:, _RECORDED]
