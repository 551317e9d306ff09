"""Thumbnails are small, and of any picture that passed the check."""

import io
from collections.abc import Callable

import pytest
from PIL import Image

from unisafebench.core.errors import ImageError
from unisafebench.media.pictures import Picture, check_picture
from unisafebench.media.thumbnails import thumbnail

Encode = Callable[..., bytes]


def test_a_small_picture_is_its_own_thumbnail(picture: Image.Image, encode: Encode) -> None:
    """Nothing is gained by encoding it anew."""
    checked = check_picture(encode(picture, "PNG"))
    assert thumbnail(checked) is checked


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_a_large_picture_is_scaled_in_proportion(
    picture: Image.Image, encode: Encode, mode: str
) -> None:
    """600 x 400 at a side of 60 is 60 x 40, in every mode, still of the same source."""
    large = picture.resize((600, 400)).convert(mode)
    checked = check_picture(encode(large, "JPEG" if mode == "CMYK" else "PNG"))
    small = thumbnail(checked, side=60)
    assert (small.width, small.height, small.mime) == (60, 40, "image/webp")
    assert small.sha256 == checked.sha256
    with Image.open(io.BytesIO(small.data)) as image:
        assert (image.format, image.size) == ("WEBP", (60, 40))


def test_transparent_palette_entries_stay_transparent(picture: Image.Image, encode: Encode) -> None:
    """Else what was cut out would show again in a report."""
    large = picture.resize((600, 400)).quantize(16)
    small = thumbnail(check_picture(encode(large, "PNG", transparency=bytes(16))), side=60)
    with Image.open(io.BytesIO(small.data)) as image:
        assert image.convert("RGBA").getchannel("A").getextrema() == (0, 0)


def test_a_picture_that_cannot_be_decoded_is_an_image_error() -> None:
    """For instance one that was never checked."""
    broken = Picture(
        data=b"x" * 9000, mime="image/png", extension=".png", width=9, height=9, sha256=""
    )
    with pytest.raises(ImageError, match="cannot be scaled"):
        thumbnail(broken)
