"""The pictures of one sample on their way to a worker and back, in a directory of its own.

A worker is the user's own program, but what it says is checked all the same: a path that it names
may be a slip, and would end up in the run's store and before a judge.
"""

import base64
import binascii
from collections.abc import Sequence
from pathlib import Path

from unisafebench.core.errors import ImageError
from unisafebench.media.fitting import fit_picture
from unisafebench.media.pictures import Picture, read_picture_bytes
from unisafebench.models.base import ModelError
from unisafebench.models.exec.protocol import Base64

__all__ = ["fitted", "handed_over", "received"]

_ACCEPTS = frozenset({"image/png", "image/jpeg"})


def fitted(pictures: Sequence[Picture]) -> tuple[Picture, ...]:
    """Return input pictures as every library reads them: upright, 8 bits, PNG or JPEG.

    Raises:
        ModelError: one of them cannot be converted.
    """
    try:
        return tuple(fit_picture(picture, accepts=_ACCEPTS) for picture in pictures)
    except ImageError as error:
        raise ModelError(f"an input picture cannot be converted: {error}") from error


def handed_over(pictures: Sequence[Picture], directory: Path) -> tuple[str, ...]:
    """Write input pictures into a directory and return their paths.

    Raises:
        ModelError: they cannot be written.
    """
    paths = []
    for number, picture in enumerate(pictures):
        path = directory / f"in-{number}{picture.extension}"
        try:
            path.write_bytes(picture.data)
        except OSError as error:
            raise ModelError(f"{path} cannot be written: {error.strerror}.") from error
        paths.append(str(path))
    return tuple(paths)


def received(images: Sequence[str | Base64], output_dir: Path) -> tuple[bytes, ...]:
    """Return the pictures of an answer, not yet decoded.

    Args:
        images: paths, absolute or relative to `output_dir`, or base64.
        output_dir: the directory in which they must be.

    Raises:
        ModelError: one of them is outside, missing, unreadable, or no base64.
    """
    return tuple(
        _read(image, output_dir) if isinstance(image, str) else _decode(image) for image in images
    )


def _read(name: str, output_dir: Path) -> bytes:
    try:
        # Links are followed first: one that leads out of the directory is outside.
        path = (output_dir / name).resolve()
        inside = path.is_relative_to(output_dir.resolve())
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelError(f"the worker's picture {name!r} has an unusable path: {error}.") from error
    if not inside:
        raise ModelError(
            f"the worker's picture {name!r} is outside the sample's output_dir, and is not read. "
            "Have the worker write its pictures there, or send them as base64."
        )
    try:
        return read_picture_bytes(path)
    except ImageError as error:
        raise ModelError(f"the worker's picture cannot be taken: {error}") from error


def _decode(image: Base64) -> bytes:
    try:
        return base64.b64decode(image.base64, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ModelError(f"a picture of the worker's answer is no base64: {error}.") from error
