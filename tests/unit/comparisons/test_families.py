"""The file that says which models grew out of which."""

from pathlib import Path

import pytest

from unisafebench.comparisons.families import Family, means, read_families
from unisafebench.core.errors import DataError
from unisafebench.published.load import published_models


def test_built_in_families_agree_with_the_paper() -> None:
    """Each published unified model with a backbone has a family that names this backbone."""
    families = {family.unified: dict(family.counterparts) for family in read_families()}
    expected = {
        model.name: model.backbone
        for model in published_models().values()
        if model.group == "open_unified" and model.backbone is not None
    }
    assert {name: counterparts["llm"] for name, counterparts in families.items()} == expected


def test_a_users_file_is_read(tmp_path: Path) -> None:
    """One name or a list of names for each kind of counterpart."""
    path = tmp_path / "families.toml"
    path.write_text('[[family]]\nunified = "mine"\nllm = ["base", "chat"]\ngenerator = "painter"\n')
    assert read_families(path) == (
        Family(
            unified="mine",
            counterparts=(("llm", "base"), ("llm", "chat"), ("generator", "painter")),
        ),
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[[family]\n", "not TOML"),
        ("x = 1\n", "not a list of families"),
        ('[[family]]\nllm = "base"\n', "unified"),
        ('[[family]]\nunified = "mine"\nlm = "base"\n', "lm"),
        ('[[family]]\nunified = "mine"\n', "'mine' names nothing to compare it with"),
    ],
)
def test_unusable_files_are_refused(tmp_path: Path, content: str, message: str) -> None:
    """The message names the file, what is wrong and the form that is wanted."""
    path = tmp_path / "families.toml"
    path.write_text(content)
    with pytest.raises(DataError, match=message) as caught:
        read_families(path)
    assert str(path) in str(caught.value)
    assert "[[family]]" in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """The message names the path."""
    with pytest.raises(DataError, match=r"none\.toml: the file cannot be read"):
        read_families(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("name", "model", "same"),
    [
        ("Bagel", "vllm/bagel", True),
        ("Qwen2.5-7B-Instruct", "vllm/Qwen/Qwen2.5-7B-Instruct", True),
        ("Show-o2", "show o2", True),
        ("Show-o", "Show-o2", False),
        ("Tar-7B", "Tar-1.5B", False),
    ],
)
def test_names_mean_models(name: str, model: str, same: bool) -> None:
    """The provider, case and punctuation do not matter; a part of a name is not the name."""
    assert means(name, model) is same
