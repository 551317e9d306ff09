"""A data set is named by a built-in name or by a path."""

from pathlib import Path

import pytest

from unisafebench.core.errors import DataError, UnknownNameError
from unisafebench.datasets.builtin import BUILT_IN, resolve_dataset, shown_path
from unisafebench.datasets.samples import check_samples


@pytest.mark.parametrize("name", BUILT_IN)
def test_each_built_in_set_is_there_and_sound(name: str) -> None:
    """It comes with the package and passes the same check as a user's file."""
    found, path = resolve_dataset(name)
    assert found == name
    assert check_samples(path) > 0


def test_a_file_is_named_by_its_stem(tmp_path: Path) -> None:
    """Whether or not it exists: reading it says what is wrong with it."""
    path = tmp_path / "mine.v2.jsonl"
    assert resolve_dataset(str(path)) == ("mine.v2", path)
    with pytest.raises(DataError, match="the file does not exist"):
        check_samples(resolve_dataset(str(path))[1])


def test_a_directory_stands_for_the_samples_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its name, also when it is the one we are in."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "samples.jsonl").touch()
    assert resolve_dataset(str(folder)) == ("mine", folder / "samples.jsonl")
    monkeypatch.chdir(folder)
    name, path = resolve_dataset(".")
    assert (name, path.resolve()) == ("mine", folder / "samples.jsonl")


def test_a_directory_without_samples_is_said_to_be_one(tmp_path: Path) -> None:
    """The message asks for the file in it."""
    with pytest.raises(DataError, match=r"this is a directory, not a file\. Name the \.jsonl file"):
        check_samples(resolve_dataset(str(tmp_path))[1])


def test_a_misspelt_name_offers_the_built_in_one() -> None:
    """What is neither a set nor a file, and looks like a name."""
    with pytest.raises(UnknownNameError, match=r"unknown data set 'startr'.*'starter'"):
        resolve_dataset("startr")


def test_a_file_without_a_suffix_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name of a file that is there is a path."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").touch()
    assert resolve_dataset("mine") == ("mine", Path("mine"))


def test_the_place_of_installation_is_not_recorded(tmp_path: Path) -> None:
    """A report can be shared without saying where, and under which user, the package lies."""
    assert shown_path(resolve_dataset("starter")[1]) == "built in: starter"
    assert shown_path(tmp_path / "mine.jsonl") == str(tmp_path / "mine.jsonl")
