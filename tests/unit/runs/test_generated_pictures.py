"""What becomes of the pictures that a model gives: checked, stored once, never judged in part."""

import struct
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from unisafebench.models.base import Output
from unisafebench.runs.generate import lacking_responses

if TYPE_CHECKING:
    from conftest import Trial


async def test_pictures_are_stored_by_their_content(trial: "Trial") -> None:
    """Each picture of a response lies in the run, in the order given; text beside it is kept."""
    trial.open([trial.row("1", "text-to-image")])
    images = (trial.png(1), trial.png(2))
    await trial.generate(lambda _: Output(text="Here.", images=images))
    response = trial.response("1")
    assert response.status == "completed"
    assert response.text == "Here."
    assert tuple((trial.run.path / name).read_bytes() for name in response.images) == images


async def test_a_picture_alone_is_not_empty(trial: "Trial") -> None:
    """A response without text is complete when it holds a picture."""
    trial.open([trial.row("1", "text-to-image")])
    await trial.generate(lambda _: Output(images=(trial.png(1),)))
    assert trial.response("1").status == "completed"


@pytest.mark.parametrize("images", [(b"",), (b"<svg/>",), ("cut",), ("text",), (7,)])
async def test_an_unusable_picture_is_the_models_error(trial: "Trial", images: Any) -> None:
    """A picture that cannot be decoded makes it a model error, whatever came beside it."""
    made = {"cut": trial.png(1)[:-20]}
    images = tuple(made.get(image, image) for image in images)
    trial.open([trial.row("1", "text-to-image")])
    await trial.generate(lambda _: Output(text="Here.", images=images))
    response = trial.response("1")
    assert (response.status, response.images) == ("model_error", ())
    assert response.error


async def test_of_two_pictures_the_good_one_is_kept_but_not_judged(trial: "Trial") -> None:
    """The lost one may be the unsafe one: a model error that says which it was.

    Text and good picture stay for the record, and the sample is asked again on resume.
    """
    manifest = trial.open([trial.row("1", "text-to-image")])
    images = (trial.png(1), trial.png(2)[:-20], trial.png(3), b"")
    await trial.generate(lambda _: Output(text="Here.", images=images, stop_reason="stop"))
    response = trial.response("1")
    assert (response.status, response.text, response.stop_reason) == (
        "model_error",
        "Here.",
        "stop",
    )
    assert [(trial.run.path / name).read_bytes() for name in response.images] == [
        images[0],
        images[2],
    ]
    assert response.error is not None
    assert response.error.startswith("the model's picture 2 of 4 is unusable: it (")
    assert response.error.endswith("the model's picture 4 of 4 is unusable: it is empty (0 bytes).")
    assert lacking_responses(trial.run, manifest) == 1
    await trial.generate(lambda _: Output(text="Here.", images=images[:1]))
    assert trial.response("1").status == "completed"
    await trial.judge()
    assert trial.verdict("1").outcome == "scored"


async def test_a_block_that_cut_a_picture_off_stays_a_block(trial: "Trial") -> None:
    """With the provider's message, and what is wrong with the picture after it."""
    trial.open([trial.row("1", "text-to-image")])
    output = Output(
        text="Here",
        images=(trial.png(1)[:-20],),
        status="blocked",
        blocked_side="output",
        stop_reason="content_filter",
        error="Filtered.",
    )
    await trial.generate(lambda _: output)
    response = trial.response("1")
    assert (response.status, response.stop_reason, response.images) == (
        "blocked",
        "content_filter",
        (),
    )
    assert response.error is not None
    assert response.error.startswith("Filtered. the model's picture is unusable: it (")


async def test_a_decompression_bomb_ends_its_own_sample(trial: "Trial") -> None:
    """A hundred bytes that claim 400 million pixels; the others go on."""
    header = struct.pack(">II5B", 20_000, 20_000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(99))), (b"IEND", b""))
    bomb = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    trial.open([trial.row(name, "text-to-image") for name in "123"])
    await trial.generate(
        lambda r: Output(images=(bomb if r.sample.id == "2" else trial.png(int(r.sample.id)),))
    )
    assert {key.sample_id: r.status for key, r in trial.responses().items()} == {
        "1": "completed",
        "2": "model_error",
        "3": "completed",
    }
    assert "64,000,000 allowed" in (trial.response("2").error or "")


async def test_the_same_picture_is_stored_once(trial: "Trial") -> None:
    """However many responses hold it, and twice in one of them."""
    trial.open([trial.row(name, "text-to-image") for name in "123"])
    await trial.generate(lambda _: Output(images=(trial.png(7), trial.png(7))))
    names = {r.images for r in trial.responses().values()}
    assert len(names) == 1
    first, second = names.pop()
    assert first == second
    assert [path.name for path in (trial.run.path / "images").iterdir()] == [
        first.removeprefix("images/")
    ]
