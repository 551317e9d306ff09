"""The error family. Every error that a user can meet is one of these.

```
UniSafeBenchError                 exit code
  UsageError                      2  the command line asks for something impossible
    UnknownNameError              2  a name that is not in a list; near matches are offered
    MissingExtraError             2  an optional dependency is not installed
  DataError                       2  a file or record is unusable; says where
  ImageError                      2  one picture is unusable (a sample's end, not a run's)
  RunError                        2  a run directory cannot be used as asked
    RunLockedError                2  another process works on it
    RunMismatchError              2  it was made with something else
  EndpointError                   3  a call to a model endpoint failed
    EndpointUnusableError         3  every further call would fail too: stop
  PreflightError                  2  the judge or model is not fit to start a run
```

Messages are written for users: what happened, where, what to do next. They never hold a key.
"""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from unisafebench.core.records import Lack

__all__ = [
    "DataError",
    "EndpointError",
    "EndpointUnusableError",
    "ImageError",
    "MissingExtraError",
    "PreflightError",
    "RunError",
    "RunLockedError",
    "RunMismatchError",
    "UniSafeBenchError",
    "UnknownNameError",
    "UsageError",
]


class UniSafeBenchError(Exception):
    """Any error that this package raises on purpose; its text is meant for the user."""

    exit_code = 2


class UsageError(UniSafeBenchError):
    """The command line asks for something that cannot be done as written."""


class UnknownNameError(UsageError):
    """A name is not one of those known; the message lists the nearest ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, where: str = "") -> None:
        self.kind = kind
        self.name = name
        self.known = tuple(known)
        self.suggestions = tuple(_near_matches(name, self.known))
        head = f"{where}: " if where else ""
        hint = (
            f"Did you mean {' or '.join(repr(s) for s in self.suggestions)}?"
            if self.suggestions
            else f"Known: {', '.join(self.known)}."
        )
        super().__init__(f"{head}unknown {kind} {name!r}. {hint}")


class MissingExtraError(UsageError):
    """A feature needs an optional dependency that is not installed."""

    def __init__(self, feature: str, extra: str, module: str) -> None:
        self.extra = extra
        super().__init__(
            f"{feature} needs the module {module!r}, which is not installed. "
            f"Install it with: pip install 'unisafebench[{extra}]'"
        )


class DataError(UniSafeBenchError):
    """A file or a record in it is unusable. Says the file, line and column where known."""

    def __init__(
        self,
        problem: str,
        *,
        path: Path | str | None = None,
        line: int | None = None,
        column: int | None = None,
        remedy: str = "",
    ) -> None:
        self.problem = problem
        self.path = None if path is None else str(path)
        self.line = line
        self.column = column
        self.remedy = remedy
        place = ":".join(str(part) for part in (self.path, line, column) if part is not None)
        text = f"{place}: {problem}" if place else problem
        super().__init__(f"{text} {remedy}" if remedy else text)


class ImageError(UniSafeBenchError):
    """One picture is missing, truncated, empty, too large or not a picture."""


class RunError(UniSafeBenchError):
    """A run directory cannot be used as asked."""


class RunLockedError(RunError):
    """Another live process is working on the run directory."""


class RunMismatchError(RunError):
    """A run directory was made with other data, judge, prompts or protocol."""

    def __init__(self, directory: Path, differences: Sequence[tuple[str, object, object]]) -> None:
        self.differences = tuple(differences)
        lines = "\n".join(
            f"  {name}: the run has {recorded!r}, you asked for {asked!r}"
            for name, recorded, asked in differences
        )
        super().__init__(
            f"{directory} is a run made with other settings:\n{lines}\n"
            "Repeat the command with the run's own settings to resume it, "
            "or give another directory with --output to start a new run."
        )


class EndpointError(UniSafeBenchError):
    """A call to an endpoint failed, after its retries where retrying could help.

    `status` is the HTTP status (None when no answer came), `code` the provider's own error
    code, `param` the parameter that it names, `body` the start of what it sent, `details` its
    error object as it came, `lacks` what it says that the model cannot do.
    """

    exit_code = 3

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        param: str | None = None,
        body: str = "",
        details: Mapping[str, Any] | None = None,
        lacks: Lack | None = None,
    ) -> None:
        self.status = status
        self.code = code
        self.param = param
        self.body = body
        self.details = details or {}
        self.lacks = lacks
        super().__init__(message)


class EndpointUnusableError(EndpointError):
    """Every further call to the endpoint would fail too (wrong key, dead server)."""


class PreflightError(UniSafeBenchError):
    """The judge or the model is not fit to start the run; nothing was spent."""


def _near_matches(name: str, known: Sequence[str]) -> list[str]:
    folded = {candidate.casefold(): candidate for candidate in known}
    found = get_close_matches(name.casefold(), folded, n=3, cutoff=0.5)
    # "gore" is far from "Blood and Gore" as a whole, but near one of its words.
    words = {word: full for full in folded for word in full.replace("-", " ").split()}
    found += [words[word] for word in get_close_matches(name.casefold(), words, n=3, cutoff=0.7)]
    return [folded[match] for match in dict.fromkeys(found)]
