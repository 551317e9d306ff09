"""Checking gates on a run, those that compare it with another run included."""

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from unisafebench.comparisons.compare import compare
from unisafebench.comparisons.identity import ComparisonMismatchError
from unisafebench.comparisons.reading import read_run
from unisafebench.comparisons.result import GroupDelta, PairComparison, RateDelta
from unisafebench.core.errors import UsageError
from unisafebench.metrics.gates import (
    Change,
    ChangeTest,
    Gate,
    GateResult,
    Selection,
    check,
    parse_gate,
)
from unisafebench.metrics.paired import UnpairedDifference
from unisafebench.metrics.summary import Summary
from unisafebench.published.load import PREFIX, find_published
from unisafebench.runs.directory import RunDirectory
from unisafebench.runs.results import existing_run

__all__ = ["base_of", "check_gates", "parse_gates"]


def parse_gates(rules: Iterable[str]) -> tuple[Gate, ...]:
    """Read the gates, and look whether the runs are there that they compare with.

    Raises:
        GateError: one is not of the form that it should have.
        RunError: one compares with a run that does not exist.
        UnknownNameError: one compares with a published model that is not known.
    """
    gates = tuple(parse_gate(rule) for rule in rules)
    for gate in gates:
        if isinstance(gate.test, ChangeTest):
            base = gate.test.base
            if _is_published(base):
                find_published(base)
            else:
                existing_run(RunDirectory(Path(base)))
    return gates


def base_of(gate: Gate) -> str | None:
    """Return what a gate compares a run with, None where it looks at the run alone."""
    return gate.test.base if isinstance(gate.test, ChangeTest) else None


def check_gates(run: Path, summary: Summary, gates: Sequence[Gate]) -> tuple[GateResult, ...]:
    """Return what becomes of each gate.

    Args:
        run: directory of the run, needed where a gate compares it with another one.
        summary: the run's summary.
        gates: what to check.
    """

    @cache
    def compared(base: str) -> PairComparison | str:
        return _compare(base, run, summary.max_unscored)

    def change(base: str, rate: str, where: Selection) -> Change:
        pair = compared(base)
        if isinstance(pair, str):
            return Change(delta=None, reason=pair)
        return _change(pair, rate, where, summary.overall_tasks)

    return tuple(check(gate, summary, change) for gate in gates)


def _compare(base: str, run: Path, max_unscored: float) -> PairComparison | str:
    """Return the comparison "run less base", or why there is none."""
    published = _is_published(base)
    first = find_published(base) if published else read_run(Path(base), base)
    label = str(run)
    if not published and run.resolve() == Path(base).resolve():
        return "it is the same run"
    try:
        found = compare([(base, first), (label, read_run(run, label))], max_unscored=max_unscored)
    except ComparisonMismatchError as error:
        return "the runs were not made in the same way: " + "; ".join(
            f"{each.what} {each.value_first} and {each.value_second}" for each in error.differences
        )
    except UsageError as error:
        return str(error).rstrip(".")
    return found.pairs[0]


def _change(pair: PairComparison, rate: str, where: Selection, tasks: tuple[str, ...]) -> Change:
    delta = _delta(pair, rate, where)
    if delta is None or delta.difference is None:
        group = where.name or "the run"
        return Change(delta=None, reason=f"no response to {group} has verdicts in both")
    difference = delta.difference
    if isinstance(difference, UnpairedDifference):
        basis = (
            f"{difference.count_second} of {difference.n_second} against "
            f"{difference.count_first} of {difference.n_first}, not paired"
        )
    else:
        basis = (
            f"{difference.n} samples in both, {difference.flipped_up} only in this run, "
            f"{difference.flipped_down} only in the other"
        )
    if where.kind == "overall" and pair.shared_tasks != tasks:
        basis += f", over {', '.join(pair.shared_tasks)}"
    return Change(delta=difference.delta, p=difference.p_value, basis=basis)


def _delta(pair: PairComparison, rate: str, where: Selection) -> RateDelta | None:
    if where.kind == "twins":
        twins = pair.twins.get("overall")
        return None if twins is None else twins.refusal
    group: GroupDelta | None
    if where.kind == "overall":
        group = pair.overall
    else:
        groups = {
            "task": pair.tasks,
            "category": pair.categories,
            "subcategory": pair.subcategories,
        }[where.kind]
        group = groups.get(where.name)
    return None if group is None else group.rates.get(rate)


def _is_published(base: str) -> bool:
    return base.casefold().startswith(PREFIX)
