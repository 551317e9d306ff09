"""A diffusers pipeline on this machine behind the protocol of all adapters.

Opening it reads its `model_index.json`: enough to say what it can do and to find most mistakes. Its
weights are read in the worker thread when the first request comes.
"""

import asyncio
import itertools
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import diffusers
import msgspec
import torch
import transformers

from unisafebench.core.errors import (
    EndpointUnusableError,
    UniSafeBenchError,
    UsageError,
)
from unisafebench.core.records import PictureSeen
from unisafebench.media.pictures import Picture
from unisafebench.models.base import (
    Capabilities,
    Output,
    Request,
    UnsupportedError,
)
from unisafebench.models.diffusers.abilities import Abilities, Call, abilities_of
from unisafebench.models.diffusers.calling import Drawn, Prompt, draw
from unisafebench.models.diffusers.loading import as_img2img, load_pipeline, quiet
from unisafebench.models.diffusers.options import (
    Settings,
    arguments_of,
    check_arguments,
    read_settings,
)
from unisafebench.models.diffusers.place import Place, locate, pipeline_class
from unisafebench.models.local.batching import Batched, Batcher
from unisafebench.models.local.devices import describe_device, find_device
from unisafebench.models.local.memory import is_memory_error, release_memory
from unisafebench.models.local.pictures import readied
from unisafebench.models.local.seeds import seed_of
from unisafebench.models.options import Options

__all__ = ["Kind", "Opened", "PipelineModel", "open_pipeline"]

_CHECKER = "safety_checker"


