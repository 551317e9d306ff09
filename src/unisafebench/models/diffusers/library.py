"""Diffusers as a library that reads models, in the words of its messages."""

from contextlib import AbstractContextManager

from unisafebench.models.local.library import Library
from unisafebench.models.local.reading import explained_by

__all__ = ["DIFFUSERS", "INDEX", "reading"]

INDEX = "model_index.json"
"""The file that makes a directory a pipeline."""
DIFFUSERS = Library(
    provider="diffusers",
    spread="balanced",
    own_code=(
        "{path} needs Python code from its own repository, which is not run here. Run it by a "
        "worker of your own with exec:COMMAND."
    ),
    no_index=(
        f"{{wanted}} is no diffusers pipeline: it has no {INDEX}. A model of transformers is named "
        "with hf/ instead of diffusers/."
    ),
)
"""What is said of the library."""


def reading(path: str, revision: str | None) -> AbstractContextManager[None]:
    """Say in one line what an error of diffusers means, for whatever is read inside.

    Raises:
        UsageError: instead of what was raised.
    """
    return explained_by(DIFFUSERS, path, revision)
