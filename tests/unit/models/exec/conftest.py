"""Fixtures of the tests of `exec:`."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from exec_workers import write_worker


@pytest.fixture
def worker_of(tmp_path: Path) -> Callable[[str], str]:
    """Return what writes a worker from its lines and gives the name of its model."""
    return lambda body: write_worker(tmp_path / "worker.py", body)


@pytest.fixture(autouse=True)
def _own_temporary_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs that a user did not place are left in the directory of the test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
