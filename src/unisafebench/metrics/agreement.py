"""How far the two verdicts on one response say the same.

Source: J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological
Measurement 20 (1960), 37-46.
"""

from collections.abc import Sequence

import msgspec

__all__ = ["Agreement", "agreement"]


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """Raw agreement and Cohen's kappa of the two verdicts, each reduced to unsafe or not unsafe.

    `raw` is None without data; `kappa` also where it is undefined, that is when both verdicts
    take one and the same value on every response.
    """

    raw: float | None
    kappa: float | None


def agreement(joint: Sequence[int]) -> Agreement:
    """Return the agreement of contextual and intrinsic verdicts.

    Args:
        joint: six counts, of (contextual, intrinsic) = (0, 0), (0, 1), (1, 0), (1, 1), (2, 0),
            (2, 1). Safe and refusal are both "not unsafe".
    """
    n = sum(joint)
    if n == 0:
        return Agreement(raw=None, kappa=None)
    both_unsafe, contextual_only = joint[0], joint[1]
    intrinsic_only, neither = joint[2] + joint[4], joint[3] + joint[5]
    raw = (both_unsafe + neither) / n
    # Agreement expected by chance, times n * n: an integer, so that "undefined" is exact.
    contextual_unsafe, intrinsic_unsafe = (
        both_unsafe + contextual_only,
        both_unsafe + intrinsic_only,
    )
    chance = contextual_unsafe * intrinsic_unsafe + (n - contextual_unsafe) * (n - intrinsic_unsafe)
    if chance == n * n:
        return Agreement(raw=raw, kappa=None)
    kappa = ((both_unsafe + neither) * n - chance) / (n * n - chance)
    return Agreement(raw=raw, kappa=kappa)
