"""The store holds each picture once, whole, under the hash of its bytes."""

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from unisafebench.core.errors import ImageError
from unisafebench.media import pictures
from unisafebench.media.pictures import check_picture
from unisafebench.media.store import ImageStore

Encode = Callable[..., bytes]


def _stored(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "images").iterdir())


def test_a_picture_is_stored_once_under_its_hash(
    picture: Image.Image, encode: Encode, tmp_path: Path
) -> None:
    """Whether it comes as a picture or as a file of any name."""
    data = encode(picture, "PNG")
    (tmp_path / "Photo.PNG").write_bytes(data)
    store = ImageStore(tmp_path / "run")
    name = f"images/{hashlib.sha256(data).hexdigest()}.png"
    assert store.put(check_picture(data)) == name
    assert store.put(check_picture(data)) == name
    assert store.copy_in(tmp_path / "Photo.PNG") == name
    assert _stored(tmp_path / "run") == [name.removeprefix("images/")]
    assert store.read(name).data == data


def test_a_stored_picture_is_not_written_again(
    picture: Image.Image, encode: Encode, tmp_path: Path
) -> None:
    """The second `put` leaves the file as it is."""
    store = ImageStore(tmp_path)
    relative = store.put(check_picture(encode(picture, "PNG")))
    before = (tmp_path / relative).stat()
    store.put(check_picture(encode(picture, "PNG")))
    after = (tmp_path / relative).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_stored_picture_can_be_read_by_whoever_may_read_the_run(
    picture: Image.Image, encode: Encode, tmp_path: Path
) -> None:
    """It has the permissions of any new file, not those of a secret one."""
    relative = ImageStore(tmp_path).put(check_picture(encode(picture, "PNG")))
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((tmp_path / relative).stat().st_mode) == 0o666 & ~mask


def test_a_write_that_fails_leaves_nothing(
    picture: Image.Image, encode: Encode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither half a picture under its name nor a part beside it."""

    def fail(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device", str(self), None, str(target))

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="No space left"):
        ImageStore(tmp_path).put(check_picture(encode(picture, "PNG")))
    assert _stored(tmp_path) == []


def test_no_part_is_left_beside_the_pictures(
    picture: Image.Image, encode: Encode, tmp_path: Path
) -> None:
    """Three pictures make three files."""
    store = ImageStore(tmp_path)
    names = {store.put(check_picture(encode(picture.rotate(turn), "PNG"))) for turn in (0, 90, 180)}
    assert {f"images/{name}" for name in _stored(tmp_path)} == names
    assert len(names) == 3


def test_a_file_is_copied_unchecked_and_checked_when_read(tmp_path: Path) -> None:
    """One bad file ends the sample that it belongs to, at its time."""
    (tmp_path / "bad.jpeg").write_bytes(b"not a picture")
    store = ImageStore(tmp_path / "run")
    relative = store.copy_in(tmp_path / "bad.jpeg")
    assert (tmp_path / "run" / relative).read_bytes() == b"not a picture"
    assert relative.endswith(".jpeg")
    with pytest.raises(ImageError, match="is not a readable picture"):
        store.read(relative)


@pytest.mark.parametrize("name", ["x.png' onerror='", "x." + "e" * 200, "plain", "x.tar.é"])
def test_only_a_plain_extension_is_taken_over(tmp_path: Path, name: str) -> None:
    """The stored name is the hash and at most five letters or digits."""
    (tmp_path / name).write_bytes(b"data")
    relative = ImageStore(tmp_path / "run").copy_in(tmp_path / name)
    assert relative == f"images/{hashlib.sha256(b'data').hexdigest()}"


@pytest.mark.parametrize("name", ["gone.png", "a\0b.png"])
def test_copying_what_is_not_there_is_an_image_error(tmp_path: Path, name: str) -> None:
    """The store stays empty."""
    with pytest.raises(ImageError, match=r"does not exist|cannot be read"):
        ImageStore(tmp_path / "run").copy_in(tmp_path / name)
    assert not (tmp_path / "run").exists()


def test_copying_a_file_that_is_too_large_is_an_image_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused before it is read."""
    monkeypatch.setattr(pictures, "MAX_BYTES", 9)
    (tmp_path / "large.png").write_bytes(b"0123456789")
    with pytest.raises(ImageError, match="is 10 bytes, more than the 9 allowed"):
        ImageStore(tmp_path / "run").copy_in(tmp_path / "large.png")
