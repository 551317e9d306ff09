"""The options of a diffusers pipeline: where it runs, and what its call is given."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from unisafebench.core.errors import UnknownNameError, UsageError
from unisafebench.models.diffusers.abilities import Call
from unisafebench.models.options import Options

__all__ = ["Settings", "arguments_of", "check_arguments", "read_settings"]

_DTYPES = ("auto", "float32", "bfloat16", "float16")
_HIGHEST_GUIDANCE = 1000.0
_LONGEST_SIDE = 16384
_BLOCK = 8
_PATCHED_BLOCK = 16
# Options of our own name, and the call's parameters that they set.
_NAMED = {
    "steps": "num_inference_steps",
    "guidance": "guidance_scale",
    "negative_prompt": "negative_prompt",
    "height": "height",
    "width": "width",
}
# What is set for each request, or cannot be written as an option.
_RESERVED = frozenset(
    {
        "callback",
        "callback_on_step_end",
        "callback_on_step_end_tensor_inputs",
        "callback_steps",
        "generator",
        "image",
        "latents",
        "num_images_per_prompt",
        "output_type",
        "prompt",
        "return_dict",
    }
)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the user set, or the defaults."""

    revision: str | None
    """A branch, tag or commit of the hub; None for the main branch."""
    variant: str | None
    """Which of several sets of weights in the same directories: fp16, ..."""
    dtype: str
    """auto: on a GPU as in the files, on the CPU float32."""
    device: str
    """auto (a GPU where there is one), cpu, cuda, cuda:N, mps."""
    device_map: str | None
    """balanced: the pipeline's parts are spread over all GPUs."""
    batch_size: int
    """The largest batch; it is halved when memory runs out."""
    safety_checker: Literal["auto", "yes", "no"]
    """auto: on where the pipeline has one; yes: it must have one; no: it is left out."""
    editing: str
    """auto, img2img, no: see `abilities_of`."""
    source_pixels: int | None
    """Source pictures with more pixels are scaled down to it; None leaves them as they are."""
    named: Mapping[str, Any]
    """Arguments of the call that have options of their own: steps, guidance, ..."""
    image: Mapping[str, Any]
    """image.NAME: further arguments of the call, by the call's own names."""


def read_settings(options: Options, model: str) -> Settings:
    """Read the options, all of them.

    Raises:
        UsageError: one is unknown or unusable, or two contradict each other.
    """
    source_pixels = options.count("source_pixels", 0, low=0)
    settings = Settings(
        revision=options.text("revision") or None,
        variant=options.text("variant") or None,
        dtype=options.choice("dtype", _DTYPES, "auto"),
        device=options.text("device", "auto") or "auto",
        device_map=_device_map(options),
        # A picture is then the same to the last bit whatever else is in flight.
        batch_size=options.count("batch_size", 1, high=4096),
        safety_checker=_safety_checker(options),
        editing=options.choice("editing", ("auto", "img2img", "no"), "auto"),
        source_pixels=source_pixels or None,
        named=_named(options),
        image=options.prefixed("image"),
    )
    options.finish(model)
    return settings


def check_arguments(settings: Settings, calls: tuple[Call, ...], *, patched: bool) -> None:
    """Check that each argument is one that a call takes.

    Args:
        settings: what the user set.
        calls: those that will be made.
        patched: whether the denoiser is a transformer, which sees latents in patches of 2 x 2.

    Raises:
        UsageError: none of the calls takes it (says what they take), or a side is no multiple of
            what one number of the latents stands for.
    """
    for side in ("height", "width"):
        _check_side(side, settings.named.get(side, 0), _PATCHED_BLOCK if patched else _BLOCK)
    taken = {name for call in calls for name in call.defaults}
    classes = " and ".join(dict.fromkeys(call.name for call in calls))
    for option, name in _NAMED.items():
        if name in settings.named and name not in taken:
            raise UsageError(
                f"the option {option!r} sets {name}, which {classes} does not take. Set with "
                f"image.NAME=VALUE what it does: {', '.join(_settable(taken))}."
            )
    for name in settings.image:
        if name in _NAMED.values():
            option = next(option for option, each in _NAMED.items() if each == name)
            raise UsageError(f"set {name} with the option {option!r}, not with image.{name}.")
        if name in _RESERVED:
            raise UsageError(
                f"image.{name} cannot be set: it is what each request brings, or is no text."
            )
        if name not in taken:
            raise UnknownNameError(f"argument of {classes}", name, _settable(taken))


def arguments_of(settings: Settings, call: Call) -> dict[str, Any]:
    """Return what a call is given beside prompt, picture and seed.

    The call's own numbers and switches are there too, as they are where nothing is set: they shape
    the pictures, and other releases may have others.
    """
    given = {**settings.named, **settings.image}
    own = {
        name: value
        for name, value in call.defaults.items()
        if isinstance(value, int | float) and name not in _RESERVED
    }
    return own | {name: value for name, value in given.items() if name in call.defaults}


def _settable(taken: set[str]) -> list[str]:
    """Return what `image.NAME` may set; embeddings and masks cannot be written as an option."""
    own = _RESERVED.union(_NAMED.values())
    return sorted(each for each in taken - own if not each.endswith(("embeds", "mask")))


def _named(options: Options) -> dict[str, Any]:
    found = {
        "num_inference_steps": options.count("steps", 0, low=0) or None,
        "guidance_scale": options.number("guidance", high=_HIGHEST_GUIDANCE),
        "negative_prompt": options.text("negative_prompt"),
        "height": options.count("height", 0, low=0, high=_LONGEST_SIDE) or None,
        "width": options.count("width", 0, low=0, high=_LONGEST_SIDE) or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _check_side(name: str, side: int, block: int) -> None:
    if side % block:
        below = side - side % block
        near = f"{below} or {below + block}" if below else str(block)
        raise UsageError(
            f"the option {name!r} is {side}; this pipeline draws in blocks of {block} pixels, so "
            f"give a multiple of that: {near}."
        )


def _safety_checker(options: Options) -> Literal["auto", "yes", "no"]:
    if options.text("safety_checker") is None:
        return "auto"
    return "yes" if options.flag("safety_checker", default=True) else "no"


def _device_map(options: Options) -> str | None:
    if options.text("device_map") is None:
        return None
    if options.text("device"):
        raise UsageError(
            "the options 'device' and 'device_map' contradict each other: give a single device, "
            "or device_map=balanced to spread the pipeline over all GPUs."
        )
    return options.choice("device_map", ("balanced",), "balanced")
