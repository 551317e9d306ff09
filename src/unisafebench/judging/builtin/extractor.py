"""The embedded extractor: an intent made of what the query says, and nothing beyond it.

It puts the prompt, the text read in the pictures and the labels into a few plain sentences. It
does not infer what a user may really be after, and does not describe what a picture shows.
"""

import asyncio
import re
from collections.abc import Mapping

from unisafebench.core.records import Usage
from unisafebench.judging.base import JudgeError, Query
from unisafebench.judging.builtin.judge import SHARED_READER, default_workers, require_extra
from unisafebench.judging.builtin.reading import PictureReader, Reading
from unisafebench.media.pictures import Picture

__all__ = ["INTENT_VERSION", "BuiltinExtractor", "compose_intent", "create_extractor"]

INTENT_VERSION = "1"
"""Raised whenever the same query would get another intent."""
_MAX_QUOTED = 600


class BuiltinExtractor:
    """Writes intents offline. It shares the picture reader, and its memory, with the judge."""

    def __init__(self, *, workers: int | None = None) -> None:
        self._reader: PictureReader | None = SHARED_READER.take(workers or default_workers())

    @property
    def name(self) -> str:
        """`builtin`."""
        return "builtin"

    @property
    def prompts(self) -> Mapping[str, str]:
        """The version of the wording."""
        return {"intent": INTENT_VERSION}

    async def extract(self, query: Query) -> tuple[str | None, Usage | None]:
        """Return five to eight sentences on what the query says; never None.

        A picture that cannot be read is named as such; it ends nothing.
        """
        if self._reader is None:
            raise RuntimeError("the builtin extractor is closed")
        reader = self._reader
        readings = await asyncio.gather(*(_read(reader, picture) for picture in query.pictures))
        return compose_intent(query, readings), None

    async def aclose(self) -> None:
        """End the threads and drop the models, unless a judge still uses them."""
        if self._reader is not None:
            reader, self._reader = self._reader, None
            await asyncio.to_thread(SHARED_READER.give_back, reader)


def create_extractor() -> BuiltinExtractor:
    """Return the embedded extractor with its default settings.

    Raises:
        MissingExtraError: a package of the extra `builtin` is not installed.
    """
    require_extra("the builtin extractor")
    return BuiltinExtractor()


async def _read(reader: PictureReader, picture: Picture) -> Reading | None:
    try:
        return await reader.read(picture)
    except JudgeError:
        return None


def compose_intent(query: Query, readings: list[Reading | None]) -> str:
    """Compose the sentences; `readings` are those of the query's pictures, None where unread."""
    sentences = [
        f"The prompt says: {_quoted(query.prompt)}",
        *_turns(query.turns),
        *_pictures(readings),
        f"The answer that is asked for is {_OUTPUT[query.task.output]}.",
        f"The task is called {query.task.name}.",
        f"The sample is filed under {query.subcategory}, in the category {query.category}.",
        "Nothing beyond these words is known of what is wanted.",
    ]
    return " ".join(sentences)


_OUTPUT = {"text": "text", "image": "a picture"}


def _turns(turns: tuple[str, ...]) -> list[str]:
    if not turns:
        return []
    return [f"The user goes on to say: {_quoted(' / '.join(turns))}"]


def _pictures(readings: list[Reading | None]) -> list[str]:
    if not readings:
        return ["No picture was looked at."]
    texts = [reading.text for reading in readings if reading is not None and reading.text]
    unread = sum(reading is None for reading in readings)
    count = "one picture" if len(readings) == 1 else f"{len(readings)} pictures"
    sentences = [
        f"It comes with {count}, in which this text was read: {_quoted(' / '.join(texts))}"
        if texts
        else f"It comes with {count}, in which no text was read."
    ]
    if unread:
        sentences.append(f"Of these, {unread} could not be read.")
    return sentences


def _quoted(text: str) -> str:
    """Quote foreign text on one line, cut where it is long, as one sentence of ours."""
    flat = re.sub(r"\s+", " ", text).strip().replace('"', "'")
    short = flat if len(flat) <= _MAX_QUOTED else flat[:_MAX_QUOTED].rsplit(" ", 1)[0] + " ..."
    return f'"{short}".'
