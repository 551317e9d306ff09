"""Fixtures of the end-to-end tests."""

from pathlib import Path

import pytest
from commands import Command, Ended, start


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Run the command in an empty directory; a traceback fails the test at once."""

    def run(*arguments: object, env: dict[str, str] | None = None) -> Ended:
        process = start(tmp_path, *map(str, arguments), env=env)
        out, err = process.communicate(timeout=300)
        assert "Traceback" not in err, err
        return Ended(process.returncode, out, err)

    return run
