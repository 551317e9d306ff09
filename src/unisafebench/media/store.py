"""A directory of pictures named by the hash of their bytes: each is stored once."""

import hashlib
import re
import secrets
from pathlib import Path

from unisafebench.media.pictures import Picture, read_picture, read_picture_bytes

__all__ = ["ImageStore"]

_EXTENSION = re.compile(r"\.[a-z0-9]{1,5}")


class ImageStore:
    """The pictures of a run, in `root`/images, each named `<sha256><extension>`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, picture: Picture) -> str:
        """Store a checked picture; return its path relative to the run directory."""
        return self._write(picture.data, picture.sha256 + picture.extension)

    def copy_in(self, path: Path) -> str:
        """Copy a file as it is, unchecked; return its path relative to the run directory.

        What it holds is checked when it is read for use, so that one bad file ends one sample.

        Raises:
            ImageError: the file is missing, unreadable or larger than any picture may be.
        """
        data = read_picture_bytes(path)
        extension = path.suffix.lower()
        if not _EXTENSION.fullmatch(extension):
            extension = ""
        return self._write(data, hashlib.sha256(data).hexdigest() + extension)

    def read(self, relative: str) -> Picture:
        """Read and check a stored picture.

        Raises:
            ImageError: it is missing or not a usable picture.
        """
        return read_picture(self._root / relative)

    def _write(self, data: bytes, name: str) -> str:
        relative = f"images/{name}"
        target = self._root / relative
        # The name is the hash of the content: a file of another size was cut by a power failure.
        if target.exists() and target.stat().st_size == len(data):
            return relative
        target.parent.mkdir(parents=True, exist_ok=True)
        # Written aside and renamed, so that a crash never leaves half a picture under its name.
        temporary = target.with_name(f".part-{secrets.token_hex(8)}")
        try:
            temporary.write_bytes(data)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return relative
