"""Pipelines of diffusers on this machine, which draw or edit: `diffusers/ORGANISATION/MODEL`."""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec

from unisafebench.core.errors import MissingExtraError
from unisafebench.models.base import Model

__all__ = ["EXTRA", "REQUIRES", "SUMMARY", "create"]

SUMMARY = "Pipelines on this machine with diffusers: text-to-image and image editing"

EXTRA = "diffusers"

REQUIRES = ("torch", "transformers", "diffusers", "accelerate")


def create(name: str, options: Mapping[str, str]) -> Model:
    """Make a model of a pipeline's files; its weights are read when it is asked.

    Args:
        name: `diffusers/ORGANISATION/MODEL`, `diffusers/./DIRECTORY` or `diffusers:/DIRECTORY`.
        options: the settings that `models/diffusers/options.py` lists.

    Raises:
        MissingExtraError: torch, transformers or diffusers is not installed.
        UsageError: there is no such model, revision or device, the pipeline neither draws nor
            edits, or an option is unusable.
    """
    for module in REQUIRES:
        if find_spec(module) is None:
            raise MissingExtraError(f"The model {name!r}", "diffusers", module)
    # Importing them takes seconds, which nobody should wait for who does not use them.
    opened: Model = import_module("unisafebench.models.diffusers.model").open_pipeline(
        name, options
    )
    return opened
