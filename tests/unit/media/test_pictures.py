"""Every bad picture ends in one clear message; every good one is described truly."""

import hashlib
import io
import os
import struct
import sys
import threading
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from unisafebench.core.errors import ImageError
from unisafebench.media import pictures
from unisafebench.media.pictures import Picture, check_picture, read_picture

Encode = Callable[..., bytes]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims this size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (_chunk(b"IHDR", header), _chunk(b"IDAT", pixels), _chunk(b"IEND", b""))
    )


@pytest.mark.parametrize(
    ("kind", "mime", "extension"),
    [
        ("PNG", "image/png", ".png"),
        ("JPEG", "image/jpeg", ".jpg"),
        ("GIF", "image/gif", ".gif"),
        ("WEBP", "image/webp", ".webp"),
    ],
)
def test_a_good_picture_is_kept_byte_for_byte(
    picture: Image.Image, encode: Encode, kind: str, mime: str, extension: str
) -> None:
    """Type from the bytes, size in pixels, hash of the very bytes that will be sent."""
    data = encode(picture, kind)
    assert check_picture(data) == Picture(
        data=data,
        mime=mime,
        extension=extension,
        width=24,
        height=16,
        sha256=hashlib.sha256(data).hexdigest(),
        flaw=None,
    )


def test_the_type_is_never_taken_from_the_name(
    picture: Image.Image, encode: Encode, tmp_path: Path
) -> None:
    """A JPEG called .png is sent as a JPEG."""
    path = tmp_path / "photo.png"
    path.write_bytes(encode(picture, "JPEG"))
    assert read_picture(path).mime == "image/jpeg"


def test_a_missing_file_is_named_with_what_paths_are_relative_to(tmp_path: Path) -> None:
    """What, where, and what to check."""
    path = tmp_path / "gone.png"
    with pytest.raises(ImageError) as caught:
        read_picture(path)
    assert str(caught.value) == (
        f"picture {str(path)!r} does not exist. Paths are relative to the file that names them."
    )


@pytest.mark.parametrize("name", ["a\0b.png", "\ud800.png", "x" * 300 + ".png"])
def test_a_name_that_no_file_can_have_is_an_image_error(tmp_path: Path, name: str) -> None:
    """NUL, a lone surrogate and a name that is too long end the sample, not the program."""
    with pytest.raises(ImageError, match="cannot be read"):
        read_picture(tmp_path / name)


def test_a_directory_and_a_pipe_are_not_pictures(tmp_path: Path) -> None:
    """Reading a pipe would never end."""
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path, tmp_path / "pipe.png"):
        with pytest.raises(ImageError, match="is not a file"):
            read_picture(path)


def test_an_empty_file_is_said_to_be_empty(tmp_path: Path) -> None:
    """Zero bytes are named as such, with the file."""
    path = tmp_path / "empty.png"
    path.touch()
    with pytest.raises(ImageError) as caught:
        read_picture(path)
    assert str(caught.value) == f"{path} is empty (0 bytes)."


def test_text_called_png_is_not_a_picture(tmp_path: Path) -> None:
    """A download's error page is the usual case."""
    path = tmp_path / "page.png"
    path.write_text("<html>404 Not Found</html>")
    with pytest.raises(ImageError) as caught:
        read_picture(path)
    assert str(caught.value) == (
        f"{path} (26 bytes) is not a readable picture: its type is not known."
    )


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_cut_anywhere_is_refused(picture: Image.Image, encode: Encode, kind: str) -> None:
    """At every single length below the whole, whether or not all pixels were there already."""
    data = encode(picture, kind)
    for length in range(1, len(data)):
        with pytest.raises(ImageError, match="is not a readable picture"):
            check_picture(data[:length])


def test_a_damaged_byte_in_a_png_is_refused(picture: Image.Image, encode: Encode) -> None:
    """Its check sums cover all but the signature's own."""
    data = encode(picture, "PNG")
    for at in range(8, len(data), 7):
        with pytest.raises(ImageError):
            check_picture(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])


