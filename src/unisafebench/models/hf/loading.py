"""Reading a model's files with transformers, and what each way of failing means to the user."""

from contextlib import AbstractContextManager
from typing import Any

import torch
from huggingface_hub import HfApi, is_offline_mode
from transformers import AutoConfig, GenerationConfig

from unisafebench.core.errors import UsageError
from unisafebench.models.hf.family import Source
from unisafebench.models.local.library import Library
from unisafebench.models.local.reading import explained_by

__all__ = [
    "TRANSFORMERS",
    "load_weights",
    "read_config",
    "read_generation_config",
    "reading",
    "resolve_commit",
]

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_SHOWN_KEYS = 3

TRANSFORMERS = Library(
    provider="hf",
    spread="auto",
    own_code=(
        "{path} needs Python code from its own repository, which would run on your machine. Read "
        "that code; to run it, set the option trust_remote_code=yes and pin the commit that you "
        "read with revision=COMMIT."
    ),
)
"""What is said of the library."""


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


def reading(path: str, revision: str | None = None) -> AbstractContextManager[None]:
    """Say in one line what an error of transformers means, for whatever is read inside.

    Raises:
        UsageError: instead of what was raised.
    """
    return explained_by(TRANSFORMERS, path, revision)
