"""What tells the files of one model from those of another."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from unisafebench.models.local import fingerprint as module
from unisafebench.models.local.fingerprint import fingerprint


def _large(path: Path) -> Path:
    """Write a model whose weights are too large to be read as a whole: 2 tensors of 12 MB."""
    path.mkdir()
    (path / "config.json").write_text("{}")
    tensors = {name: torch.zeros(3_000_000) for name in ("first", "second")}
    save_file(tensors, path / "model.safetensors")
    assert (path / "model.safetensors").stat().st_size > module._WHOLE
    return path


def _train(path: Path) -> None:
    tensors = load_file(path / "model.safetensors")
    save_file(tensors | {"second": tensors["second"] + 1e-6}, path / "model.safetensors")


def _rename(path: Path) -> None:
    tensors = load_file(path / "model.safetensors")
    save_file({"first": tensors["first"], "other": tensors["second"]}, path / "model.safetensors")


def _configure(path: Path) -> None:
    (path / "config.json").write_text('{"a": 1}')


def _template(path: Path) -> None:
    (path / "chat_template.jinja").write_text("{{ messages }}")


@pytest.mark.parametrize("change", [_train, _rename, _configure, _template])
def test_a_change_that_matters_changes_it(tmp_path: Path, change: Callable[[Path], None]) -> None:
    """One tensor trained, one renamed, a config changed, a template added."""
    path = _large(tmp_path / "model")
    before = fingerprint(path)
    assert before == fingerprint(path)
    assert len(before) == 16
    change(path)
    assert fingerprint(path) != before


def test_place_and_bystanders_do_not_matter(tmp_path: Path) -> None:
    """The same files elsewhere, beside a log and a folder, are the same model."""
    one, two = _large(tmp_path / "one"), _large(tmp_path / "two")
    (two / "training.log").write_text("done")
    (two / "checkpoints").mkdir()
    assert fingerprint(one) == fingerprint(two)


def test_a_large_file_of_another_kind_is_read_at_many_places(tmp_path: Path) -> None:
    """A change throughout a pickled file is seen; so is another size."""
    file = tmp_path / "pytorch_model.bin"
    file.write_bytes(bytes(module._WHOLE + 1))
    before = fingerprint(tmp_path)
    file.write_bytes(b"\1" * (module._WHOLE + 1))
    changed = fingerprint(tmp_path)
    file.write_bytes(bytes(module._WHOLE + 2))
    assert len({before, changed, fingerprint(tmp_path)}) == 3


def test_weights_that_only_call_themselves_safetensors_are_no_trouble(tmp_path: Path) -> None:
    """A header length that cannot be is passed over: loading says what is wrong."""
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * (module._WHOLE + 1))
    assert len(fingerprint(tmp_path)) == 16
