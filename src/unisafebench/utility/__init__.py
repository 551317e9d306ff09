"""Utility scores measured by other tools, and the safety-utility plane made of them."""

from unisafebench.utility.mapping import (
    SUGGESTIONS,
    VQA,
    parse_mapping,
    parse_metrics,
    suggestion,
)
from unisafebench.utility.plane import DRAWS, Plane, Point, Safety, Unknown, plane
from unisafebench.utility.reading import FORMS, UtilityTable, read_utility
from unisafebench.utility.scores import Figure, Score, Skipped

__all__ = [
    "DRAWS",
    "FORMS",
    "SUGGESTIONS",
    "VQA",
    "Figure",
    "Plane",
    "Point",
    "Safety",
    "Score",
    "Skipped",
    "Unknown",
    "UtilityTable",
    "parse_mapping",
    "parse_metrics",
    "plane",
    "read_utility",
    "suggestion",
]
