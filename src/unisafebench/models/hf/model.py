"""A model on this machine behind the protocol of all adapters.

Its weights are read in the worker thread when the first request comes, so that a run with nothing
left to do, and one that is only planned, costs neither the time nor the memory.
"""

import asyncio
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec
import torch

from unisafebench.core.errors import EndpointUnusableError, UniSafeBenchError
from unisafebench.core.records import PictureSeen, Usage
from unisafebench.media.pictures import Picture
from unisafebench.models.base import Capabilities, Output, Request, UnsupportedError
from unisafebench.models.hf.family import (
    Answers,
    Decoding,
    Family,
    Generated,
    Loaded,
    Prompt,
    Source,
)
from unisafebench.models.local.batching import Batched, Batcher
from unisafebench.models.local.devices import describe_device
from unisafebench.models.local.memory import is_memory_error, release_memory
from unisafebench.models.local.pictures import readied
from unisafebench.models.local.seeds import seed_of

__all__ = ["Kind", "LocalModel", "Opened"]


class Kind(NamedTuple):
    """What can be in one batch: requests for the same kind of answer, all with pictures or none."""

    gives: Literal["text", "image"]
    with_pictures: bool


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A model whose small files have been read; the weights have not."""

    name: str
    """As the user wrote it."""
    capabilities: Capabilities
    settings: Mapping[str, object]
    """What shapes the answers, for the manifest."""
    batch_size: int
    served_model: str
    family: Family
    source: Source
    config: Any
    processor: Any
    decoding: Decoding


class LocalModel:
    """A model of transformers in this process.

    Args:
        opened: what was found out from its small files.
    """

    def __init__(self, opened: Opened) -> None:
        self.name = opened.name
        self.capabilities = opened.capabilities
        self.settings = opened.settings
        self._opened = opened
        self._stopping = threading.Event()
        self._loaded: Loaded | None = None
        self._load_seconds = 0.0
        self._unusable: EndpointUnusableError | None = None
        self._batcher: Batcher[Kind, Prompt, Generated] = Batcher(
            self._run,
            size=opened.batch_size,
            is_memory_error=is_memory_error,
            release_memory=release_memory,
        )

    @property
    def learned(self) -> dict[str, object]:
        """What is known once the model has run: its device, and batches that had to be smaller."""
        if self._loaded is None:
            return {}
        smaller = {
            f"{kind.gives}{' with pictures' if kind.with_pictures else ''}": size
            for kind, size in self._batcher.sizes.items()
        }
        return {
            "device": describe_device(str(self._loaded.device)),
            "load_seconds": self._load_seconds,
            "batch_size": self._opened.batch_size,
            **({"smaller_batches": smaller} if smaller else {}),
        }

    async def generate(self, request: Request) -> Output:
        """Answer one sample; see `Model.generate`."""
        if not self.capabilities.supports(request.task):
            raise UnsupportedError(f"{self.name} cannot do the task {request.task.id}.")
        pictures, images = await asyncio.to_thread(readied, request.pictures)
        prompt = Prompt(text=request.sample.prompt, images=images, seed=seed_of(request))
        kind = Kind(request.task.output, bool(images))
        return self._output(await self._batcher.submit(kind, prompt), pictures)

    async def aclose(self) -> None:
        """End what is being generated, and release the memory."""
        self._stopping.set()
        await self._batcher.aclose()
        if self._loaded is not None:
            self._loaded = None
            release_memory()

    def _output(self, batched: Batched[Generated], pictures: Sequence[Picture]) -> Output:
        generated = batched.result
        usage = Usage(input_tokens=generated.input_tokens, output_tokens=generated.output_tokens)
        return Output(
            text=generated.text,
            images=generated.images,
            stop_reason=generated.stop_reason,
            usage=usage if usage != Usage() else None,
            served_model=self._opened.served_model,
            sent=dict(generated.sent),
            pictures_sent=tuple(
                PictureSeen(sha256=each.sha256, width=each.width, height=each.height)
                for each in pictures
            ),
            details={
                **generated.details,
                "batch": batched.size,
                "batch_seconds": round(batched.seconds, 3),
            },
        )

    def _run(self, kind: Kind, prompts: Sequence[Prompt]) -> Answers:
        """Run a batch; called in the worker thread.

        Raises:
            EndpointUnusableError: the weights cannot be loaded, or the GPU has failed for good.
        """
        loaded = self._load()
        family = self._opened.family
        ask = family.draw if kind.gives == "image" else family.answer
        try:
            return ask(loaded, prompts, self._opened.decoding)
        except torch.AcceleratorError as error:
            if is_memory_error(error):
                raise
            self._unusable = EndpointUnusableError(
                f"{self.name}: the GPU has failed, and nothing more can be run on it: {error} "
                "What is done is kept: repeat the command to go on."
            )
            raise self._unusable from error

    def _load(self) -> Loaded:
        if self._unusable is not None:
            raise self._unusable
        if self._loaded is None:
            started = time.monotonic()
            try:
                model = self._opened.family.load_model(self._opened.source)
            except UniSafeBenchError as error:
                self._unusable = EndpointUnusableError(str(error))
                raise self._unusable from error
            self._loaded = Loaded(
                name=self.name,
                config=self._opened.config,
                processor=self._opened.processor,
                model=model,
                device=model.device,
                stopping=self._stopping,
            )
            self._load_seconds = round(time.monotonic() - started, 1)
        return self._loaded
