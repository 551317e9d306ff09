"""What an endpoint is sent: the file where every server shows it truly, else what is seen."""

import io
import struct
import zlib
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from unisafebench.core.errors import ImageError
from unisafebench.media.fitting import fit_picture
from unisafebench.media.pictures import Picture, check_picture

Encode = Callable[..., bytes]

_ALL = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_PNG = frozenset({"image/png"})
_JPEG = frozenset({"image/jpeg"})
_RED, _BLUE, _WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def _opened(picture: Picture) -> Image.Image:
    with Image.open(io.BytesIO(picture.data)) as image:
        image.load()
    return image


def _pixels(image: Image.Image) -> list[object]:
    return [image.getpixel((x, y)) for y in range(image.height) for x in range(image.width)]


def _near(found: object, wanted: Sequence[int], by: int = 3) -> bool:
    assert isinstance(found, tuple)
    return all(abs(left - right) <= by for left, right in zip(found, wanted, strict=True))


def _png16(colour: int, *samples: int, clear: tuple[int, ...] = ()) -> bytes:
    """Return a PNG of one row with 16 bits a sample, of the colour type 0, 2, 4 or 6."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    width = len(samples) // {0: 1, 2: 3, 4: 2, 6: 4}[colour]
    row = b"\0" + struct.pack(f">{len(samples)}H", *samples)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, 1, 16, colour, 0, 0, 0)),
            chunk(b"tRNS", struct.pack(f">{len(clear)}H", *clear)) if clear else b"",
            chunk(b"IDAT", zlib.compress(row)),
            chunk(b"IEND", b""),
        ]
    )


def _turned(image: Image.Image, orientation: int) -> Image.Exif:
    exif = image.getexif()
    exif[0x0112] = orientation
    return exif


# As it is.


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "LA", "RGBA"])
def test_what_every_server_shows_truly_is_sent_as_it_is(
    picture: Image.Image, encode: Encode, kind: str, mode: str
) -> None:
    """Byte for byte, in every type that the endpoint takes and every mode that the type has."""
    image = picture.convert("L" if kind == "JPEG" and mode in ("P", "LA", "RGBA") else mode)
    checked = check_picture(encode(image, kind))
    assert fit_picture(checked, accepts=_ALL) is checked


def test_notes_that_change_nothing_are_sent_as_they_are(
    picture: Image.Image, encode: Encode
) -> None:
    """EXIF that says "upright", or says nothing that can be read."""
    for kind in ("PNG", "JPEG", "WEBP"):
        for exif in (_turned(picture, 1).tobytes(), b"Exif\0\0nonsense"):
            checked = check_picture(encode(picture, kind, exif=exif))
            assert fit_picture(checked, accepts=_ALL) is checked


def test_a_phones_jpeg_with_a_second_picture_is_sent_as_it_is(
    picture: Image.Image, encode: Encode
) -> None:
    """It is no animation; readers pass over the second picture."""
    data = encode(picture, "MPO", save_all=True, append_images=[picture.rotate(180)])
    checked = check_picture(data)
    assert fit_picture(checked, accepts=_ALL) is checked


# What the endpoint does not take.


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_a_type_that_is_not_taken_becomes_png_with_the_same_pixels(
    picture: Image.Image, encode: Encode, kind: str
) -> None:
    """Lossless all the way."""
    data = encode(picture.quantize(64), "GIF") if kind == "GIF" else encode(picture, kind)
    checked = check_picture(data)
    sent = fit_picture(checked, accepts=_PNG | _JPEG)
    assert (sent.mime, sent.width, sent.height) == ("image/png", 24, 16)
    assert _opened(sent).tobytes() == _opened(checked).convert("RGB").tobytes()


def test_a_jpeg_becomes_png_only_where_no_jpeg_is_taken(
    picture: Image.Image, encode: Encode
) -> None:
    """With the pixels of the JPEG."""
    checked = check_picture(encode(picture, "JPEG"))
    sent = fit_picture(checked, accepts=_PNG)
    assert sent.mime == "image/png"
    assert _opened(sent).tobytes() == _opened(checked).tobytes()


def test_transparency_stays_where_there_is_png_and_is_white_where_not(encode: Encode) -> None:
    """Half red over white is (255, 127, 127); nothing over white is white."""
    image = Image.new("RGBA", (32, 16), (255, 0, 0, 128))
    image.paste((9, 9, 9, 0), (16, 0, 32, 16))
    checked = check_picture(encode(image, "WEBP", lossless=True, exact=True))
    kept = _opened(fit_picture(checked, accepts=_PNG))
    assert kept.mode == "RGBA"
    assert kept.tobytes() == image.tobytes()
    flat = _opened(fit_picture(checked, accepts=_JPEG))
    assert (flat.format, flat.mode) == ("JPEG", "RGB")
    assert _near(flat.getpixel((4, 8)), (255, 127, 127))
    assert _near(flat.getpixel((28, 8)), _WHITE)


def test_clear_palette_entries_stay_clear(encode: Encode) -> None:
    """A palette with a clear entry becomes colours with an alpha band; without one, colours."""
    image = Image.new("P", (3, 1))
    image.putpalette([*_RED, *_BLUE, 0, 255, 0])
    image.putdata([0, 1, 2])
    clear = _opened(fit_picture(check_picture(encode(image, "GIF", transparency=1)), accepts=_PNG))
    assert clear.getpixel((0, 0)) == (*_RED, 255)
    assert clear.getpixel((1, 0))[3] == 0
    opaque = _opened(fit_picture(check_picture(encode(image, "GIF")), accepts=_PNG))
    assert _pixels(opaque) == [_RED, _BLUE, (0, 255, 0)]


# What servers show differently.


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
@pytest.mark.parametrize("accepts", [_ALL, _PNG])
def test_an_animation_becomes_its_first_frame(
    encode: Encode, kind: str, accepts: frozenset[str]
) -> None:
    """Also where the type is taken: servers show one frame or another, or refuse it."""
    first = Image.new("RGB", (6, 4), _RED)
    first.putpixel((1, 2), _BLUE)
    others = [Image.new("RGB", (6, 4), _BLUE), Image.new("RGB", (6, 4), _WHITE)]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(first, kind, save_all=True, append_images=others, duration=40, **options)
    sent = fit_picture(check_picture(data), accepts=accepts)
    assert sent.mime == "image/png"
    shown = _opened(sent)
    assert getattr(shown, "n_frames", 1) == 1
    assert shown.convert("RGB").tobytes() == first.tobytes()


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (2, "ba dc fe"),
        (3, "fe dc ba"),
        (4, "ef cd ab"),
        (5, "ace bdf"),
        (6, "eca fdb"),
        (7, "fdb eca"),
        (8, "bdf ace"),
    ],
)
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_a_turned_picture_is_sent_upright(
    encode: Encode, kind: str, orientation: int, upright: str
) -> None:
    """The eight orientations of EXIF on the picture "ab cd ef", whose pixels are all different."""
    image = Image.new("L", (2, 3))
    image.putdata([ord(letter) for letter in "abcdef"])
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(image.convert("RGB"), kind, exif=_turned(image, orientation), **options)
    sent = _opened(fit_picture(check_picture(data), accepts=_ALL))
    rows = upright.split()
    assert sent.size == (len(rows[0]), len(rows))
    letters = sent.convert("L").tobytes().decode()
    assert letters == upright.replace(" ", "")
    assert 0x0112 not in sent.getexif()


def test_a_turned_jpeg_stays_a_jpeg(encode: Encode) -> None:
    """Lying on its left side: what is at the left of the file belongs at the top."""
    image = Image.new("RGB", (32, 16), _RED)
    image.paste(_BLUE, (16, 0, 32, 16))
    data = encode(image, "JPEG", quality=95, exif=_turned(image, 6))
    checked = check_picture(data)
    sent = fit_picture(checked, accepts=_ALL)
    assert (sent.mime, sent.width, sent.height) == ("image/jpeg", 16, 32)
    assert sent.sha256 != checked.sha256
    shown = _opened(sent)
    assert _near(shown.getpixel((8, 4)), _RED)
    assert _near(shown.getpixel((8, 27)), _BLUE)
    assert fit_picture(sent, accepts=_ALL) is sent


@pytest.mark.parametrize(
    ("ink", "colour"),
    [
        ((0, 0, 0, 0), (255, 255, 255)),
        ((0, 255, 255, 0), (255, 0, 0)),
        ((255, 0, 255, 0), (0, 255, 0)),
        ((0, 0, 0, 51), (204, 204, 204)),
        ((0, 255, 255, 51), (204, 0, 0)),
    ],
)
def test_a_printers_jpeg_is_sent_in_rgb(
    encode: Encode, ink: tuple[int, ...], colour: tuple[int, ...]
) -> None:
    """Ink as it is defined, (255 - C)(255 - K) / 255, from files that hold it upside down.

    Adobe began to write them so; all readers take every CMYK JPEG so, with its mark or without.
    """
    data = encode(Image.new("CMYK", (16, 16), ink), "JPEG", quality=100)
    at = data.index(b"\xff\xee\0\x0eAdobe")
    for written in (data, data[:at] + data[at + 16 :]):
        sent = fit_picture(check_picture(written), accepts=_ALL)
        shown = _opened(sent)
        assert (sent.mime, shown.mode) == ("image/jpeg", "RGB")
        assert _near(shown.getpixel((8, 8)), colour)


def test_a_printers_jpeg_in_ycck_is_sent_in_rgb(encode: Encode) -> None:
    """Its first parts are luminance 0 and no colour, which upside down is no ink; K is 51."""
    data = bytearray(encode(Image.new("CMYK", (16, 16), (255, 127, 127, 51)), "JPEG", quality=100))
    data[data.index(b"Adobe") + 11] = 2
    shown = _opened(fit_picture(check_picture(bytes(data)), accepts=_ALL))
    assert shown.mode == "RGB"
    assert _near(shown.getpixel((8, 8)), (204, 204, 204))


@pytest.mark.parametrize(
    ("data", "mode", "pixels"),
    [
        (_png16(0, 0, 0x0100, 0x80FF, 0xFFFF), "L", [0, 1, 0x80, 0xFF]),
        (_png16(0, 7, 0x4000, clear=(7,)), "RGBA", [(0, 0, 0, 0), (64, 64, 64, 255)]),
        (_png16(2, 0x0100, 0x80FF, 0xFFFF, 0, 0, 1), "RGB", [(1, 0x80, 0xFF), (0, 0, 0)]),
        (
            _png16(2, 0xFF00, 0, 0, 0, 0, 0xFF00, clear=(0xFF00, 0, 0)),
            "RGBA",
            [(255, 0, 0, 0), (0, 0, 255, 255)],
        ),
        (_png16(4, 0x8000, 0x4000, 0, 0xFFFF), "RGBA", [(128, 128, 128, 64), (0, 0, 0, 255)]),
        (_png16(6, 0x1000, 0x2000, 0x3000, 0x4000), "RGBA", [(16, 32, 48, 64)]),
    ],
)
def test_a_png_of_16_bits_is_sent_with_8(data: bytes, mode: str, pixels: list[object]) -> None:
    """The upper 8 bits of each sample, whatever the colour type; clear pixels stay clear."""
    sent = fit_picture(check_picture(data), accepts=_ALL)
    shown = _opened(sent)
    assert (shown.mode, sent.data[24]) == (mode, 8)
    assert _pixels(shown) == pixels
    assert fit_picture(sent, accepts=_ALL) is sent


# Plain, and for all.


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
@pytest.mark.parametrize("accepts", [_ALL, _PNG, _JPEG])
def test_plain_is_rgb_of_8_bits(
    picture: Image.Image, encode: Encode, mode: str, accepts: frozenset[str]
) -> None:
    """As PNG with the very pixels that a viewer shows, on white; as JPEG where that is all."""
    image = picture.convert(mode)
    sent = fit_picture(check_picture(encode(image, "PNG")), accepts=accepts, plain=True)
    shown = _opened(sent)
    assert (sent.mime, shown.mode) == ("image/png" if accepts >= _PNG else "image/jpeg", "RGB")
    if accepts >= _PNG:
        assert shown.tobytes() == image.convert("RGB").tobytes()


def test_plain_has_a_white_ground(encode: Encode) -> None:
    """Whatever colour lies hidden under what is clear."""
    data = encode(Image.new("RGBA", (2, 2), (1, 2, 3, 0)), "PNG")
    sent = _opened(fit_picture(check_picture(data), accepts=_ALL, plain=True))
    assert set(_pixels(sent)) == {_WHITE}


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"]),
    st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"]),
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from([_ALL, _PNG, _JPEG, _PNG | _JPEG]),
    st.booleans(),
    st.integers(1, 8),
)
def test_what_is_fitted_fits(
    mode: str,
    kind: str,
    width: int,
    height: int,
    accepts: frozenset[str],
    plain: bool,
    orientation: int,
) -> None:
    """Of a type that is taken, never scaled, and fitting it once more changes nothing."""
    image = Image.new("L", (width, height))
    image.putpixel((0, 0), 255)
    image = image.convert(mode)
    buffer = io.BytesIO()
    try:
        image.save(buffer, kind, exif=_turned(image, orientation))
    except (OSError, ValueError):
        return  # the format has no such mode
    sent = fit_picture(check_picture(buffer.getvalue()), accepts=accepts, plain=plain)
    assert sent.mime in accepts
    assert sorted((sent.width, sent.height)) == sorted((width, height))
    assert fit_picture(sent, accepts=accepts) is sent


def test_what_is_no_picture_is_an_image_error() -> None:
    """Also for a record that nobody checked."""
    broken = Picture(
        data=b"nothing", mime="image/gif", extension=".gif", width=1, height=1, sha256=""
    )
    with pytest.raises(ImageError, match="cannot be converted"):
        fit_picture(broken, accepts=_PNG)
