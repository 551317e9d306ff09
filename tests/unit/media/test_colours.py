"""Colour profiles: applied where a picture is converted, passed over where they are unusable."""

import io
import struct
from collections.abc import Callable, Sequence

import pytest
from PIL import Image

from unisafebench.media.fitting import fit_picture
from unisafebench.media.pictures import Picture, check_picture

Encode = Callable[..., bytes]

_ALL = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_PNG = frozenset({"image/png"})
_RED, _WHITE = (255, 0, 0), (255, 255, 255)


def _opened(picture: Picture) -> Image.Image:
    with Image.open(io.BytesIO(picture.data)) as image:
        image.load()
    return image


def _near(found: object, wanted: Sequence[int], by: int = 3) -> bool:
    assert isinstance(found, tuple)
    return all(abs(left - right) <= by for left, right in zip(found, wanted, strict=True))


def _green_for_red() -> bytes:
    """Return a colour profile (ICC.1:2010) with sRGB's primaries, red and green changed over."""

    def fixed(*values: float) -> bytes:
        return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))

    # sRGB's primaries adapted to D50, and a straight tone curve: count 1, gamma 1.0.
    red, green = (0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708)
    blue, white = (0.14307, 0.06061, 0.71410), (0.9642, 1.0, 0.8249)
    straight = b"curv\0\0\0\0" + struct.pack(">IH", 1, 256) + b"\0\0"
    named = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 8) + b"changed\0" + bytes(79),
        b"wtpt": b"XYZ \0\0\0\0" + fixed(*white),
        b"rXYZ": b"XYZ \0\0\0\0" + fixed(*green),
        b"gXYZ": b"XYZ \0\0\0\0" + fixed(*red),
        b"bXYZ": b"XYZ \0\0\0\0" + fixed(*blue),
        b"rTRC": straight,
        b"gTRC": straight,
        b"bTRC": straight,
    }
    table, content = b"", b""
    start = 128 + 4 + 12 * len(named)
    for name, data in named.items():
        padded = data + bytes(-len(data) % 4)
        table += name + struct.pack(">II", start + len(content), len(data))
        content += padded
    head = struct.pack(">I4xI4s4s4s", start + len(content), 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head = head.ljust(36, b"\0") + b"acsp"
    head = head.ljust(68, b"\0") + fixed(*white)
    return head.ljust(128, b"\0") + struct.pack(">I", len(named)) + table + content


def test_a_colour_profile_is_converted_to_srgb(encode: Encode) -> None:
    """Where a picture is converted at all: red of a profile that calls green red is green."""
    image = Image.new("RGB", (3, 1), _WHITE)
    image.putpixel((0, 0), _RED)
    image.putpixel((1, 0), (0, 128, 0))
    profile = _green_for_red()
    checked = check_picture(encode(image, "PNG", icc_profile=profile))
    assert fit_picture(checked, accepts=_ALL) is checked
    sent = _opened(fit_picture(checked, accepts=_ALL, plain=True))
    assert "icc_profile" not in sent.info
    assert _near(sent.getpixel((0, 0)), (0, 255, 0))
    # The profile's tone curve is straight: 128/255 = 0.502, which sRGB writes as 188 of 255.
    assert _near(sent.getpixel((1, 0)), (188, 0, 0))
    assert _near(sent.getpixel((2, 0)), _WHITE)


def test_transparency_survives_a_colour_profile(encode: Encode) -> None:
    """The alpha band is none of the profile's business."""
    image = Image.new("RGBA", (1, 1), (255, 0, 0, 77))
    checked = check_picture(encode(image, "WEBP", lossless=True, icc_profile=_green_for_red()))
    assert _near(_opened(fit_picture(checked, accepts=_PNG)).getpixel((0, 0)), (0, 255, 0, 77))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
@pytest.mark.parametrize("profile", [b"nonsense", _green_for_red()[:200], b"\0" * 300])
def test_a_broken_colour_profile_is_passed_over(
    picture: Image.Image, encode: Encode, mode: str, profile: bytes
) -> None:
    """The pixels are as if it were not there."""
    image = picture.convert(mode)
    plain = [
        fit_picture(check_picture(encode(image, "PNG", **options)), accepts=_ALL, plain=True)
        for options in ({}, {"icc_profile": profile})
    ]
    assert plain[0] == plain[1]
