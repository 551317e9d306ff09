"""docs/local-models.md: its tables of options are those of the adapters."""

import re
from collections.abc import Callable

import pytest
from pages import DOCS

from unisafebench.core.errors import UsageError
from unisafebench.models.diffusers.options import read_settings as read_for_diffusers
from unisafebench.models.hf.options import read_settings as read_for_transformers
from unisafebench.models.options import Options


@pytest.mark.parametrize(
    ("heading", "read"),
    [
        ("transformers", read_for_transformers),
        ("Diffusers pipelines", read_for_diffusers),
    ],
)
def test_options(heading: str, read: Callable[[Options, str], object]) -> None:
    """The table has every option of the adapter, and no other."""
    with pytest.raises(UsageError) as caught:
        read(Options({"zzzzzzzz": ""}), "any")
    known = str(caught.value).partition("It has: ")[2].rstrip(".").split(", ")
    page = (DOCS / "local-models.md").read_text(encoding="utf-8")
    section = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    table = section.partition("| option |")[2].partition("\n\n")[0]
    first = [row.split("|")[1] for row in table.splitlines()[2:]]
    named = [name for cell in first for name in re.findall(r"`([^`]+)`", cell)]
    assert sorted(named) == sorted(known)
