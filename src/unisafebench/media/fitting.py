"""Input pictures in a form that an endpoint takes: as they are where it does, else converted."""

import io

from PIL import Image, ImageOps

from unisafebench.core.errors import ImageError
from unisafebench.media.pictures import Picture, check_picture

__all__ = ["fit_picture"]


def fit_picture(picture: Picture, *, accepts: frozenset[str], plain: bool = False) -> Picture:
    """Return the picture as it is when its type is accepted, else converted.

    Args:
        picture: a checked picture.
        accepts: MIME types that the endpoint takes; at least one of image/png and image/jpeg.
        plain: convert in any case, to 8-bit RGB on white with any rotation applied.

    Raises:
        ImageError: it cannot be converted.
    """
    if picture.mime in accepts and not plain:
        return picture
    try:
        with Image.open(io.BytesIO(picture.data)) as image:
            shown = ImageOps.exif_transpose(image)
            flat = Image.new("RGB", shown.size, "white")
            rgba = shown.convert("RGBA")
            flat.paste(rgba, mask=rgba.getchannel("A"))
            buffer = io.BytesIO()
            flat.save(buffer, "PNG" if "image/png" in accepts else "JPEG")
    except OSError as error:
        raise ImageError(f"the picture cannot be converted: {error}.") from error
    return check_picture(buffer.getvalue())
