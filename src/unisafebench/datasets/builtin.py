"""Data sets that come with the package."""

from importlib.resources import files
from pathlib import Path

from unisafebench.core.errors import UnknownNameError

__all__ = ["BUILT_IN", "resolve_dataset", "shown_path"]

BUILT_IN = ("starter",)
"""Names of the data sets in the package."""


def resolve_dataset(name: str) -> tuple[str, Path]:
    """Return (name, path of the JSON Lines file) for a built-in name or a user's path.

    Raises:
        UnknownNameError: there is neither such a data set nor such a file.
    """
    if name in BUILT_IN:
        return name, Path(str(files("unisafebench.datasets") / name / "samples.jsonl"))
    path = Path(name)
    if path.is_dir() and (path / "samples.jsonl").is_file():
        return path.resolve().name, path / "samples.jsonl"
    if not path.exists() and "/" not in name and "." not in name:
        raise UnknownNameError("data set", name, BUILT_IN)
    return path.stem, path


def shown_path(path: Path) -> str:
    """Return a data set's path as it is recorded; one of the package's own names no directory.

    Where the package is installed tells nothing about the data, and may tell who runs it.
    """
    home = Path(str(files("unisafebench.datasets")))
    return f"built in: {path.parent.name}" if path.is_relative_to(home) else str(path)
