"""Which family a model belongs to, told from its config and never from its name."""

from importlib import import_module
from typing import Any

from unisafebench.core.errors import UsageError
from unisafebench.models.base import Capabilities
from unisafebench.models.hf.families import FAMILIES
from unisafebench.models.hf.family import Family

__all__ = ["find_family"]


def find_family(config: Any, name: str) -> tuple[Family, Capabilities]:
    """Return the family of a model and what the model can do.

    Args:
        config: `transformers.PretrainedConfig`.
        name: the model's, for the message.

    Raises:
        UsageError: it is of no family that can be run.
    """
    known = []
    for module in FAMILIES:
        family: Family = import_module(f"unisafebench.models.hf.families.{module}").FAMILY
        capabilities = family.capabilities(config)
        if capabilities is not None:
            return family, capabilities
        known.append(family.name)
    made = ", ".join(config.architectures or ()) or "it does not say which class"
    raise UsageError(
        f"{name} is of the kind {config.model_type!r} ({made}), which is not run here. Supported "
        f"kinds: {', '.join(known)}. Any other model can be run by its own code with exec:COMMAND, "
        "or behind a server."
    )