class Kind(NamedTuple):
    """What can be in one batch: drawings, or edits of pictures of one size.

    Where a pipeline takes a list of pictures for references of a single prompt, `alone` differs
    for each edit, and no two are ever in one call.
    """

    edits: bool
    size: tuple[int, int] = (0, 0)
    alone: int = 0


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A pipeline whose index has been read; the weights have not."""

    place: Place
    abilities: Abilities
    settings: Settings
    device: str


def open_pipeline(name: str, options: Mapping[str, str]) -> "PipelineModel":
    """Open a pipeline; see `unisafebench.models.diffusers.create`.

    Raises:
        UsageError: there is no such model, revision or device, the pipeline neither draws nor
            edits, or an option is unusable.
    """
    settings = read_settings(Options.of(options), name)
    quiet()
    device = find_device(settings.device)
    if settings.device_map and not torch.cuda.is_available():
        raise UsageError("the option 'device_map' spreads over GPUs, and torch finds none here.")
    place = locate(name, settings.revision)
    abilities = abilities_of(pipeline_class(place), settings.editing)
    check_arguments(
        settings,
        tuple(each for each in (abilities.draw, abilities.edit) if each),
        patched=place.has("transformer"),
    )
    if settings.safety_checker == "yes" and not place.has(_CHECKER):
        raise UsageError(
            f"{name} has no safety checker. Leave the option 'safety_checker' out, or name a model "
            "that has one."
        )
    opened = Opened(place=place, abilities=abilities, settings=settings, device=device)
    return PipelineModel(name, opened)


class PipelineModel:
    """A pipeline of diffusers in this process.

    Args:
        name: the model's name as the user wrote it.
        opened: its files and settings.
    """

    def __init__(self, name: str, opened: Opened) -> None:
        self.name = name
        self.capabilities = Capabilities(
            text_output=False,
            image_output=opened.abilities.draw is not None,
            image_editing=opened.abilities.edit is not None,
        )
        self.settings: Mapping[str, object] = _facts(opened)
        self._opened = opened
        self._stopping = threading.Event()
        self._pipeline: Any = None
        self._editor: Any = None
        self._load_seconds = 0.0
        self._unusable: EndpointUnusableError | None = None
        self._count = itertools.count(1)
        self._batcher: Batcher[Kind, Prompt, Drawn] = Batcher(
            self._run,
            size=opened.settings.batch_size,
            is_memory_error=is_memory_error,
            release_memory=release_memory,
        )

    @property
    def learned(self) -> dict[str, object]:
        """What is known once it has run: device, dtype, and batches that had to be smaller."""
        if self._pipeline is None:
            return {}
        smaller = {
            f"{'edit' if kind.edits else 'draw'}{'' if kind.size[0] == 0 else f' {kind.size}'}": n
            for kind, n in self._batcher.sizes.items()
        }
        return {
            "device": describe_device(str(self._pipeline.device)),
            "dtype": str(self._pipeline.dtype).removeprefix("torch."),
            "load_seconds": self._load_seconds,
            "batch_size": self._opened.settings.batch_size,
            **({"smaller_batches": smaller} if smaller else {}),
        }

    async def generate(self, request: Request) -> Output:
        """Answer one sample; see `Model.generate`."""
        if not self.capabilities.supports(request.task):
            raise UnsupportedError(f"{self.name} cannot do the task {request.task.id}.")
        if not request.task.image_input:
            prompt = Prompt(text=request.sample.prompt, seed=seed_of(request))
            return self._output(await self._batcher.submit(Kind(edits=False), prompt), ())
        call = self._opened.abilities.edit
        assert call is not None  # noqa: S101 -- the capabilities say so
        problem = _picture_problem(call, request)
        if problem:
            return Output(status="invalid_input", error=problem)
        limit = self._opened.settings.source_pixels
        pictures, images = await asyncio.to_thread(readied, request.pictures, limit=limit)
        prompt = Prompt(text=request.sample.prompt, images=images, seed=seed_of(request))
        alone = 0 if call.picture_per_prompt else next(self._count)
        kind = Kind(edits=True, size=images[0].size, alone=alone)
        return self._output(await self._batcher.submit(kind, prompt), pictures)

    async def aclose(self) -> None:
        """End what is being drawn at its next step, and release the memory."""
        self._stopping.set()
        await self._batcher.aclose()
        if self._pipeline is not None:
            self._pipeline = self._editor = None
            release_memory()

    def _output(self, batched: Batched[Drawn], sources: Sequence[Picture]) -> Output:
        drawn = batched.result
        return Output(
            images=(drawn.image,),
            status="blocked" if drawn.flag else "completed",
            stop_reason=drawn.flag or "stop",
            blocked_side="output" if drawn.flag else None,
            served_model=self._opened.place.served_model,
            sent=dict(drawn.sent),
            pictures_sent=tuple(
                PictureSeen(sha256=each.sha256, width=each.width, height=each.height)
                for each in sources
            ),
            details={
                **drawn.details,
                "batch": batched.size,
                "batch_seconds": round(batched.seconds, 3),
            },
        )

    def _run(self, kind: Kind, prompts: Sequence[Prompt]) -> list[Drawn]:
        """Run a batch; called in the worker thread.

        Raises:
            EndpointUnusableError: the weights cannot be loaded, or the GPU has failed for good.
        """
        self._load()
        call = self._opened.abilities.edit if kind.edits else self._opened.abilities.draw
        assert call is not None  # noqa: S101 -- the capabilities say so
        arguments = arguments_of(self._opened.settings, call)
        pipeline = self._editor if kind.edits else self._pipeline
        try:
            return draw(pipeline, call, prompts, arguments, self._stopping)
        except torch.AcceleratorError as error:
            if is_memory_error(error):
                raise
            self._unusable = EndpointUnusableError(
                f"{self.name}: the GPU has failed, and nothing more can be run on it: {error} "
                "What is done is kept: repeat the command to go on."
            )
            raise self._unusable from error

    def _load(self) -> None:
        if self._unusable is not None:
            raise self._unusable
        if self._pipeline is not None:
            return
        started = time.monotonic()
        settings = self._opened.settings
        try:
            pipeline = load_pipeline(
                self._opened.place,
                dtype=settings.dtype,
                device=self._opened.device,
                device_map=settings.device_map,
                variant=settings.variant,
                without_checker=_checker(self._opened) == "off",
            )
        except UniSafeBenchError as error:
            self._unusable = EndpointUnusableError(str(error))
            raise self._unusable from error
        img2img = self._opened.abilities.editing == "img2img"
        self._editor = as_img2img(pipeline) if img2img else pipeline
        self._pipeline = pipeline
        self._load_seconds = round(time.monotonic() - started, 1)


def _facts(opened: Opened) -> dict[str, object]:
    """Return what shapes the pictures, for the manifest: no path of this machine."""
    settings, abilities, place = opened.settings, opened.abilities, opened.place
    facts: dict[str, object] = {
        "model": place.served_model,
        "pipeline": place.index["_class_name"],
        "scheduler": place.index["scheduler"][1] if place.has("scheduler") else "none",
        "safety_checker": _checker(opened),
        "editing": abilities.editing,
        "dtype": settings.dtype,
        "device": opened.device.partition(":")[0],
        "diffusers": diffusers.__version__,
        "transformers": transformers.__version__,
        "torch": str(torch.__version__),
    }
    chosen = {
        "variant": settings.variant,
        "device_map": settings.device_map,
        "source_pixels": settings.source_pixels,
        "draw": arguments_of(settings, abilities.draw) if abilities.draw else None,
        "edit": arguments_of(settings, abilities.edit) if abilities.edit else None,
    }
    if abilities.editing == "img2img" and abilities.edit:
        chosen["editor"] = abilities.edit.name
    return facts | {name: value for name, value in chosen.items() if value is not None}


def _checker(opened: Opened) -> str:
    """Return the class of the safety checker; "off" where it was left out, "none" without one."""
    if not opened.place.has(_CHECKER):
        return "none"
    off = opened.settings.safety_checker == "no"
    return "off" if off else str(opened.place.index[_CHECKER][1])


def _picture_problem(call: Call, request: Request) -> str | None:
    sample, count = request.sample.id, len(request.pictures)
    if count == 0:
        return f"the request for the sample {sample!r} holds no picture"
    if count > 1 and not call.several_pictures:
        return f"the sample {sample!r} has {count} pictures; a {call.name} takes one"
    return None
