"""What a config says of the kind of model that it belongs to."""

from collections.abc import Mapping
from typing import Any

__all__ = ["is_made_for"]


def is_made_for(config: Any, auto_class: str, names: Mapping[str, Any]) -> bool:
    """Whether a config is of a decoder that an auto class of transformers makes.

    Args:
        config: `transformers.PretrainedConfig`.
        auto_class: such as "AutoModelForCausalLM"; remote code says by it what it is made for.
        names: that auto class's model classes by model type.
    """
    if config.is_encoder_decoder:
        return False
    if auto_class in (getattr(config, "auto_map", None) or {}) and not _is_own(config):
        return True
    found = names.get(config.model_type)
    # The same config also belongs to classifiers and embedders, which have other weights.
    classes = {each.casefold() for each in ((found,) if isinstance(found, str) else found or ())}
    made = {each.casefold() for each in config.architectures or ()}
    return bool(classes) and (not made or bool(classes & made))


def _is_own(config: Any) -> bool:
    """Whether the config is of transformers' own code and not of the repository's."""
    return type(config).__module__.startswith("transformers.models.")
