"""Where a pipeline's files are, and what they say before any weight is read."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import msgspec
from diffusers import DiffusionPipeline
from huggingface_hub import hf_hub_download

from unisafebench.core.errors import UsageError
from unisafebench.models.diffusers.library import DIFFUSERS, INDEX, reading
from unisafebench.models.local.fingerprint import fingerprint
from unisafebench.models.local.naming import locate_files

__all__ = ["Place", "locate", "pipeline_class"]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a pipeline's files are, and what its `model_index.json` says."""

    path: str
    """A directory, or `organisation/model` on the hub."""
    commit: str | None
    """The full commit hash on the hub; None for a directory."""
    served_model: str
    """The model's name with its commit or the fingerprint of its files."""
    index: Mapping[str, Any]

    def has(self, component: str) -> bool:
        """Whether the pipeline has a component."""
        entry = self.index.get(component)
        return isinstance(entry, list) and len(entry) == 2 and entry[0] is not None


def locate(name: str, revision: str | None) -> Place:
    """Find a pipeline by its name.

    Raises:
        UsageError: there is no such directory, model or revision, or it is no pipeline.
    """
    path, directory = locate_files(name, revision, DIFFUSERS)
    if directory is None:
        return _on_hub(path, revision)
    index = _read_index(directory / INDEX, path)
    return Place(
        path=path,
        commit=None,
        served_model=f"{directory.resolve().name}@{_fingerprint(directory)}",
        index=index,
    )


def pipeline_class(place: Place) -> type[Any]:
    """Return the class that the index names.

    Raises:
        UsageError: it is not diffusers' own, this release does not know it, or it needs more.
    """
    name = place.index.get("_class_name")
    if not isinstance(name, str):
        raise UsageError(DIFFUSERS.own_code.format(path=place.path))
    found = getattr(diffusers, name, None)
    if found is not None and type(found).__name__ == "DummyObject":
        needed = ", ".join(found._backends)  # noqa: SLF001 -- diffusers says it nowhere else
        raise UsageError(f"{place.path} is a {name}, for which these must be installed: {needed}.")
    if not isinstance(found, type) or not issubclass(found, DiffusionPipeline):
        raise UsageError(
            f"{place.path} is a {name}, which the installed diffusers {diffusers.__version__} does "
            "not have. A newer one may: pip install --upgrade diffusers"
        )
    return found


def _on_hub(path: str, revision: str | None) -> Place:
    with reading(path, revision):
        index = Path(hf_hub_download(path, INDEX, revision=revision))
    # Files of the hub's cache lie in a directory that is named by the commit.
    commit = index.parent.name
    return Place(
        path=path,
        commit=commit,
        served_model=f"{path}@{commit}",
        index=_read_index(index, path),
    )


def _read_index(file: Path, path: str) -> Mapping[str, Any]:
    try:
        index = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        hint = (
            " It holds a model of transformers: name it with hf: instead of diffusers:."
            if (file.parent / "config.json").is_file()
            else " Name the directory that save_pretrained wrote, or that was downloaded."
        )
        raise UsageError(f"{path} is no diffusers pipeline: it has no {INDEX}.{hint}") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: its {INDEX} cannot be read: {error}") from error
    if not isinstance(index, dict) or "_class_name" not in index:
        raise UsageError(f"{path}: its {INDEX} names no pipeline class.")
    return index


def _fingerprint(directory: Path) -> str:
    """Return one fingerprint over the files of the pipeline and of each of its components."""
    total = hashlib.sha256(fingerprint(directory).encode())
    for each in sorted(directory.iterdir()):
        if each.is_dir() and not each.name.startswith("."):
            total.update(f"{each.name}\0{fingerprint(each)}".encode())
    return total.hexdigest()[:16]
