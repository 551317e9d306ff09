"""Input pictures in a form that an endpoint takes: as they are where it does, else converted.

What a person sees in a viewer is what the model is to see. Bytes that servers show differently
are therefore converted too, although their type is taken:

- a picture that EXIF turns or mirrors: many servers pass over that note, and the model would get
  the picture lying on its side;
- an animation: some servers refuse it, others show one frame or another;
- a JPEG in CMYK (also YCCK, also inverted as Adobe writes it) and a PNG with 16 bits a sample.

A converted picture is the first frame, upright, with 8 bits a sample, in sRGB, without metadata:
a PNG, in which transparency is kept, or, where that is not taken, a JPEG on white. A JPEG stays
one where it may (quality 95, 4:4:4), since a photograph as PNG is often larger than endpoints
take. Nothing is scaled. The hash of the bytes that were sent is recorded with each response.
"""

import io

from PIL import Image

from unisafebench.core.errors import ImageError
from unisafebench.media.converting import Encoding, encoded, on_white, orientation, shown
from unisafebench.media.pictures import Picture, check_picture

__all__ = ["fit_picture"]

_READ = ("PNG", "JPEG", "GIF", "WEBP")
# Where a PNG file can say how it is turned; Pillow decodes all of it to look for these.
_PNG_NOTES = (b"eXIf", b"Raw profile type", b"com.adobe.xmp")
_PNG_DEPTH_AT = 24


def fit_picture(picture: Picture, *, accepts: frozenset[str], plain: bool = False) -> Picture:
    """Return the picture as it is when it may stay, else converted; see this module.

    Args:
        picture: a checked picture.
        accepts: MIME types that the endpoint takes; at least one of image/png and image/jpeg.
        plain: convert in any case, to 8-bit RGB on white.

    Raises:
        ImageError: it cannot be converted.
    """
    try:
        with Image.open(io.BytesIO(picture.data), formats=_READ) as image:
            if picture.mime in accepts and not plain and _may_stay(image, picture.data):
                return picture
            kind = _encoding(picture, accepts)
            converted = shown(image)
    # The bytes were checked, so that this is rare; Pillow raises many kinds of error.
    except Exception as error:
        raise ImageError(
            f"the picture cannot be converted: {type(error).__name__}: {error}."
        ) from error
    if plain or kind == "JPEG":
        converted = on_white(converted)
    return check_picture(encoded(converted, kind))


def _may_stay(image: Image.Image, data: bytes) -> bool:
    """Tell from its headers whether every server shows the picture as a viewer does."""
    if image.format in ("GIF", "WEBP", "PNG") and getattr(image, "is_animated", False):
        return False
    if image.format == "PNG":
        if data[_PNG_DEPTH_AT] == 16:
            return False
        if not any(note in data for note in _PNG_NOTES):
            return True
    return image.mode != "CMYK" and orientation(image) == 1


def _encoding(picture: Picture, accepts: frozenset[str]) -> Encoding:
    stays = picture.mime == "image/jpeg" and "image/jpeg" in accepts
    return "JPEG" if stays or "image/png" not in accepts else "PNG"
