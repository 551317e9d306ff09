"""Pictures that a file of recorded answers names."""

from pathlib import Path

import pytest
from recorded_files import answer, opened, picture, sample, write_lines


def _file(directory: Path, name: str) -> Path:
    directory.mkdir(exist_ok=True)
    row = {"sample_id": "a", "task": "t2i", "images": [name]}
    return write_lines(directory / "r.jsonl", [{"sample_id": "b", "task": "t2i"}, row])


def test_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the command is started does not matter."""
    drawn = picture(tmp_path / "run" / "out" / "1.png")
    path = _file(tmp_path / "run", "out/1.png")
    monkeypatch.chdir("/")
    assert answer(opened(path), sample("a", "t2i")).images == (drawn,)


@pytest.mark.parametrize("how", ["absolute", "up", "link"])
def test_outside_is_refused_unless_allowed(tmp_path: Path, how: str) -> None:
    """An absolute path, one with "..", and a link that leads out are all outside."""
    drawn = picture(tmp_path / "secret.png")
    directory = tmp_path / "run"
    directory.mkdir()
    names = {"absolute": str(tmp_path / "secret.png"), "up": "../secret.png", "link": "in.png"}
    (directory / "in.png").symlink_to(tmp_path / "secret.png")
    path = _file(directory, names[how])
    refused = answer(opened(path), sample("a", "t2i"))
    assert (refused.status, refused.images) == ("invalid_input", ())
    assert refused.error is not None
    assert refused.error.startswith(f"{path}:2: picture ")
    assert refused.error.endswith("say -M allow_outside=yes.")
    allowed = answer(opened(path, allow_outside="yes"), sample("a", "t2i"))
    assert allowed.images == (drawn,)


@pytest.mark.parametrize("name", ["none.png", "nul\0.png", "x" * 5000, "."])
def test_missing_or_unusable_picture_names_file_and_line(tmp_path: Path, name: str) -> None:
    """It ends one sample as invalid input, as `judge FILE` has it too."""
    path = _file(tmp_path / "run", name)
    output = answer(opened(path), sample("a", "t2i"))
    assert (output.status, output.images) == ("invalid_input", ())
    assert output.error is not None
    assert output.error.startswith(f"{path}:2: picture ")
