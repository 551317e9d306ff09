"""The embedded judge with its extractor; the two share one reader of pictures."""

from unisafebench.judging.base import Extractor, Judge
from unisafebench.judging.builtin.extractor import create_extractor
from unisafebench.judging.builtin.judge import create_judge

__all__ = ["create_pair"]


def create_pair() -> tuple[Judge, Extractor]:
    """Return judge and extractor.

    Raises:
        MissingExtraError: the extra `builtin` is not installed.
    """
    return create_judge(), create_extractor()
