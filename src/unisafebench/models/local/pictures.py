"""Input pictures, made ready for a library: upright, in RGB, on white."""

import io
from collections.abc import Sequence

from PIL import Image

from unisafebench.core.errors import ImageError
from unisafebench.media.converting import encoded, on_white, shown
from unisafebench.media.fitting import fit_picture
from unisafebench.media.pictures import Picture, check_picture
from unisafebench.models.base import ModelError

__all__ = ["readied"]

_READABLE = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
# What networks that draw divide the sides by.
_BLOCK = 8


def readied(
    pictures: Sequence[Picture], *, limit: int | None = None
) -> tuple[tuple[Picture, ...], tuple[Image.Image, ...]]:
    """Return pictures in a form that all processors take, and their pixels.

    Args:
        pictures: of any kind that can be read.
        limit: pictures with more pixels are scaled down to it, their sides rounded to multiples
            of 8; None leaves them as they are.

    Raises:
        ModelError: one of them cannot be converted.
    """
    try:
        fitted = tuple(_scaled(each, limit) for each in pictures)
        return fitted, tuple(_pixels(each) for each in fitted)
    except ImageError as error:
        raise ModelError(f"an input picture cannot be converted: {error}") from error


def _scaled(picture: Picture, limit: int | None) -> Picture:
    fitted = fit_picture(picture, accepts=_READABLE)
    if limit is None or fitted.width * fitted.height <= limit:
        return fitted
    factor = (limit / (fitted.width * fitted.height)) ** 0.5
    width, height = (
        max(_BLOCK, int(side * factor) // _BLOCK * _BLOCK) for side in (fitted.width, fitted.height)
    )
    smaller = _pixels(fitted).resize((width, height), Image.Resampling.LANCZOS)
    return check_picture(encoded(smaller, "PNG"))


def _pixels(picture: Picture) -> Image.Image:
    with Image.open(io.BytesIO(picture.data)) as image:
        return on_white(shown(image))
