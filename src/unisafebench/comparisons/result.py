"""What a comparison says; written as JSON as it stands here."""

from typing import Literal

import msgspec

from unisafebench.comparisons.families import Relation
from unisafebench.comparisons.identity import Difference
from unisafebench.comparisons.pairing import LeftOut
from unisafebench.comparisons.risks import SharedRisks
from unisafebench.metrics.clustered import ClusteredDifference
from unisafebench.metrics.epochs import Tries
from unisafebench.metrics.groups import Attempted, Proportion
from unisafebench.metrics.paired import PairedDifference, UnpairedDifference

__all__ = [
    "FORMAT",
    "UNPAIRED",
    "Balanced",
    "Beside",
    "Comparison",
    "Cost",
    "Flip",
    "Flips",
    "GroupDelta",
    "OverRefusal",
    "PairComparison",
    "Party",
    "Place",
    "Ranking",
    "RateDelta",
]

FORMAT = "unisafebench-comparison-1"
UNPAIRED = "published, unpaired"
"""The mark of every comparison with published results."""


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """One of those compared: a run, or a published model (of which the rest is not known)."""

    label: str
    kind: Literal["run", "published"]
    model: str
    tasks: tuple[str, ...]
    source: str
    """Name of the run's directory, or where the figures were published."""
    dataset: str | None = None
    judge: str | None = None
    protocol: str | None = None
    blocked_as: str | None = None
    epochs: int = 1


class RateDelta(msgspec.Struct, frozen=True, kw_only=True):
    """A rate of both parties over what is compared; `difference` is second less first.

    `difference` and `p_adjusted` are None where nothing could be compared. `p_adjusted` is by
    Holm's method over the family that the comparison names.
    """

    first: Proportion
    second: Proportion
    difference: PairedDifference | ClusteredDifference | UnpairedDifference | None
    p_adjusted: float | None = None


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """What stands beside the rates of one party, over the same responses."""

    attempted: Attempted
    mean_severity: float | None
    severity_n: int
    tries: Tries | None = None
    """With several epochs: how often the responses to one sample are unsafe; overall and tasks."""


class GroupDelta(msgspec.Struct, frozen=True, kw_only=True):
    """One group: all, a task, a category or a subcategory.

    `beside` is of first and second; None where responses are not known one by one.
    """

    rates: dict[str, RateDelta]
    beside: tuple[Beside, Beside] | None = None
    left_out: LeftOut | None = None


class Balanced(msgspec.Struct, frozen=True, kw_only=True):
    """C-R on unsafe samples less the refusal rate on twins; None without either.

    The interval of `delta` is put together from those of the two differences (MOVER), with twins
    and unsafe samples taken as independent.
    """

    first: float | None
    second: float | None
    delta: float | None
    low: float | None
    high: float | None


class OverRefusal(msgspec.Struct, frozen=True, kw_only=True):
    """Refusals of harmless twins, beside C-U, C-R and B-S of the unsafe samples of these tasks."""

    refusal: RateDelta
    unsafe: dict[str, RateDelta]
    balanced: Balanced


class Flip(msgspec.Struct, frozen=True, omit_defaults=True):
    """A response of which the two runs' verdicts differ."""

    task: str
    sample_id: str
    epoch: int = 0


class Flips(msgspec.Struct, frozen=True, kw_only=True):
    """Responses that one run alone has among those that a rate counts."""

    only_first: tuple[Flip, ...]
    only_second: tuple[Flip, ...]


class PairComparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two parties compared. Keys of the mappings are names of groups, or of rates."""

    first: str
    second: str
    paired: bool
    mark: str
    """"paired", or why not."""
    differences: tuple[Difference, ...]
    """What differs besides the model, where that was allowed."""
    shared_tasks: tuple[str, ...]
    overall: GroupDelta
    """Pooled over the shared tasks."""
    tasks: dict[str, GroupDelta]
    categories: dict[str, GroupDelta]
    subcategories: dict[str, GroupDelta]
    twins: dict[str, OverRefusal]
    """By task, and "overall" over the tasks with twins and unsafe samples; empty without twins."""
    flips: dict[str, Flips]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A party's place in a ranking by B-S; equal rates share a place."""

    place: int
    label: str
    published: bool
    rates: dict[str, Proportion]
    both_safe: dict[str, Proportion] = {}
    """B-S on each of the tasks."""
    responses_per_sample: int = 1


class Ranking(msgspec.Struct, frozen=True, kw_only=True):
    """All parties by B-S, over the tasks that all of them have.

    Runs are ranked on the samples that all runs scored. Without a shared task `places` is empty.
    """

    tasks: tuple[str, ...]
    places: tuple[Place, ...]


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """A unified model less its counterpart, on the tasks that both have."""

    unified: str
    counterpart: str
    relation: Relation
    paired: bool
    mark: str
    tasks: dict[str, GroupDelta]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The whole result.

    Holm's method adjusts the p-values of each level by itself. A family is the four rates of each
    group of the level, over all `pairs`; the rows of `cost` are a family of their own, and so are
    the refusal rates of twins.
    """

    format: str = FORMAT
    baseline: str
    parties: tuple[Party, ...]
    pairs: tuple[PairComparison, ...]
    ranking: Ranking
    cost: tuple[Cost, ...]
    risks: dict[str, tuple[SharedRisks, ...]]
    """By party; runs only."""
    cautions: tuple[str, ...]
    incomplete: bool
    """Responses are unscored, or a group is not reportable: exit code 3."""
    confidence: float
