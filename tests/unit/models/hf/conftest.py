"""Tiny models on disk, made once; no network, and one thread, so that results repeat."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from pathlib import Path

import pytest
import tiny_language
import torch
from huggingface_hub import constants


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Leave the other cores to others."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never ask the hub, whoever imported its library before the variable was set."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


@pytest.fixture(scope="session")
def language_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a tiny language model."""
    return tiny_language.save_language_model(tmp_path_factory.mktemp("models") / "language")


@pytest.fixture(scope="session")
def vision_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a tiny vision-language model."""
    return tiny_language.save_vision_model(tmp_path_factory.mktemp("models") / "vision")
