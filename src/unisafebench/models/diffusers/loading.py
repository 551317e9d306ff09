"""Finding a pipeline's files, and reading its weights: whole, or not at all."""

import inspect
import json
import logging
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers import DiffusionPipeline

from unisafebench.core.errors import UsageError
from unisafebench.models.diffusers.library import reading
from unisafebench.models.diffusers.place import Place

__all__ = ["as_img2img", "load_pipeline", "quiet"]

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
# Names in the header of a safetensors file.
_STORED = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}
_DENOISERS = ("transformer", "unet", "decoder", "prior")
_SHOWN = 3
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# Who warns of weights that were filled with random numbers, and how it names them.
_WARNINGS = {
    "transformers.modeling_utils": re.compile(
        r"^\s*(\S+)\s*\|\s*(?:MISSING|MISMATCH)\b", re.MULTILINE
    ),
    "diffusers.models.modeling_utils": re.compile(r"newly initialized: \[(.+)\]"),
}


def load_pipeline(
    place: Place,
    *,
    dtype: str,
    device: str,
    device_map: str | None = None,
    variant: str | None = None,
    without_checker: bool = False,
) -> Any:
    """Load a pipeline with all of its weights, on its device.

    Args:
        place: where it is.
        dtype: `auto`, `float32`, `bfloat16` or `float16`.
        device: a device that was found to be there.
        device_map: `balanced` spreads the parts over all GPUs; `device` is then not used.
        variant: which of several sets of weights.
        without_checker: leave its safety checker out.

    Raises:
        UsageError: they are missing, incomplete, unreadable or do not fit in memory.
    """
    extra: dict[str, Any] = {"safety_checker": None} if without_checker else {}
    with reading(place.path, place.commit), _whole(place.path) as check:
        folder = place.path
        if place.commit is not None:
            folder = DiffusionPipeline.download(place.path, revision=place.commit, variant=variant)
        library: Any = DiffusionPipeline  # its methods are not typed
        pipeline = library.from_pretrained(
            folder,
            dtype=_dtype(dtype, device, Path(folder), variant),
            device_map=device_map,
            variant=variant,
            **extra,
        )
        check(pipeline)
        if device_map is None:
            pipeline.to(device)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def as_img2img(pipeline: Any) -> Any:
    """Return the image-to-image pipeline of the same components, which are not copied."""
    if "strength" in inspect.signature(type(pipeline).__call__).parameters:
        return pipeline
    # Naming this class imports all pipelines there are, which takes seconds.
    made = diffusers.AutoPipelineForImage2Image.from_pipe(pipeline)
    made.set_progress_bar_config(disable=True)
    return made


def quiet() -> None:
    """Keep the libraries' bars and hints out of a run's own display, unless the user wants them."""
    for library, variable in ((diffusers, "DIFFUSERS"), (transformers, "TRANSFORMERS")):
        library.utils.logging.disable_progress_bar()
        if f"{variable}_VERBOSITY" not in os.environ:
            library.utils.logging.set_verbosity_error()


def _dtype(wanted: str, device: str, folder: Path, variant: str | None) -> torch.dtype:
    if wanted != "auto":
        return _DTYPES[wanted]
    # Many operations on half precision are slow on a CPU, and some are missing.
    return torch.float32 if device == "cpu" else _stored_dtype(folder, variant)


def _stored_dtype(folder: Path, variant: str | None) -> torch.dtype:
    """Return the dtype of most of the denoiser's tensors, as its files say."""
    for name in _DENOISERS:
        files = sorted((folder / name).glob("*.safetensors"))
        files = [file for file in files if variant is None or f".{variant}." in file.name] or files
        if files:
            found = Counter(
                entry["dtype"]
                for key, entry in _header(files[0]).items()
                if key != "__metadata__" and entry["dtype"] in _STORED
            )
            return _STORED[found.most_common(1)[0][0]] if found else torch.float32
    return torch.float32


def _header(file: Path) -> dict[str, Any]:
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        header: dict[str, Any] = json.loads(opened.read(length))
    return header


@contextmanager
def _whole(path: str) -> Iterator[Callable[[Any], None]]:
    """Find weights that the files lack, which both libraries fill with random numbers.

    They only warn, and a pipeline hands back nothing that tells: so their warnings are listened
    to, and tensors to which no memory was given are looked for.

    Yields:
        What checks a pipeline that was loaded inside; it raises UsageError.
    """
    listener = _Listener()
    before = []
    for name in _WARNINGS:
        logger = logging.getLogger(name)
        before.append((logger, logger.level, logger.propagate))
        logger.setLevel(logging.WARNING)
        logger.propagate = False
        logger.addHandler(listener)

    def check(pipeline: Any) -> None:
        lacking = list(dict.fromkeys([*listener.names, *_without_memory(pipeline)]))
        if lacking:
            more = f" and {len(lacking) - _SHOWN} more" if len(lacking) > _SHOWN else ""
            raise UsageError(
                f"{path} lacks weights that its pipeline needs, so that its pictures, or the "
                f"verdicts of its safety checker, would be random: {', '.join(lacking[:_SHOWN])}"
                f"{more}. Was the download cut off?"
            )

    try:
        yield check
    finally:
        for logger, level, propagate in before:
            logger.removeHandler(listener)
            logger.setLevel(level)
            logger.propagate = propagate


class _Listener(logging.Handler):
    """Keeps the names of weights that a library says it filled with random numbers."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.names: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the names in a warning, where it is of that kind."""
        for found in _WARNINGS[record.name].findall(_COLOURS.sub("", record.getMessage())):
            self.names += [name.strip(" '") for name in found.split(",")]


def _without_memory(pipeline: Any) -> Iterator[str]:
    for module in pipeline.components.values():
        # What accelerate moves between devices is without memory for a time by design.
        if isinstance(module, torch.nn.Module) and not hasattr(module, "_hf_hook"):
            for name, parameter in module.named_parameters():
                if parameter.is_meta:
                    yield name
