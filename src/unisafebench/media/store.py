"""A directory of pictures named by the hash of their bytes: each is stored once."""

import hashlib
import os
import tempfile
from pathlib import Path

from unisafebench.core.errors import ImageError
from unisafebench.media.pictures import MAX_BYTES, Picture, read_picture

__all__ = ["ImageStore"]


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
        try:
            size = path.stat().st_size
            if size > MAX_BYTES:
                raise ImageError(
                    f"picture {str(path)!r} is {size:,} bytes, more than the {MAX_BYTES:,} "
                    "allowed. Scale it down."
                )
            data = path.read_bytes()
        except FileNotFoundError:
            raise ImageError(
                f"picture {str(path)!r} does not exist. "
                "Paths are relative to the file that names them."
            ) from None
        except OSError as error:
            raise ImageError(f"picture {str(path)!r} cannot be read: {error.strerror}.") from error
        return self._write(data, hashlib.sha256(data).hexdigest() + path.suffix.lower())

    def read(self, relative: str) -> Picture:
        """Read and check a stored picture.

        Raises:
            ImageError: it is missing or not a usable picture.
        """
        return read_picture(self._root / relative)

    def _write(self, data: bytes, name: str) -> str:
        relative = f"images/{name}"
        target = self._root / relative
        if target.exists():
            return relative
        target.parent.mkdir(parents=True, exist_ok=True)
        # Written aside and renamed, so that a crash never leaves half a picture under its name.
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".part-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return relative
