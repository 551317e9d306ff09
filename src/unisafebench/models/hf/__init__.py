"""Models on this machine that the transformers library runs: `hf/ORGANISATION/MODEL`."""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec

from unisafebench.core.errors import MissingExtraError
from unisafebench.models.base import Model

__all__ = ["EXTRA", "REQUIRES", "SUMMARY", "create"]

SUMMARY = "Models on this machine with transformers: from the Hugging Face hub or a directory"

EXTRA = "hf"

REQUIRES = ("torch", "transformers", "accelerate")


def create(name: str, options: Mapping[str, str]) -> Model:
    """Make a model of files on the hub or in a directory; its weights are read when it is asked.

    Args:
        name: `hf/ORGANISATION/MODEL`, `hf/./DIRECTORY` or `hf:/DIRECTORY`.
        options: the settings that `models/hf/options.py` lists.

    Raises:
        MissingExtraError: torch or transformers is not installed.
        UsageError: there is no such model, revision or device, its kind is not supported, or an
            option is unusable.
    """
    for module in REQUIRES:
        if find_spec(module) is None:
            raise MissingExtraError(f"The model {name!r}", "hf", module)
    # Importing them takes seconds, which nobody should wait for who does not use them.
    model: Model = import_module("unisafebench.models.hf.opening").open_model(name, options)
    return model
