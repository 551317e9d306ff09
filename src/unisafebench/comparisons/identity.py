"""Whether two runs measured the same thing in the same way, and if not, what differs."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np

from unisafebench.comparisons.pairing import pair
from unisafebench.comparisons.reading import ReadRun, Verdicts
from unisafebench.core.errors import RunError
from unisafebench.core.tasks import TASKS

__all__ = ["ComparisonMismatchError", "Difference", "differences", "other_intents"]

_TASK_NAMES = tuple(TASKS)


class Difference(msgspec.Struct, frozen=True):
    """One thing that decides verdicts and is not the same in two runs."""

    what: str
    first: str
    second: str
    value_first: str
    value_second: str

    @property
    def of_judge(self) -> bool:
        """Whether it is who judges, with which prompts and settings, and not what or how."""
        return self.what.split()[0] in ("judge", "extractor")


class ComparisonMismatchError(RunError):
    """Runs that were made in different ways: their figures differ for other reasons, too."""

    def __init__(self, found: Sequence[Difference]) -> None:
        self.differences = tuple(found)
        lines = "\n".join(
            f"  {each.what}: {each.first} has {each.value_first}, "
            f"{each.second} has {each.value_second}"
            for each in found
        )
        super().__init__(
            "the runs were not made in the same way, so that a difference between their figures "
            f"need not be one between the models:\n{lines}\n"
            "Judge the responses again in one way ('unisafebench judge'), or say "
            "--allow-different: what differs is then shown with the result."
            + (
                " To compare the judges, where the responses are the same, say --judges."
                if all(each.of_judge for each in found)
                else ""
            )
        )


def differences(first: ReadRun, second: ReadRun) -> list[Difference]:
    """Return what differs between two runs besides the model: data, judge, prompts, protocol.

    The data are compared task by task, over the tasks that both runs have: a model that cannot
    draw has fewer tasks, and on those that it has the samples are the same.
    """
    pairs = (*_judging(first, second), *_data(first.verdicts, second.verdicts))
    return [
        Difference(what, first.label, second.label, value_first, value_second)
        for what, value_first, value_second in pairs
    ]


def other_intents(first: ReadRun, second: ReadRun) -> tuple[int, int]:
    """Return of how many shared samples the intents differ, and how many are shared.

    An extractor that is asked again may word the same intent in another way.
    """
    one, other = first.verdicts, second.verdicts
    pairs = pair(one, other)
    firsts = one.epochs[pairs.first] == 0
    told, told_other = one.intents[pairs.first], other.intents[pairs.second]
    return int(np.count_nonzero(firsts & (told != told_other))), int(np.count_nonzero(firsts))


def _judging(first: ReadRun, second: ReadRun) -> Iterator[tuple[str, str, str]]:
    one, other = _settings(first), _settings(second)
    changed = {name for name in ("judge", "extractor") if one[name] != other[name]}
    for name in one | other:
        # Another judge has other settings and prompts: one line says it.
        if name not in changed and name.split()[0] in changed:
            continue
        if one.get(name) != other.get(name):
            yield name, _shown(one.get(name)), _shown(other.get(name))


def _settings(run: ReadRun) -> dict[str, Any]:
    judging = run.manifest.judging
    assert judging is not None  # noqa: S101 -- `read_run` takes no run without
    return {
        "protocol": judging.protocol,
        "blocked as": judging.blocked_as,
        "judge": judging.judge,
        "extractor": judging.extractor,
        **{f"judge setting {name}": value for name, value in judging.judge_settings.items()},
        **{f"judge prompt {name}": value[:12] for name, value in judging.prompts.items()},
        **{
            f"extractor prompt {name}": value[:12]
            for name, value in judging.extractor_prompts.items()
        },
    }


def _shown(value: object) -> str:
    return "none" if value is None else str(value)


def _data(first: Verdicts, second: Verdicts) -> Iterator[tuple[str, str, str]]:
    for code, task in enumerate(_TASK_NAMES):
        one, other = _identities(first, code), _identities(second, code)
        if not len(one) or not len(other) or np.array_equal(one, other):
            continue
        same = len(np.intersect1d(one, other, assume_unique=True))
        yield f"samples of {task}", f"{len(one):,} samples", f"{len(other):,}, {same:,} the same"


def _identities(verdicts: Verdicts, task: int) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """Return one hash for each sample of a task, of its id and what it asks; sorted."""
    at = (verdicts.tasks == task) & (verdicts.epochs == 0)
    # Keys and contents are hashes already: a product with an odd number keeps them apart.
    mixed = verdicts.keys[at] ^ (verdicts.contents[at] * np.uint64(0x9E37_79B9_7F4A_7C15))
    return np.unique(mixed)
