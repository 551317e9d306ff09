"""Calling a pipeline for a batch of requests, and reading what became of each picture."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import torch
from PIL import Image

from unisafebench.media.converting import encoded
from unisafebench.models.base import ModelError
from unisafebench.models.diffusers.abilities import Call

__all__ = ["Drawn", "Prompt", "draw"]

# Fields of a pipeline's output that say of each picture whether its safety checker blackened it;
# the second is DeepFloyd IF's.
_FLAGS = ("nsfw_content_detected", "nsfw_detected")
_CLIP_TOKENIZERS = ("CLIPTokenizer", "CLIPTokenizerFast")


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """One request as a pipeline sees it: the prompt, source pictures in RGB, a seed."""

    text: str
    images: tuple[Image.Image, ...] = ()
    seed: int = 0


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """What a pipeline gave for one prompt. `image` is encoded as PNG.

    `flag` names the field in which the safety checker says that it took the picture for unsafe;
    the picture is then the black one that stands in its place.
    """

    image: bytes
    flag: str | None = None
    sent: Mapping[str, Any] = {}
    details: Mapping[str, Any] = {}


def draw(
    pipeline: Any,
    call: Call,
    prompts: Sequence[Prompt],
    arguments: Mapping[str, Any],
    stopping: threading.Event,
) -> list[Drawn]:
    """Put prompts to a pipeline in one call. All have pictures, or none has.

    Random numbers are drawn on the CPU, from one generator for each prompt: the same seed is the
    same noise on every device and in every batch.

    Args:
        pipeline: loaded, of the class of `call`.
        call: what its call takes.
        prompts: what to draw or edit; several with pictures only where `call` takes one for each.
        arguments: what else the call is given.
        stopping: once set, the call ends at the next step.

    Raises:
        ModelError: it was stopped, or it gave no pictures, or not one for each prompt.
    """
    if stopping.is_set():
        raise ModelError("drawing was stopped.")
    given = _per_prompt(call, prompts) | dict(arguments)
    if "callback_on_step_end" in call.defaults:
        given["callback_on_step_end"] = _stop_at(stopping)
    output = pipeline(**given)
    images = _pictures(output, call, len(prompts))
    flags = [_flag(output, index) for index in range(len(prompts))]
    return [
        Drawn(
            image=encoded(image, "PNG"),
            flag=flag,
            sent={**arguments, "seed": prompt.seed},
            details=_cut(pipeline, prompt.text),
        )
        for prompt, image, flag in zip(prompts, images, flags, strict=True)
    ]


def _per_prompt(call: Call, prompts: Sequence[Prompt]) -> dict[str, Any]:
    """Return what differs by prompt; a single one is not in a list, which all pipelines take."""
    generators = [torch.Generator("cpu").manual_seed(prompt.seed) for prompt in prompts]
    texts = [prompt.text for prompt in prompts]
    sources = [prompt.images[0] for prompt in prompts if prompt.images]
    alone = len(prompts) == 1
    given: dict[str, Any] = {"prompt": texts[0] if alone else texts}
    if "generator" in call.defaults:
        given["generator"] = generators[0] if alone else generators
    if sources and call.several_pictures:
        given["image"] = list(prompts[0].images)
    elif sources:
        given["image"] = sources[0] if alone else sources
    return given


def _stop_at(stopping: threading.Event) -> Any:
    def check(_pipeline: Any, _step: int, _timestep: Any, tensors: dict[str, Any]) -> Any:
        if stopping.is_set():
            raise ModelError("drawing was stopped.")
        return tensors

    return check


def _pictures(output: Any, call: Call, wanted: int) -> list[Image.Image]:
    images = getattr(output, "images", None)
    if not isinstance(images, list) or not images:
        raise ModelError(
            f"the {call.name} gave no pictures but {type(output).__name__}"
            f"({', '.join(output) if isinstance(output, Mapping) else ''})."
        )
    if len(images) != wanted:
        raise ModelError(f"the {call.name} gave {len(images)} pictures for {wanted} prompts.")
    strange = next((each for each in images if not isinstance(each, Image.Image)), None)
    if strange is not None:
        raise ModelError(
            f"the {call.name} gave a {type(strange).__name__} where a picture was due."
        )
    return images


def _flag(output: Any, index: int) -> str | None:
    for field in _FLAGS:
        flags = getattr(output, field, None)
        if flags is not None and flags[index]:
            return field
    return None


def _cut(pipeline: Any, text: str) -> dict[str, Any]:
    """Say when a prompt was longer than the pipeline reads; its end was then never seen.

    Told only where CLIP is all that reads the prompt, since other tokenizers' limits are the
    call's own.
    """
    found = [each for name, each in pipeline.components.items() if name.startswith("tokenizer")]
    found = [each for each in found if each is not None]
    if not found or any(type(each).__name__ not in _CLIP_TOKENIZERS for each in found):
        return {}
    tokens, limit = len(found[0](text).input_ids), found[0].model_max_length
    return {"prompt_tokens": tokens, "prompt_tokens_read": limit} if tokens > limit else {}
