"""Looking over what lies in a run beside its records: pictures, leftovers, the lock."""

import fcntl
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from unisafebench.runs.checkup_lines import Finding, counted
from unisafebench.runs.directory import RunDirectory

__all__ = ["check_files", "check_images", "check_lock"]

_STORED = re.compile(r"images/([0-9a-f]{64})(?:\.[a-z0-9]{1,5})?")
_NAMED = 5
_LOST = (
    "Copy the file back from where the run was made. Where there is none, remove the lines of "
    "responses.jsonl that name it and repeat the command."
)


def check_lock(run: RunDirectory) -> Iterator[Finding]:
    """Say whether a command is working on the run: what is counted may then change meanwhile."""
    try:
        with (run.path / "run.lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        yield Finding(
            "run.lock",
            "note",
            "a command is working on the run, so its files may not agree yet",
            "Wait for it to end and look again.",
        )
    except OSError:
        return  # none was ever made, or the file system has no locks


def check_images(run: RunDirectory, named: set[str]) -> Iterator[Finding]:
    """Compare the pictures that records name with the files: there, and of the name's hash."""
    strange, lost, changed = [], [], []
    for name in sorted(named):
        stored = _STORED.fullmatch(name)
        if stored is None:
            strange.append(name)
            continue
        try:
            with (run.path / name).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            lost.append(name)
            continue
        if digest != stored[1]:
            changed.append(name)
    kinds = (
        (lost, "pictures that are named and not there"),
        (changed, "pictures that are not what their names say, cut off or changed"),
        (strange, "names of pictures that no run gives"),
    )
    for names, problem in kinds:
        if names:
            yield Finding("images", "problem", f"{problem}: {_listed(names)}", _LOST)
    if named and not (strange or lost or changed):
        yield Finding(
            "images", "ok", f"{counted(len(named), 'picture')}, each of the hash in its name"
        )
    unused = _unused(run, named)
    if unused:
        detail = f"pictures that no record names: {_listed(unused)}"
        yield Finding("images", "note", detail, "They can be deleted.")


def check_files(run: RunDirectory) -> Iterator[Finding]:
    """Name what killed commands left behind."""
    left = [str(path.relative_to(run.path)) for path in _leftovers(run)]
    if left:
        detail = f"files of killed commands: {_listed(left)}"
        yield Finding(
            "leftovers", "note", detail, "They can be deleted while no command works on the run."
        )


def _leftovers(run: RunDirectory) -> Iterator[Path]:
    images = run.path / "images"
    for path in sorted([*run.path.iterdir(), *(images.iterdir() if images.is_dir() else ())]):
        name = path.name
        if name.endswith((".part", ".part.shuffled")) or name.startswith(".part-"):
            yield path


def _unused(run: RunDirectory, named: set[str]) -> list[str]:
    images = run.path / "images"
    if not images.is_dir():
        return []
    found = (f"images/{path.name}" for path in images.iterdir())
    return sorted(name for name in found if _STORED.fullmatch(name) and name not in named)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"{len(names):,} ({', '.join(names[:_NAMED])}{more})"
