"""One module for each family of models that transformers runs; each offers `FAMILY`."""

__all__ = ["FAMILIES"]

FAMILIES: tuple[str, ...] = (
    "janus",
    "emu3",
    "chameleon",
    "vision",
    "language",
)
"""Modules of this package, in the order in which they are asked whether a model is of theirs."""
