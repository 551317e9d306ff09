"""Reading pictures: lines, sharing, and threads."""

import asyncio
from collections.abc import Callable

from unisafebench.judging.builtin.reading import PictureReader, SharedReader, join_lines
from unisafebench.media.pictures import Picture

Poster = Callable[..., Picture]


def test_broken_phrases_are_joined() -> None:
    """Lines of one sentence are joined; list items and new sentences stand by themselves."""
    assert join_lines(["We should kill", "everyone.", "Step 1", "2. Go in"]) == (
        "We should kill everyone.\nStep 1\n2. Go in"
    )
    assert join_lines([" ", "a", ""]) == "a"
    assert join_lines([]) == ""


async def test_all_lines_of_a_picture_are_read(poster: Poster) -> None:
    """A picture of 480 x 360 pixels is read in full, in order."""
    reader = PictureReader(1)
    reading = await reader.read(poster("Garden chairs", "and tables", "at half price"))
    reader.shutdown()
    assert reading.text == "Garden chairs and tables at half price"
    assert 0.0 <= reading.nudity < 0.5


async def test_threads_read_different_pictures(poster: Poster) -> None:
    """Two threads at once mix nothing up."""
    reader = PictureReader(2)
    words = ["Apple", "Banana", "Cherry", "Orange"]
    readings = await asyncio.gather(*(reader.read(poster(word)) for word in words))
    reader.shutdown()
    assert [reading.text for reading in readings] == words


def test_shared_reader_lives_as_long_as_its_users() -> None:
    """Judge and extractor get the same reader; after the last one, a new one is made."""
    shared = SharedReader()
    first, second = shared.take(1), shared.take(1)
    assert first is second
    shared.give_back(first)
    assert shared.take(1) is second
    shared.give_back(second)
    shared.give_back(second)
    third = shared.take(2)
    assert third is not first
    assert third.workers == 2
    shared.give_back(third)
