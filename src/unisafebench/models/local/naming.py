"""Where the files of a model are, by its name: a directory, or a place on the hub."""

import re
from pathlib import Path

from unisafebench.core.errors import UsageError
from unisafebench.models.local.library import Library

__all__ = ["locate_files"]

_PATH = re.compile(r"(\.{0,2}|~[^/]*)/|\.{1,2}$")


def locate_files(name: str, revision: str | None, library: Library) -> tuple[str, Path | None]:
    """Return where a model's files are, as its library takes it, and the directory if it is one.

    What looks like a path is one; anything else is a directory where there is one of that name,
    and otherwise a model on the hub.

    Args:
        name: `provider/ORGANISATION/MODEL`, `provider/./DIRECTORY` or `provider:/DIRECTORY`.
        revision: a branch, tag or commit, if the user gave one.
        library: whose model it is.

    Raises:
        UsageError: the name says nothing, there is no such directory, or it was given a revision.
    """
    argument = name[len(re.split("[/:]", name, maxsplit=1)[0]) + 1 :]
    if not argument:
        raise UsageError(f"{name!r} names no model. Write {library.forms}.")
    directory = Path(argument).expanduser()
    if not _PATH.match(argument) and not directory.is_dir():
        return argument, None
    if not directory.is_dir():
        raise UsageError(f"{name}: there is no directory {argument!r}.")
    if revision is not None:
        raise UsageError("the option 'revision' is for models of the hub; a directory has none.")
    return str(directory), directory
