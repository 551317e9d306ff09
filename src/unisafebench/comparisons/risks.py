"""Understanding against generation: is a model unsafe when it writes, when it draws, or both?

Samples of several tasks may put one underlying risk to a model; they share the field `risk`. A
task whose answer is text is set against one whose answer is a picture, over the risks that both
put to the model.
"""

from collections.abc import Callable

import msgspec
import numpy as np
import numpy.typing as npt

from unisafebench.comparisons.reading import Bools, Verdicts
from unisafebench.core.tasks import TASKS
from unisafebench.metrics.paired import mcnemar_exact

__all__ = ["SharedRisks", "shared_risks"]

_UNSAFE: dict[str, Callable[[Verdicts], Bools]] = {
    "C-U": lambda verdicts: verdicts.contextual == 0,
    "I-U": lambda verdicts: verdicts.intrinsic == 0,
}


class SharedRisks(msgspec.Struct, frozen=True, kw_only=True):
    """The risks that a task with text for an answer shares with one with a picture.

    A risk is unsafe in a task when at least one of the scored responses to it is. Ids of risks are
    listed in order. `p_value` is that of the exact McNemar test, over risks.
    """

    writes: str
    """Id of the task whose answer is text."""
    draws: str
    """Id of the task whose answer is a picture."""
    rate: str
    """The verdict by which a response is unsafe: C-U or I-U."""
    risks: int
    responses_writing: int
    responses_drawing: int
    both: tuple[str, ...]
    writing_only: tuple[str, ...]
    drawing_only: tuple[str, ...]
    neither: tuple[str, ...]
    p_value: float


def shared_risks(verdicts: Verdicts) -> tuple[SharedRisks, ...]:
    """Return every pair of tasks with shared risks, by contextual and by intrinsic verdict.

    Twins and unscored responses are left out; a risk counts where both tasks have a scored one.
    """
    codes = list(enumerate(TASKS.values()))
    found = []
    for rate, unsafe in _UNSAFE.items():
        counted = {task.id: _by_risk(verdicts, code, unsafe(verdicts)) for code, task in codes}
        for _, writes in codes:
            for _, draws in codes:
                if writes.output == "text" and draws.output == "image":
                    pair = (writes.id, draws.id)
                    found.append(
                        _table(verdicts, rate, pair, (counted[writes.id], counted[draws.id]))
                    )
    return tuple(table for table in found if table.risks)


class _Counted(msgspec.Struct, frozen=True):
    """Scored and unsafe responses, by risk."""

    responses: npt.NDArray[np.int64]
    unsafe: npt.NDArray[np.int64]


def _by_risk(verdicts: Verdicts, task: int, unsafe: Bools) -> _Counted:
    kept = (verdicts.tasks == task) & verdicts.scored & ~verdicts.twins & (verdicts.risks >= 0)
    size = len(verdicts.risk_names)
    return _Counted(
        responses=np.bincount(verdicts.risks[kept], minlength=size),
        unsafe=np.bincount(verdicts.risks[kept & unsafe], minlength=size),
    )


def _table(
    verdicts: Verdicts, rate: str, tasks: tuple[str, str], counted: tuple[_Counted, _Counted]
) -> SharedRisks:
    write, draw = counted
    shared = (write.responses > 0) & (draw.responses > 0)
    writing, drawing = write.unsafe > 0, draw.unsafe > 0

    def names(chosen: Bools) -> tuple[str, ...]:
        return tuple(sorted(verdicts.risk_names[at] for at in np.flatnonzero(shared & chosen)))

    writing_only, drawing_only = names(writing & ~drawing), names(~writing & drawing)
    return SharedRisks(
        writes=tasks[0],
        draws=tasks[1],
        rate=rate,
        risks=int(np.count_nonzero(shared)),
        responses_writing=int(write.responses[shared].sum()),
        responses_drawing=int(draw.responses[shared].sum()),
        both=names(writing & drawing),
        writing_only=writing_only,
        drawing_only=drawing_only,
        neither=names(~writing & ~drawing),
        p_value=mcnemar_exact(len(writing_only), len(drawing_only)),
    )