def test_a_file_of_too_many_bytes_is_refused(
    picture: Image.Image, encode: Encode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From disk before it is read, from memory before it is decoded; the limit itself passes."""
    data = encode(picture, "PNG")
    path = tmp_path / "large.png"
    path.write_bytes(data)
    monkeypatch.setattr(pictures, "MAX_BYTES", len(data))
    assert read_picture(path).data == data
    monkeypatch.setattr(pictures, "MAX_BYTES", len(data) - 1)
    for read in (lambda: read_picture(path), lambda: check_picture(data, name="large.png")):
        with pytest.raises(ImageError, match=r"large\.png is .* bytes, more than .* Scale it down"):
            read()


@pytest.mark.parametrize("side", [8_001, 9_600, 20_000, 1_000_000])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(side: int) -> None:
    """A hundred bytes that claim more than 64 million pixels."""
    with pytest.raises(ImageError, match=r"pixels.*64,000,000 allowed\. Scale it down"):
        check_picture(_bomb(side, side), name="bomb.png")


def test_a_picture_with_fewer_pixels_than_it_claims_is_refused() -> None:
    """Within the limit, but the data end early."""
    with pytest.raises(ImageError, match="is not a readable picture"):
        check_picture(_bomb(500, 500))


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "PPM", "ICO"])
def test_what_endpoints_do_not_take_becomes_png(encode: Encode, kind: str) -> None:
    """Converted once, with the same pixels; the hash is of what will be sent."""
    image = Image.new("RGB", (32, 32))
    image.putdata([(n % 256, n // 4 % 256, 99) for n in range(1024)])
    found = check_picture(encode(image, kind))
    assert (found.mime, found.extension, found.width, found.height) == ("image/png", ".png", 32, 32)
    assert found.sha256 == hashlib.sha256(found.data).hexdigest()
    with Image.open(io.BytesIO(found.data)) as sent:
        assert sent.format == "PNG"
        assert sent.convert("RGB").tobytes() == image.tobytes()


@pytest.mark.parametrize("inside", ["PNG", "DIB"])
def test_a_bomb_inside_an_icon_is_refused(inside: str) -> None:
    """The list of an ICO file says 16 x 16; the picture that it leads to is 70 million pixels."""
    bomb = _bomb(10_000, 7_000)
    if inside == "DIB":
        bomb = struct.pack("<IiiHHIIiiII", 40, 10_000, 14_000, 1, 24, 0, 0, 0, 0, 0, 0) + bytes(99)
    entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 24, len(bomb), 22)
    with pytest.raises(ImageError, match=r"pixels, more than the 64,000,000 allowed"):
        check_picture(struct.pack("<HHH", 0, 1, 1) + entry + bomb)


def test_a_frame_that_is_larger_than_its_film_is_refused(encode: Encode) -> None:
    """A GIF of 4 x 4 whose first frame claims 65,535 x 65,535."""
    data = bytearray(encode(Image.new("P", (4, 4)), "GIF"))
    at = data.index(b",\0\0\0\0")
    data[at + 5 : at + 9] = b"\xff" * 4
    with pytest.raises(ImageError, match="64,000,000 allowed"):
        check_picture(bytes(data))


def test_a_picture_that_is_too_large_once_converted_is_refused(
    encode: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit holds for what would be kept, which nothing could read again."""
    image = Image.effect_noise((64, 64), 90)
    data = encode(image, "TIFF", compression="jpeg", quality=5)
    monkeypatch.setattr(pictures, "MAX_BYTES", len(data))
    with pytest.raises(ImageError, match=r"converted to image/png, is .* bytes, more than"):
        check_picture(data)


def test_conversion_keeps_transparency(encode: Encode) -> None:
    """A TIFF with an alpha band becomes a PNG with one."""
    image = Image.new("RGBA", (2, 1))
    image.putdata([(255, 0, 0, 0), (0, 255, 0, 255)])
    found = check_picture(encode(image, "TIFF"))
    with Image.open(io.BytesIO(found.data)) as sent:
        assert sent.mode == "RGBA"
        assert sent.tobytes() == image.tobytes()


def test_a_file_that_would_start_another_program_is_refused() -> None:
    """Pillow hands EPS to Ghostscript; here it ends at its name."""
    eps = (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n"
        b"0 0 10 10 rectfill\nshowpage\n%%EOF\n"
    )
    with pytest.raises(ImageError, match="is of the type EPS"):
        check_picture(eps)


def test_a_cmyk_jpeg_is_taken_as_it_is(picture: Image.Image, encode: Encode) -> None:
    """Printers' JPEG files are JPEG files."""
    data = encode(picture.convert("CMYK"), "JPEG")
    found = check_picture(data)
    assert (found.mime, found.data, found.flaw) == ("image/jpeg", data, None)


def test_a_phones_jpeg_with_a_second_picture_stays_a_jpeg(
    picture: Image.Image, encode: Encode
) -> None:
    """Pillow calls it MPO; converting it would lose how the phone was held."""
    data = encode(picture, "MPO", save_all=True, append_images=[picture.rotate(180)])
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "MPO"
    found = check_picture(data)
    assert (found.mime, found.extension, found.data) == ("image/jpeg", ".jpg", data)


@pytest.mark.parametrize("transparency", [None, 0, bytes(range(256))])
def test_a_palette_png_is_taken_as_it_is(
    picture: Image.Image, encode: Encode, transparency: object
) -> None:
    """With and without transparent entries."""
    options = {} if transparency is None else {"transparency": transparency}
    data = encode(picture.quantize(64), "PNG", **options)
    found = check_picture(data)
    assert (found.mime, found.data, found.flaw) == ("image/png", data, None)


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "I;16"), ("TIFF", "I;16"), ("TIFF", "I;16B")])
def test_a_grey_picture_of_16_bits_is_scaled_to_8(encode: Encode, kind: str, mode: str) -> None:
    """Cut off at 255, as Pillow does it, any picture of this kind would be plain white."""
    image = Image.new(mode, (2, 2))
    for at, value in enumerate((0, 0x0100, 0x8000, 0xFFFF)):
        image.putpixel((at % 2, at // 2), value)
    found = check_picture(encode(image, kind))
    assert found.flaw is None
    with Image.open(io.BytesIO(found.data)) as sent:
        assert sent.mode == "L"
        assert list(sent.tobytes()) == [0, 1, 0x80, 0xFF]


@pytest.mark.parametrize("mode", ["I", "F"])
def test_a_picture_of_32_bits_is_refused(encode: Encode, mode: str) -> None:
    """How its values should be shown is not known, and is not guessed."""
    with pytest.raises(ImageError, match=r"32 bits a sample.*Save it with 8 bits"):
        check_picture(encode(Image.new(mode, (3, 3)), "TIFF"), name="depth.tif")


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_an_animation_is_taken_by_its_first_frame(
    picture: Image.Image, encode: Encode, kind: str
) -> None:
    """A first frame of one colour is a fade-in, not a placeholder."""
    frames = [picture, picture.rotate(90)]
    empty = Image.new("RGB", picture.size, "white")
    data = encode(empty, kind, save_all=True, append_images=frames, duration=50)
    found = check_picture(data)
    assert (found.width, found.height, found.data, found.flaw) == (24, 16, data, None)


def test_frames_after_the_first_are_not_decoded(picture: Image.Image, encode: Encode) -> None:
    """A film of many frames costs what a picture costs: even broken frames are not met."""
    wild = picture.quantize(64)
    data = encode(wild, "GIF", save_all=True, append_images=[wild.rotate(90)] * 3)
    found = check_picture(data[: len(data) * 4 // 5])
    assert (found.mime, found.width, found.height, found.flaw) == ("image/gif", 24, 16, None)


def test_an_animation_cut_in_its_first_frame_is_refused(
    picture: Image.Image, encode: Encode
) -> None:
    """The frame that is looked at is decoded to its end."""
    wild = picture.quantize(64)
    data = encode(wild, "GIF", save_all=True, append_images=[wild.rotate(90)] * 3)
    with Image.open(io.BytesIO(data)) as image:
        assert getattr(image, "n_frames", 1) > 1
    with pytest.raises(ImageError, match="is not a readable picture"):
        check_picture(data[: len(encode(wild, "GIF")) // 2])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_one_colour_is_a_flaw_in_every_mode(encode: Encode, mode: str) -> None:
    """What a safety checker puts in place of a picture."""
    assert check_picture(encode(Image.new(mode, (9, 9)), "PNG")).flaw == "one_colour"


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_one_other_pixel_is_no_flaw(encode: Encode, mode: str) -> None:
    """Nearly one colour is a picture: the least difference in one band of one pixel counts."""
    for band in range(len(mode)):
        image = Image.new(mode, (9, 9))
        value = tuple(int(band == at) for at in range(len(mode)))
        image.putpixel((4, 4), value if len(mode) > 1 else value[0])
        assert check_picture(encode(image, "PNG")).flaw is None


def test_a_shape_drawn_by_transparency_alone_is_no_flaw(encode: Encode) -> None:
    """A black logo on nothing is black everywhere."""
    image = Image.new("RGBA", (9, 9), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (2, 2, 6, 6))
    assert check_picture(encode(image, "PNG")).flaw is None


def test_two_palette_entries_of_one_colour_are_one_colour(encode: Encode) -> None:
    """Colours count, not their numbers in the palette."""
    image = Image.new("P", (2, 1))
    image.putpalette([9, 9, 9, 9, 9, 9])
    image.putpixel((1, 0), 1)
    assert check_picture(encode(image, "GIF")).flaw == "one_colour"


def test_a_single_pixel_is_a_flaw(encode: Encode) -> None:
    """1 x 1 is its own flaw; 2 x 1 of two colours is a picture."""
    assert check_picture(encode(Image.new("RGB", (1, 1)), "PNG")).flaw == "one_pixel"
    two = Image.new("RGB", (2, 1))
    two.putpixel((1, 0), (255, 255, 255))
    assert check_picture(encode(two, "PNG")).flaw is None


def test_checking_in_many_threads_leaves_the_warning_filters_alone(
    picture: Image.Image, encode: Encode
) -> None:
    """Pictures are checked in threads; Python's filters belong to all of them."""
    data = encode(picture, "PNG")
    before = list(warnings.filters)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        work = [
            threading.Thread(target=lambda: [check_picture(data) for _ in range(40)])
            for _ in range(4)
        ]
        for thread in work:
            thread.start()
        for thread in work:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert list(warnings.filters) == before


_HEADS = [
    b"",
    b"\x89PNG\r\n\x1a\n",
    _bomb(3, 3)[:33],
    b"GIF89a",
    b"\xff\xd8\xff\xe0\x00\x10JFIF\0",
    b"RIFF\x1a\0\0\0WEBPVP8 ",
    b"BM",
    b"II*\0\x08\0\0\0",
    b"MM\0*",
    b"P6\n3 3\n255\n",
    b"\0\0\1\0\1\0",
    b"%!PS-Adobe-3.0\n",
]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(_HEADS), st.binary(max_size=300))
def test_any_bytes_are_a_picture_or_an_image_error(head: bytes, rest: bytes) -> None:
    """Nothing else leaves, whatever the bytes begin like."""
    try:
        found = check_picture(head + rest)
    except ImageError:
        return
    assert found.width * found.height > 0
    assert found.sha256 == hashlib.sha256(found.data).hexdigest()
