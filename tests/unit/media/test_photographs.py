"""AVIF and HEIC, which cameras and the web write and endpoints do not take."""

import io
import struct
import sys
from collections.abc import Callable
from importlib.util import find_spec

import pytest
from PIL import Image, ImageChops

from unisafebench.core.errors import ImageError
from unisafebench.media.pictures import check_picture

Encode = Callable[..., bytes]

_WITH_AVIF = pytest.mark.skipif(
    find_spec("PIL.AvifImagePlugin") is None, reason="this Pillow reads no AVIF"
)


@_WITH_AVIF
def test_an_avif_photograph_becomes_a_jpeg(picture: Image.Image, encode: Encode) -> None:
    """As PNG it would be several times as large; its pixels stay nearly what they were."""
    data = encode(picture.resize((96, 64)), "AVIF", quality=100)
    found = check_picture(data)
    assert (found.mime, found.extension, found.width, found.height) == (
        "image/jpeg",
        ".jpg",
        96,
        64,
    )
    with Image.open(io.BytesIO(data)) as given, Image.open(io.BytesIO(found.data)) as sent:
        far = ImageChops.difference(given.convert("RGB"), sent).getextrema()
    assert all(most <= 12 for _, most in far)


@_WITH_AVIF
def test_an_avif_with_transparency_becomes_a_png(encode: Encode) -> None:
    """What is clear stays clear."""
    data = encode(Image.new("RGBA", (16, 16), (200, 0, 0, 64)), "AVIF", quality=100)
    found = check_picture(data)
    assert found.mime == "image/png"
    with Image.open(io.BytesIO(found.data)) as sent:
        assert sent.mode == "RGBA"
        assert sent.getpixel((8, 8)) == pytest.approx((200, 0, 0, 64), abs=3)


@pytest.mark.parametrize("kind", [pytest.param("AVIF", marks=_WITH_AVIF), "TIFF"])
def test_a_turned_picture_is_converted_upright(encode: Encode, kind: str) -> None:
    """The note of how it is turned would be lost in the new file."""
    image = Image.new("RGB", (32, 16), (255, 0, 0))
    image.paste((0, 0, 255), (16, 0, 32, 16))
    exif = image.getexif()
    exif[0x0112] = 6
    found = check_picture(encode(image, kind, exif=exif))
    assert (found.width, found.height) == (16, 32)
    with Image.open(io.BytesIO(found.data)) as sent:
        assert sent.size == (16, 32)
        assert sent.getpixel((8, 4)) == pytest.approx((255, 0, 0), abs=9)
        assert sent.getpixel((8, 27)) == pytest.approx((0, 0, 255), abs=9)


def test_a_heic_photograph_becomes_a_jpeg(encode: Encode) -> None:
    """Where the extra is installed; a phone's photograph is upright then."""
    pytest.importorskip("pillow_heif").register_heif_opener()
    image = Image.new("RGB", (64, 32), (200, 30, 30))
    image.paste((0, 0, 255), (32, 0, 64, 32))
    data = encode(image, "HEIF", quality=100)
    found = check_picture(data)
    assert (found.mime, found.width, found.height) == ("image/jpeg", 64, 32)
    with Image.open(io.BytesIO(found.data)) as sent:
        assert sent.getpixel((8, 8)) == pytest.approx((200, 30, 30), abs=9)
        assert sent.getpixel((56, 8)) == pytest.approx((0, 0, 255), abs=9)
    for length in (20, 200, len(data) - 10):
        with pytest.raises(ImageError, match="is not a readable picture"):
            check_picture(data[:length])


@pytest.mark.parametrize("brands", [b"heic\0\0\0\0mif1heic", b"mif1\0\0\0\0mif1miaf"])
def test_heic_without_its_module_is_told_what_to_install(
    brands: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not "unknown type": the file is fine, something is missing here."""
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    data = struct.pack(">I", 8 + len(brands)) + b"ftyp" + brands + bytes(40)
    with pytest.raises(ImageError) as caught:
        check_picture(data, name="IMG_1.HEIC")
    assert str(caught.value) == (
        "IMG_1.HEIC is a HEIC file. Reading it needs the module 'pillow_heif', which is not "
        "installed. Install it with: pip install 'unisafebench[heif]'"
    )


@_WITH_AVIF
def test_avif_is_never_taken_for_heic(
    picture: Image.Image, encode: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The two share a container, and some brands; Pillow reads AVIF by itself, or does not."""
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    data = encode(picture, "AVIF")
    assert check_picture(data).mime == "image/jpeg"
    monkeypatch.setitem(sys.modules, "PIL.AvifImagePlugin", None)
    with pytest.raises(ImageError, match=r"is an AVIF file.*pip install 'pillow>=11\.3'"):
        check_picture(data)
