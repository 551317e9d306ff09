"""Directories on a disk that is small or read-only, in a mount namespace of one command's own."""

import functools
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["in_namespace", "lacks_namespaces", "our_command"]


@functools.cache
def lacks_namespaces() -> str | None:
    """Return why nothing can be mounted here, or None when it can."""
    program = shutil.which("unshare")
    if sys.platform != "linux" or program is None:
        return "there is no unshare here"
    tried = subprocess.run(
        [*_prefix(), "sh", "-c", "mount -t tmpfs none /mnt"], capture_output=True, check=False
    )
    return None if tried.returncode == 0 else "this user may not mount anything"


def in_namespace(directory: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script in `directory`; what it mounts is seen by nobody else and ends with it."""
    clean = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    return subprocess.run(
        [*_prefix(), "sh", "-c", script],
        cwd=directory,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def our_command(arguments: Sequence[str]) -> str:
    """Return the command as a shell takes it."""
    return shlex.join([sys.executable, "-m", "unisafebench", *arguments])


def _prefix() -> list[str]:
    program = shutil.which("unshare") or "unshare"
    return [program, "--mount"] if os.geteuid() == 0 else [program, "--mount", "--map-root-user"]
