"""Opening a model: all that its small files say, and most mistakes that a user can make.

Config, tokenizer and templates are read; weights are not.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch
import transformers

from unisafebench.core.errors import UsageError
from unisafebench.models.base import Capabilities
from unisafebench.models.hf.detecting import find_family
from unisafebench.models.hf.family import Decoding, Family, Source, SpecialisedFamily
from unisafebench.models.hf.generating import generation_facts
from unisafebench.models.hf.loading import (
    TRANSFORMERS,
    read_config,
    read_generation_config,
    resolve_commit,
)
from unisafebench.models.hf.model import LocalModel, Opened
from unisafebench.models.hf.options import Settings, read_settings
from unisafebench.models.local.devices import find_device
from unisafebench.models.local.fingerprint import WEIGHTS, fingerprint
from unisafebench.models.local.naming import locate_files
from unisafebench.models.options import Options

__all__ = ["open_model"]


def open_model(name: str, options: Mapping[str, str]) -> LocalModel:
    """Open a model; see `unisafebench.models.hf.create`.

    Raises:
        UsageError: there is no such model, revision or device, its kind is not supported, or an
            option is unusable.
    """
    settings = read_settings(Options.of(options), name)
    if "TRANSFORMERS_VERBOSITY" not in os.environ:
        transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    device = find_device(settings.device)
    path, directory = locate_files(name, settings.revision, TRANSFORMERS)
    if directory is not None:
        _check_directory(directory)
    commit = None if directory else resolve_commit(path, settings.revision)
    config = read_config(path, commit, trust_remote_code=settings.trust_remote_code)
    source = Source(
        path=path,
        revision=commit,
        trust_remote_code=settings.trust_remote_code,
        dtype=settings.dtype,
        device=device,
        device_map=settings.device_map,
        attn_implementation=settings.attn_implementation,
    )
    family, able = find_family(config, name)
    capabilities = _narrowed(name, family, able, settings)
    decoding = _decoding(name, family, capabilities, config, settings)
    processor = family.load_processor(source)
    opened = Opened(
        name=name,
        capabilities=capabilities,
        settings={},
        batch_size=settings.batch_size,
        served_model=f"{directory.resolve().name}@{fingerprint(directory)}"
        if directory
        else f"{path}@{commit}",
        family=family,
        source=source,
        config=config,
        processor=processor,
        decoding=decoding,
    )
    return LocalModel(msgspec.structs.replace(opened, settings=_facts(opened)))


def _check_directory(path: Path) -> None:
    if not (path / "config.json").is_file():
        hint = (
            " It holds a diffusers pipeline: name it with diffusers: instead of hf:."
            if (path / "model_index.json").is_file()
            else " Name the directory that save_pretrained wrote, or that was downloaded."
        )
        raise UsageError(f"{path} is no model of transformers: it has no config.json.{hint}")
    if not any(each.suffix in WEIGHTS for each in path.iterdir()):
        raise UsageError(
            f"{path} holds no weights ({', '.join(f'*{suffix}' for suffix in WEIGHTS)}). "
            "Was the download cut off?"
        )


def _narrowed(name: str, family: Family, able: Capabilities, settings: Settings) -> Capabilities:
    """Return what the model is asked for: what its family can do, less what the user says."""
    text, images = settings.text, settings.images
    if isinstance(family, SpecialisedFamily):
        return family.narrowed(text=text, images=images)
    draws = able.image_output or able.image_editing
    if images and not draws:
        raise UsageError(f"{name} is a {family.name}, which draws no pictures: leave out images.")
    if text is False and (images is False or not draws):
        raise UsageError(f"text=no leaves nothing that {name} could do.")
    return Capabilities(
        text_output=able.text_output and text is not False,
        image_input=able.image_input,
        image_output=able.image_output and images is not False,
        image_editing=able.image_editing and images is not False,
    )


def _decoding(
    name: str, family: Family, capabilities: Capabilities, config: Any, settings: Settings
) -> Decoding:
    if capabilities.image_output or capabilities.image_editing:
        drawing = family.drawing(config, settings.image)
        return msgspec.structs.replace(settings.decoding, image=drawing)
    if settings.image:
        raise UsageError(
            f"{name} is a {family.name} and draws no pictures: it has no options image.NAME."
        )
    return settings.decoding


def _facts(opened: Opened) -> dict[str, object]:
    """Return what shapes the answers, for the manifest: no path of this machine."""
    source, decoding, capabilities = opened.source, opened.decoding, opened.capabilities
    facts: dict[str, object] = {
        "model": opened.served_model,
        "family": opened.family.name,
        "gives": [
            *(["text"] if capabilities.text_output else []),
            *(["images"] if capabilities.image_output or capabilities.image_editing else []),
        ],
        "dtype": source.dtype if source.dtype != "auto" else _dtype_of(opened.config),
        "device": source.device.partition(":")[0],
        "transformers": transformers.__version__,
        "torch": str(torch.__version__),
    }
    chosen = {
        "device_map": source.device_map,
        "attn_implementation": source.attn_implementation,
        "trust_remote_code": source.trust_remote_code or None,
        "image": dict(decoding.image) or None,
    }
    facts |= {option: value for option, value in chosen.items() if value is not None}
    if capabilities.text_output:
        facts |= {"max_tokens": decoding.max_tokens, "temperature": decoding.temperature}
        if decoding.temperature > 0.0:
            facts |= {"top_p": 1.0 if decoding.top_p is None else decoding.top_p}
        facts |= generation_facts(read_generation_config(source, opened.config))
    return facts | dict(opened.family.facts(opened.config, opened.processor, decoding))


def _dtype_of(config: Any) -> str:
    """Return the dtype that a model's files name; "auto" where only the weights tell."""
    found = config.dtype or config.get_text_config().dtype
    return "auto" if found is None else str(found).removeprefix("torch.")
