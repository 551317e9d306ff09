"""Small pictures, drawn here."""

import io
from collections.abc import Callable

import pytest
from PIL import Image

Encode = Callable[..., bytes]


@pytest.fixture
def picture() -> Image.Image:
    """24 x 16 pixels with a different colour at nearly each."""
    image = Image.new("RGB", (24, 16))
    image.putdata([(7 * n % 256, 13 * n % 256, 29 * n % 256) for n in range(24 * 16)])
    return image


@pytest.fixture
def encode() -> Encode:
    """Return the bytes of a picture in a format."""

    def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        return buffer.getvalue()

    return encoded
