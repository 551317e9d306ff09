"""Reading a model's files with transformers, and what each way of failing means to the user."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from huggingface_hub import HfApi, is_offline_mode
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    RevisionResolutionError,
)
from transformers import AutoConfig, GenerationConfig

from unisafebench.core.errors import UniSafeBenchError, UsageError
from unisafebench.models.hf.family import Source

__all__ = [
    "is_memory_error",
    "load_weights",
    "read_config",
    "read_generation_config",
    "reading",
    "release_memory",
    "resolve_commit",
]

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_MEMORY_WORDS = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory",
)
_SHOWN_KEYS = 3


def resolve_commit(path: str, revision: str | None) -> str:
    """Return the full commit hash that a branch or tag of a model on the hub now stands for.

    Without network, or with HF_HUB_OFFLINE set, that is what the local cache says.

    Args:
        path: `organisation/model`.
        revision: a branch, tag or commit; None for the main branch.

    Raises:
        UsageError: there is no such model or revision, or it is not to be had.
    """
    with reading(path, revision):
        offline = is_offline_mode()
        found = HfApi().resolve_revision(path, revision=revision, local_files_only=offline)
    commit: str = found.resolved
    return commit


def read_config(path: str, revision: str | None, *, trust_remote_code: bool) -> Any:
    """Read a model's config.

    Raises:
        UsageError: it cannot be read.
    """
    with reading(path, revision):
        return AutoConfig.from_pretrained(
            path, revision=revision, trust_remote_code=trust_remote_code
        )


def read_generation_config(source: Source, config: Any) -> GenerationConfig:
    """Read what the model's authors say of decoding; where they say nothing, the defaults."""
    try:
        return GenerationConfig.from_pretrained(source.path, revision=source.revision or "main")
    except OSError:
        return GenerationConfig.from_model_config(config)


def load_weights(model_class: Any, source: Source) -> Any:
    """Load a model's weights, all of them, in eval mode on its device.

    Args:
        model_class: an auto class or model class of transformers.
        source: where from, and how.

    Raises:
        UsageError: they are missing, incomplete, unreadable or do not fit in memory.
    """
    with reading(source.path, source.revision):
        model, info = model_class.from_pretrained(
            source.path,
            revision=source.revision,
            trust_remote_code=source.trust_remote_code,
            dtype=_DTYPES.get(source.dtype, source.dtype),
            device_map=source.device_map or {"": source.device},
            attn_implementation=source.attn_implementation,
            output_loading_info=True,
        )
    # transformers fills what is missing with random numbers and only warns.
    lacking = sorted({*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])})
    if lacking:
        more = f" and {len(lacking) - _SHOWN_KEYS} more" if len(lacking) > _SHOWN_KEYS else ""
        raise UsageError(
            f"{source.path} lacks weights that a {type(model).__name__} needs, so that its answers "
            f"would be random: {', '.join(lacking[:_SHOWN_KEYS])}{more}. It may be a model of "
            "another kind (a classifier, an embedder, an adapter), or its files are incomplete."
        )
    return model.eval()


@contextmanager
def reading(path: str, revision: str | None = None) -> Iterator[None]:
    """Say in one line what an error of transformers means, for whatever is read inside.

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
                "weight), spread it over several GPUs with device_map=auto, or take a smaller "
                f"model. ({_first_line(error)})"
            ) from error
        raise UsageError(_explained(error, path, revision)) from error


def is_memory_error(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on a GPU or in the machine."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(
        words in str(error).casefold() for words in _MEMORY_WORDS
    )


def release_memory() -> None:
    """Give memory that is no longer used back to the devices."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _explained(error: Exception, path: str, revision: str | None) -> str:
    chain = list(_chain(error))
    for kind, explain in _EXPLANATIONS:
        if any(isinstance(each, kind) for each in chain):
            return explain(path, revision)
    words = str(error)
    if "trust_remote_code" in words:
        return (
            f"{path} needs Python code from its own repository, which would run on your machine. "
            "Read that code; to run it, set the option trust_remote_code=yes and pin the commit "
            "that you read with revision=COMMIT."
        )
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


def _no_repository(path: str, _revision: str | None) -> str:
    return (
        f"there is no model {path!r} on the hub, or it is private. Check the name "
        "(hf/ORGANISATION/MODEL); for a private one set HF_TOKEN; a directory is written "
        "hf/./DIRECTORY or hf:/DIRECTORY."
    )


def _no_revision(path: str, revision: str | None) -> str:
    return f"{path} has no revision {revision!r}. Give a branch, a tag or a full commit hash."


def _gated(path: str, _revision: str | None) -> str:
    return (
        f"access to {path} must be granted by its authors. Ask for it on the model's page, then "
        "set HF_TOKEN to a token of your account."
    )


def _not_here(path: str, revision: str | None) -> str:
    wanted = path if revision is None else f"{path} at revision {revision!r}"
    return (
        f"{wanted} is not in the local cache of the hub, and the hub cannot be reached (no "
        "network, or HF_HUB_OFFLINE is set). Download it first on a machine with network, or name "
        "a directory: hf/./DIRECTORY or hf:/DIRECTORY."
    )


def _no_name(path: str, _revision: str | None) -> str:
    return (
        f"{path!r} is neither a directory nor a model's name. Write hf/ORGANISATION/MODEL, or "
        "hf/./DIRECTORY or hf:/DIRECTORY."
    )


# A gated repository is reported as a kind of one that is not found: the order matters.
_EXPLANATIONS = (
    (GatedRepoError, _gated),
    (RevisionNotFoundError, _no_revision),
    (RepositoryNotFoundError, _no_repository),
    (HFValidationError, _no_name),
    ((LocalEntryNotFoundError, OfflineModeIsEnabled, RevisionResolutionError), _not_here),
)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__
