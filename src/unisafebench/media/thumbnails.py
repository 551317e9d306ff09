"""Small copies of pictures, for reports."""

import io

from PIL import Image

from unisafebench.core.errors import ImageError
from unisafebench.media.pictures import Picture

__all__ = ["thumbnail"]


def thumbnail(picture: Picture, *, side: int = 320) -> Picture:
    """Return the picture scaled down to at most `side` x `side` pixels, as WebP or as it is.

    Raises:
        ImageError: it cannot be decoded.
    """
    if max(picture.width, picture.height) <= side and len(picture.data) < 8192:
        return picture
    try:
        with Image.open(io.BytesIO(picture.data)) as image:
            image.thumbnail((side, side))
            small = image.convert("RGBA" if image.has_transparency_data else "RGB")
            buffer = io.BytesIO()
            small.save(buffer, "WEBP", quality=70, method=1)
    except OSError as error:
        raise ImageError(f"the picture cannot be scaled: {error}.") from error
    return Picture(
        data=buffer.getvalue(),
        mime="image/webp",
        extension=".webp",
        width=small.width,
        height=small.height,
        sha256=picture.sha256,
    )
