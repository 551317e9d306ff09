"""The cost of unification: a unified model less the models that it grew out of."""

from collections.abc import Callable, Sequence

import msgspec

from unisafebench.comparisons.deltas import adjusted
from unisafebench.comparisons.families import Family, means
from unisafebench.comparisons.result import Cost, PairComparison, Party

__all__ = ["costs_of"]


def costs_of(
    families: Sequence[Family],
    parties: Sequence[Party],
    compare: Callable[[str, str], PairComparison | None],
) -> tuple[Cost, ...]:
    """Return a row for each unified model and counterpart that are both among the parties.

    Args:
        families: what grew out of what.
        parties: those that are compared.
        compare: gives, for two labels, the comparison "second less first", or None where the two
            have nothing in common.
    """
    rows = []
    for family in families:
        for unified in _named(family.unified, parties):
            for relation, name in family.counterparts:
                for counterpart in _named(name, parties):
                    if counterpart.label == unified.label:
                        continue
                    found = compare(counterpart.label, unified.label)
                    if found is not None:
                        row = Cost(
                            unified=unified.label,
                            counterpart=counterpart.label,
                            relation=relation,
                            paired=found.paired,
                            mark=found.mark,
                            tasks=found.tasks,
                        )
                        rows.append(row)
    groups = {(at, task): group for at, row in enumerate(rows) for task, group in row.tasks.items()}
    corrected = adjusted(groups)
    return tuple(
        msgspec.structs.replace(row, tasks={task: corrected[at, task] for task in row.tasks})
        for at, row in enumerate(rows)
    )


def _named(name: str, parties: Sequence[Party]) -> list[Party]:
    return [party for party in parties if means(name, party.model)]
