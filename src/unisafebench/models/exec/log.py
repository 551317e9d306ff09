"""What a worker writes to stderr, kept in a file and, its end, in memory."""

import shutil
from contextlib import suppress
from pathlib import Path

__all__ = ["WorkerLog"]

_KEPT = 8192
_SHOWN = 1500
_OURS = b"[unisafebench] "


class WorkerLog:
    """The log of one worker over all its starts. A log that cannot be written stops no run.

    Args:
        path: where the file is; nothing is made before there is something to write.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._end = bytearray()

    def begin(self) -> None:
        """Forget the end: a new process writes from here on."""
        self._end.clear()

    def write(self, data: bytes) -> None:
        """Add what the worker wrote."""
        self._end += data
        del self._end[:-_KEPT]
        self._append(data)

    def note(self, text: str) -> None:
        """Add a line of our own."""
        self._append(_OURS + text.encode("utf-8", "replace") + b"\n")

    def move(self, path: Path) -> None:
        """Go on in another file; what was written so far is added to it."""
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists():
                with self.path.open("rb") as old, path.open("ab") as new:
                    shutil.copyfileobj(old, new)
                self.path.unlink()
            self.path = path

    @property
    def tail(self) -> str:
        """The last lines that the worker wrote, printable; "" when it wrote none."""
        # A progress bar writes over its own line: what it showed last is what counts.
        lines = self._end.decode("utf-8", "replace").split("\n")
        text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)[-_SHOWN:].strip()
        return "".join(sign if sign.isprintable() or sign == "\n" else "?" for sign in text)

    def explain(self, text: str) -> str:
        """Add to a message what the worker wrote last, and where the rest is."""
        if not self.tail:
            return f"{text} It wrote nothing to stderr."
        return f"{text} Its log is {self.path}; it ends with:\n{self.tail}"

    def _append(self, data: bytes) -> None:
        with suppress(OSError), self.path.open("ab") as file:
            file.write(data)
