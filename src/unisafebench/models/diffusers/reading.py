"""What each way of failing to read a pipeline's files means to the user."""

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
)

from unisafebench.core.errors import UniSafeBenchError, UsageError
from unisafebench.models.hf.loading import is_memory_error

__all__ = ["FORMS", "INDEX", "OWN_CODE", "reading"]

INDEX = "model_index.json"
"""The file that makes a directory a pipeline."""
FORMS = "diffusers/ORGANISATION/MODEL, diffusers/./DIRECTORY or diffusers:/DIRECTORY"
"""How a pipeline is named."""
OWN_CODE = (
    "{path} needs Python code from its own repository, which is not run here. Run it by a worker "
    "of your own with exec:COMMAND."
)
"""What to say of a pipeline that is not diffusers' own."""

# A gated repository is a kind of one that is not found, and a file that is not in the cache is a
# kind of one that does not exist: the order matters.
_MEANINGS: tuple[tuple[type[Exception], str], ...] = (
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
            f"({FORMS}); for a private one set HF_TOKEN."
        ),
    ),
    (
        HFValidationError,
        f"{{path!r}} is neither a directory nor a model's name. Write {FORMS}.",
    ),
    (
        LocalEntryNotFoundError,
        (
            "{wanted} is not in the local cache of the hub, and the hub cannot be reached (no "
            "network, or HF_HUB_OFFLINE is set). Download it first on a machine with network, or "
            "name a directory: diffusers/./DIRECTORY or diffusers:/DIRECTORY."
        ),
    ),
    (
        OfflineModeIsEnabled,
        (
            "{wanted} is not whole in the local cache of the hub, and HF_HUB_OFFLINE is set. "
            "Download it first on a machine with network."
        ),
    ),
    (
        EntryNotFoundError,
        (
            f"{{wanted}} is no diffusers pipeline: it has no {INDEX}. A model of transformers is "
            "named with hf/ instead of diffusers/."
        ),
    ),
)


@contextmanager
def reading(path: str, revision: str | None) -> Iterator[None]:
    """Say in one line what an error means, for whatever is read inside.

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
                f"{path} does not fit in memory. Use dtype=bfloat16 (2 bytes a weight), spread it "
                f"over several GPUs with device_map=balanced, or take a smaller one. "
                f"({_first_line(error)})"
            ) from error
        raise UsageError(_explained(error, path, revision)) from error


def _explained(error: Exception, path: str, revision: str | None) -> str:
    for kind, meaning in _MEANINGS:
        if any(isinstance(each, kind) for each in _chain(error)):
            wanted = path if revision is None else f"{path} at revision {revision!r}"
            return meaning.format(path=path, revision=revision, wanted=wanted)
    if "trust_remote_code" in str(error):
        return OWN_CODE.format(path=path)
    if isinstance(error, ImportError):
        return f"{path} needs something that is not installed: {_first_line(error)}"
    return f"{path} cannot be read: {_first_line(error)}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__
