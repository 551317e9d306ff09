"""What a picture becomes when it is converted: its first frame as a viewer shows it.

Upright, 8 bits a sample, in sRGB, in one of the modes that every reader knows; then as PNG, which
keeps each pixel, or as JPEG.
"""

import io
from typing import Literal

import numpy as np
from PIL import ExifTags, Image, ImageCms

__all__ = ["Encoding", "encoded", "on_white", "orientation", "shown"]

Encoding = Literal["PNG", "JPEG"]

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_GREY = frozenset({"1", "L"})


def shown(image: Image.Image) -> Image.Image:
    """Return the first frame as a viewer shows it, in mode L, RGB or RGBA, without metadata.

    Deeper samples are cut to their upper 8 bits, a colour profile is converted to sRGB (relative
    colorimetric, with black point compensation), and EXIF's rotation is applied. A colour profile
    that is broken or of another kind than the picture is passed over, as viewers do.

    Raises:
        OSError, ValueError: it cannot be decoded.
    """
    image.load()
    eight = _eight_bits(image)
    profile = image.info.get("icc_profile")
    alpha = None
    if eight.has_transparency_data:
        rgba = eight.convert("RGBA")
        alpha = rgba.getchannel("A")
        eight = eight.getchannel("L") if eight.mode == "LA" else rgba.convert("RGB")
    elif eight.mode != "CMYK":
        eight = eight.convert("L" if eight.mode in _GREY else "RGB")
    colour = _in_srgb(eight, profile) if isinstance(profile, bytes) else None
    if colour is None:
        colour = eight if eight.mode == "L" and alpha is None else eight.convert("RGB")
    if alpha is not None:
        colour.putalpha(alpha)
    step = _UPRIGHT.get(orientation(image))
    turned = colour.copy() if step is None else colour.transpose(step)
    # Pillow would write what is noted here into the new file.
    turned.info = {}
    return turned


def on_white(image: Image.Image) -> Image.Image:
    """Return a picture of mode L, RGB or RGBA as RGB, on white where it is transparent."""
    if image.mode != "RGBA":
        return image.convert("RGB")
    flat = Image.new("RGB", image.size, "white")
    flat.paste(image, mask=image.getchannel("A"))
    return flat


def encoded(image: Image.Image, kind: Encoding) -> bytes:
    """Return the picture's bytes; JPEG is of quality 95 with whole colours (4:4:4)."""
    buffer = io.BytesIO()
    if kind == "PNG":
        image.save(buffer, "PNG")
    else:
        image.save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue()


def orientation(image: Image.Image) -> int:
    """Return EXIF's orientation: 1 is upright, 2 to 8 are the turned and mirrored ones."""
    try:
        found = image.getexif().get(ExifTags.Base.Orientation)
    # Metadata that no one can read does not spoil the picture, whatever error Pillow makes of it.
    except Exception:  # noqa: BLE001
        return 1
    return found if isinstance(found, int) and found in _UPRIGHT else 1


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return samples of 8 bits: of deeper grey ones Pillow would cut the values off at 255."""
    clear = image.info.get("transparency")
    if image.mode.startswith("I;16"):
        deep = np.asarray(image)
        grey = Image.fromarray((deep >> 8).astype(np.uint8))
        if isinstance(clear, int):
            opaque = np.where(deep == clear, 0, 255).astype(np.uint8)
            grey.putalpha(Image.fromarray(opaque))
        return grey
    if isinstance(clear, tuple) and max(clear, default=0) > 255:
        # The clear colour of a PNG with 16 bits, whose pixels Pillow has cut to the upper 8.
        image.info["transparency"] = tuple(value >> 8 for value in clear)
    return image


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image | None:
    """Return the colours of a profile in sRGB; None where they are already, or it is unusable."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(source).casefold():
            return None
        return ImageCms.profileToProfile(
            image,
            source,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    # ImportError: a Pillow that was built without colour management.
    except (ImageCms.PyCMSError, ImportError, OSError, ValueError, TypeError):
        return None
