"""What a pipeline can do, read from the signature of its call.

Three kinds of pipeline take a picture beside the prompt, and only one of them follows an
instruction. Image-to-image (`strength`) adds noise to the picture and denoises it towards a
description of the result. ControlNets, adapters, upscalers and inpainting take a picture of
something else: edges, a mask, a smaller copy. What is left edits as it is told.
"""

import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Literal

import msgspec

from unisafebench.core.errors import UsageError

__all__ = ["Abilities", "Call", "Editing", "abilities_of"]

Editing = Literal["instruction", "img2img", "no"]
"""What becomes of a source picture: it is edited as told, it is the start of another, or none."""

# Pictures of something else than a source to be edited, and outputs that are no single picture.
_OTHER_PURPOSES = frozenset(
    {
        "adapter_conditioning_scale",
        "control_image",
        "control_video",
        "controlnet_conditioning_scale",
        "frame_size",
        "frames",
        "layers",
        "mask_image",
        "noise_level",
        "num_frames",
        "video",
        "video_length",
    }
)
# Here the signature does not tell: these enlarge or refine a picture.
_NO_EDITORS = frozenset({"HunyuanImageRefinerPipeline", "StableDiffusionLatentUpscalePipeline"})
# Other names under which pictures are taken, in forms of their own.
_OTHER_PICTURES = frozenset({"images", "input_images", "reference_image"})
# They draw when they get no picture, though `AutoPipelineForText2Image` does not list them.
_DRAW_TOO = frozenset(
    {
        "BriaFibo2Pipeline",
        "DreamLiteMobilePipeline",
        "DreamLitePipeline",
        "Flux2KleinKVPipeline",
        "OmniGenPipeline",
    }
)
# A list of pictures is one for each prompt; elsewhere it is several references for one prompt, so
# that edits asked for together would be mixed up.
_PICTURE_PER_PROMPT = frozenset(
    {"StableDiffusionInstructPix2PixPipeline", "StableDiffusionXLInstructPix2PixPipeline"}
)
_SEVERAL_PICTURES = frozenset(
    {
        "Flux2KleinKVPipeline",
        "Flux2KleinPipeline",
        "Flux2Pipeline",
        "GlmImagePipeline",
        "QwenImage21Pipeline",
        "QwenImageEditPlusPipeline",
        "ZImageOmniPipeline",
    }
)


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A pipeline class and the parameters of its call, with their defaults."""

    pipeline: type[Any]
    defaults: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The name of the class."""
        return self.pipeline.__name__

    @property
    def picture_per_prompt(self) -> bool:
        """Whether several edits may be asked for in one call."""
        return self.name in _PICTURE_PER_PROMPT or "strength" in self.defaults

    @property
    def several_pictures(self) -> bool:
        """Whether one prompt may come with several source pictures, and they come as a list."""
        return self.name in _SEVERAL_PICTURES


class Abilities(msgspec.Struct, frozen=True, kw_only=True):
    """How a model draws and how it edits; None for what it cannot."""

    draw: Call | None = None
    edit: Call | None = None
    editing: Editing = "no"


def abilities_of(pipeline: type[Any], editing: str = "auto") -> Abilities:
    """Return what a pipeline class can be asked for.

    Args:
        pipeline: the class that the model's `model_index.json` names.
        editing: `auto` edits where the pipeline follows instructions; `img2img` by noise and
            description, also with the class that belongs to a text-to-image one; `no` never.

    Raises:
        UsageError: for none of the tasks, or not for `img2img`.
    """
    call = _call(pipeline)
    if call.defaults.get("output_type") != "pil" or "prompt" not in call.defaults:
        raise UsageError(
            f"a {call.name} does not make pictures from a prompt, so that there is nothing to ask "
            "it for. Text-to-image and instruction-based editing pipelines are run."
        )
    draw = call if _draws(call) else None
    edit = call if _edits(call) else None
    way: Editing = "instruction" if edit else "no"
    if editing == "no":
        edit, way = None, "no"
    elif editing == "img2img":
        edit, way = _img2img(call), "img2img"
    if draw is None and edit is None:
        raise UsageError(_nothing_to_ask(call, editing))
    return Abilities(draw=draw, edit=edit, editing=way)


def _call(pipeline: type[Any]) -> Call:
    parameters = inspect.signature(pipeline.__call__).parameters.values()
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return Call(
        pipeline=pipeline,
        defaults={
            each.name: each.default
            for each in parameters
            if each.kind in kinds and each.name != "self"
        },
    )


def _draws(call: Call) -> bool:
    taken = call.defaults.keys()
    if taken & _OTHER_PURPOSES or "strength" in taken or _needs_more(call, ("prompt",)):
        return False
    if not taken & (_OTHER_PICTURES | {"image"}):
        return True
    return call.name in _DRAW_TOO or call.pipeline in _auto_pipelines("TEXT2IMAGE").values()


def _edits(call: Call) -> bool:
    taken = call.defaults.keys()
    if "image" not in taken or "strength" in taken or call.name in _NO_EDITORS:
        return False
    return not taken & _OTHER_PURPOSES and not _needs_more(call, ("prompt", "image"))


def _img2img(call: Call) -> Call:
    """Return the image-to-image call of a pipeline class, or of the one that belongs to it."""
    by_text, by_picture = _auto_pipelines("TEXT2IMAGE"), _auto_pipelines("IMAGE2IMAGE")
    names = [name for name, each in by_text.items() if each is call.pipeline]
    candidates = [call, *(_call(by_picture[name]) for name in names if name in by_picture)]
    for candidate in candidates:
        taken = candidate.defaults.keys()
        fits = {"prompt", "image", "strength"} <= taken and not taken & _OTHER_PURPOSES
        if fits and not _needs_more(candidate, ("prompt", "image")):
            return candidate
    raise UsageError(
        f"diffusers has no image-to-image pipeline that belongs to a {call.name}. "
        "Leave the option editing=img2img out."
    )


def _auto_pipelines(task: str) -> Mapping[str, type[Any]]:
    """Return diffusers' own table of pipeline classes by family, for TEXT2IMAGE or IMAGE2IMAGE.

    Reading it imports all pipelines there are, which takes seconds.
    """
    tables = import_module("diffusers.pipelines.auto_pipeline")
    found: Mapping[str, type[Any]] = getattr(tables, f"AUTO_{task}_PIPELINES_MAPPING")
    return found


def _needs_more(call: Call, given: tuple[str, ...]) -> bool:
    empty = inspect.Parameter.empty
    return any(each is empty for name, each in call.defaults.items() if name not in given)


def _nothing_to_ask(call: Call, editing: str) -> str:
    if "strength" in call.defaults and not call.defaults.keys() & _OTHER_PURPOSES:
        return (
            f"a {call.name} makes a picture from another one and a description of the result, "
            "which is not editing by instruction. To count it as editing all the same, set the "
            "option editing=img2img."
        )
    if editing == "no" and _edits(call):
        return f"a {call.name} only edits, which the option editing=no switches off."
    return (
        f"a {call.name} is for another purpose than drawing from a prompt or editing by "
        "instruction (it takes a mask, a control picture, a picture to enlarge, or makes a film), "
        "so that there is nothing to ask it for."
    )
