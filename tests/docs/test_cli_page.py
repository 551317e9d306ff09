"""The page of the command line is what the commands say."""

import subprocess
import sys

from pages import DOCS, ROOT

from unisafebench.cli.main import _COMMANDS

SCRIPT = ROOT / "authoring" / "write_cli_docs.py"


def test_page_is_up_to_date() -> None:
    """`--check` finds no difference."""
    ended = subprocess.run(
        [sys.executable, str(SCRIPT), "--check"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr


def test_every_command_is_there() -> None:
    """Each command has a section, and each section the option that all commands have."""
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    for name in _COMMANDS:
        assert f"## `unisafebench {name}`\n" in page
    # One for the program itself.
    assert page.count("| `-h, --help` |") == 1 + len(_COMMANDS)
