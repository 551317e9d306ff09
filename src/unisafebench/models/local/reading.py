"""What each way of failing to read a model's files means to the user."""

from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    RevisionResolutionError,
)

from unisafebench.core.errors import UniSafeBenchError, UsageError
from unisafebench.models.local.library import Library
from unisafebench.models.local.memory import is_memory_error

__all__ = ["explained_by"]

_Kinds = type[Exception] | tuple[type[Exception], ...]

# A gated repository is a kind of one that is not found: the order matters.
_MEANINGS: tuple[tuple[_Kinds, str], ...] = (
    (
        GatedRepoError,
        (
            "access to {path} must be granted by its authors. Ask for it on the model's page, then "
            "set HF_TOKEN to a token of your account."
        ),
    ),
    (
        RevisionNotFoundError,
        "{path} has no revision {revision!r}. Give a branch, a tag or a full commit hash.",
    ),
    (
        RepositoryNotFoundError,
        (
            "there is no model {path!r} on the hub, or it is private. Check the name "
            "({forms}); for a private one set HF_TOKEN."
        ),
    ),
    (
        HFValidationError,
        "{path!r} is neither a directory nor a model's name. Write {forms}.",
    ),
    (
        (LocalEntryNotFoundError, OfflineModeIsEnabled, RevisionResolutionError),
        (
            "{wanted} is not in the local cache of the hub, or not all of it, and the hub cannot "
            "be reached (no network, or HF_HUB_OFFLINE is set). Download it first on a machine "
            "with network, or name a directory: {provider}/./DIRECTORY or {provider}:/DIRECTORY."
        ),
    ),
)


@contextmanager
def explained_by(library: Library, path: str, revision: str | None = None) -> Iterator[None]:
    """Say in one line what an error means, for whatever of a model is read inside.

    Args:
        library: what reads it.
        path: a directory, or `organisation/model` on the hub.
        revision: a branch, tag or commit on the hub.

    Raises:
        UsageError: instead of what was raised.
    """
    try:
        yield
    except UniSafeBenchError:
        raise
    except Exception as error:
        if is_memory_error(error):
            raise UsageError(
                f"{path} does not fit in memory. Use a smaller dtype (bfloat16 is 2 bytes a "
                f"weight), spread it over several GPUs with device_map={library.spread}, or take "
                f"a smaller model. ({_first_line(error)})"
            ) from error
        raise UsageError(_explained(error, library, path, revision)) from error


def _explained(error: Exception, library: Library, path: str, revision: str | None) -> str:
    chain = tuple(_chain(error))
    known = _MEANINGS
    if library.no_index is not None:
        known = (*known, (EntryNotFoundError, library.no_index))
    for kinds, meaning in known:
        if any(isinstance(each, kinds) for each in chain):
            wanted = path if revision is None else f"{path} at revision {revision!r}"
            return meaning.format(
                path=path,
                revision=revision,
                wanted=wanted,
                forms=library.forms,
                provider=library.provider,
            )
    words = str(error)
    if "trust_remote_code" in words:
        return library.own_code.format(path=path)
    if isinstance(error, ImportError) or "to be installed" in words:
        return _not_installed(path, words)
    if "ignore_mismatched_sizes" in words:
        return (
            f"the weights in {path} have other shapes than its config.json says. Its files may "
            "come from two models: download it again."
        )
    if "does not recognize this architecture" in words:
        return (
            f"the installed transformers does not know the kind of model in {path}: "
            f"{_first_line(error)} A newer version may: pip install --upgrade transformers"
        )
    return f"{path} cannot be read: {_first_line(error)}"


def _not_installed(path: str, words: str) -> str:
    said = " ".join(words.split())
    if "torchvision" in words.casefold():
        # A build of torchvision fits one build of torch, so that no extra can name the right one.
        return (
            f"{path} needs torchvision, which is not installed, or does not fit the installed "
            "torch. Install the release and build that belong to it (pytorch.org says which). "
            f"({said})"
        )
    return f"{path} needs something that is not installed: {said}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__
