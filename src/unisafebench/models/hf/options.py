"""The options of local models: where the weights go, and how answers are decoded."""

from collections.abc import Mapping
from typing import Any

import msgspec

from unisafebench.core.errors import UsageError
from unisafebench.models.hf.family import Decoding
from unisafebench.models.options import Options

__all__ = ["Settings", "read_settings"]

_DTYPES = ("auto", "float32", "bfloat16", "float16")
_SPREADS = ("auto", "balanced", "balanced_low_0", "sequential")
_MAX_TOKENS = 1024
_BATCH = 8
_HOTTEST = 100.0


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the user set, or the defaults."""

    revision: str | None
    """A branch, tag or commit of the hub; None for the main branch."""
    trust_remote_code: bool
    """Whether Python code from the model's repository may run."""
    dtype: str
    device: str
    """auto (a GPU where there is one), cpu, cuda, cuda:N, mps."""
    device_map: str | None
    """How to spread the layers over several GPUs: auto, balanced, balanced_low_0, sequential."""
    attn_implementation: str | None
    """sdpa, eager, flash_attention_2, ...: as transformers has it; None for its own choice."""
    batch_size: int
    """The largest batch; it is halved when memory runs out."""
    decoding: Decoding
    """max_tokens, temperature (0 is greedy decoding), top_p, system."""
    text: bool | None
    """Whether the weights write, where the user says so; None: what the family can do."""
    images: bool | None
    """Whether the weights draw, in the same way."""
    image: Mapping[str, Any]
    """image.NAME: how pictures are drawn; which there are depends on the family."""


def read_settings(options: Options, model: str) -> Settings:
    """Read the options, all of them.

    Raises:
        UsageError: one is unknown or unusable, or two contradict each other.
    """
    device_map = options.text("device_map")
    settings = Settings(
        revision=options.text("revision") or None,
        trust_remote_code=options.flag("trust_remote_code", default=False),
        dtype=options.choice("dtype", _DTYPES, "auto"),
        device=options.text("device", "auto") or "auto",
        device_map=options.choice("device_map", _SPREADS, "auto") if device_map else None,
        attn_implementation=options.text("attn_implementation") or None,
        batch_size=options.count("batch_size", _BATCH, high=4096),
        decoding=Decoding(
            max_tokens=options.count("max_tokens", _MAX_TOKENS),
            temperature=options.number("temperature", 0.0, high=_HOTTEST) or 0.0,
            top_p=options.number("top_p", high=1.0),
            system=options.text("system") or None,
        ),
        text=_said(options, "text"),
        images=_said(options, "images"),
        image=options.prefixed("image"),
    )
    options.finish(model)
    if device_map and options.text("device"):
        raise UsageError(
            "the options 'device' and 'device_map' contradict each other: give a single device, "
            "or a way to spread the model over all of them."
        )
    return settings


def _said(options: Options, name: str) -> bool | None:
    return None if options.text(name) is None else options.flag(name, default=True)
