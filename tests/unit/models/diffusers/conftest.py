"""Tiny pipelines on disk, made once; no network, and one thread, so that results repeat."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from pathlib import Path

import pytest
import torch
from tiny_pipelines import save_instruct_pix2pix, save_kontext, save_stable_diffusion


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Leave the other cores to others."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def drawing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a text-to-image pipeline without a safety checker."""
    return save_stable_diffusion(tmp_path_factory.mktemp("pipelines") / "draws")


@pytest.fixture(scope="session")
def blackening(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a text-to-image pipeline whose safety checker takes every picture for unsafe."""
    return save_stable_diffusion(tmp_path_factory.mktemp("pipelines") / "black", threshold=-2)


@pytest.fixture(scope="session")
def editing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a pipeline that only edits, with one source picture for each prompt."""
    return save_instruct_pix2pix(tmp_path_factory.mktemp("pipelines") / "edits")


@pytest.fixture(scope="session")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a pipeline that draws and edits."""
    return save_kontext(tmp_path_factory.mktemp("pipelines") / "both")
