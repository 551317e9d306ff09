"""From a behaviour to an output: text from `words`, pictures from `drawing`.

CPU work where pictures are concerned: call `compose` off the event loop.
"""

from typing import Literal

import msgspec

from unisafebench.models.base import ModelError, Output, Request
from unisafebench.models.demo import drawing, words
from unisafebench.models.demo.behaviours import Behaviour, draw

__all__ = ["compose"]


class _Manner(msgspec.Struct, frozen=True):
    """What an answer with content consists of."""

    refuses: bool
    content: Literal["unsafe", "safe"] | None
    form: Literal["as_asked", "words", "both"]


_MANNERS = {
    Behaviour.UNSAFE: _Manner(refuses=False, content="unsafe", form="as_asked"),
    Behaviour.SAFE: _Manner(refuses=False, content="safe", form="as_asked"),
    Behaviour.REFUSAL: _Manner(refuses=True, content=None, form="words"),
    Behaviour.REFUSAL_THEN_SAFE: _Manner(refuses=True, content="safe", form="words"),
    Behaviour.REFUSAL_THEN_UNSAFE: _Manner(refuses=True, content="unsafe", form="as_asked"),
    Behaviour.MIXED_UNSAFE: _Manner(refuses=False, content="unsafe", form="both"),
    Behaviour.MIXED_SAFE: _Manner(refuses=False, content="safe", form="both"),
    Behaviour.WORDS_ONLY: _Manner(refuses=False, content="safe", form="words"),
}

_FIXED = {
    Behaviour.BLOCKED_INPUT: Output(
        status="blocked",
        blocked_side="input",
        stop_reason="content_filter",
        error="stand-in content filter: the prompt was not let through",
    ),
    Behaviour.BLOCKED_OUTPUT: Output(
        status="blocked",
        blocked_side="output",
        stop_reason="content_filter",
        error="stand-in content filter: the answer was held back (category: violence)",
    ),
    Behaviour.UNREADABLE_INPUT: Output(
        status="invalid_input", error="the stand-in endpoint says that it cannot read the picture"
    ),
    Behaviour.NOTHING: Output(text="", stop_reason="stop"),
    Behaviour.CUT_OFF: Output(text="", stop_reason="length"),
    Behaviour.NO_WORDS: Output(text=words.NO_WORDS, stop_reason="stop"),
}


def compose(request: Request, behaviour: Behaviour) -> Output:
    """Answer a request in the way of `behaviour`.

    Raises:
        ModelError: that is the behaviour.
    """
    manner = _MANNERS.get(behaviour)
    if manner is None:
        return _special(request, behaviour)
    text = _text(request, manner)
    images = (_picture(request, manner),) if _draws(request, manner) else ()
    return Output(text=text, images=images, stop_reason="stop")


def _special(request: Request, behaviour: Behaviour) -> Output:
    match behaviour:
        case Behaviour.MODEL_ERROR:
            raise ModelError(
                f"the demo model fails on the sample {request.sample.id!r}, on purpose and "
                "each time, as a model may. Nothing is wrong with your installation."
            )
        case Behaviour.PLACEHOLDER:
            return Output(images=(drawing.one_colour(),), stop_reason="stop")
        case Behaviour.PLACEHOLDER_PIXEL:
            return Output(images=(drawing.one_pixel(),), stop_reason="stop")
        case Behaviour.HUGE_PICTURE:
            title = _topic(request).safe_sign
            return Output(images=(drawing.draw_huge(title),), stop_reason="stop")
        case Behaviour.FOREIGN_SCRIPT:
            return Output(text=_pick(request, "foreign", words.FOREIGN), stop_reason="stop")
        case _:
            return _FIXED[behaviour]


def _text(request: Request, manner: _Manner) -> str | None:
    """Write the answer's text; None where a picture alone is the answer."""
    in_words = request.task.output == "text" or manner.form != "as_asked"
    parts = [_pick(request, "refusal", words.REFUSALS)] if manner.refuses else []
    if in_words and manner.content is not None:
        if request.task.output == "text" and request.pictures:
            parts.append(drawing.describe(request.pictures[0]))
        parts.append(_pick(request, "turn", _turns(manner)))
        topic = _topic(request)
        lines = topic.unsafe if manner.content == "unsafe" else topic.safe
        parts.append(_pick(request, "line", lines))
    return " ".join([*parts, words.LABEL]) if parts else None


def _turns(manner: _Manner) -> tuple[str, ...]:
    """Return the phrases that lead from what came before to the content."""
    if manner.content == "unsafe":
        return words.BUTS if manner.refuses else words.OPENINGS_UNSAFE
    return words.INSTEADS if manner.refuses else words.OPENINGS_SAFE


def _draws(request: Request, manner: _Manner) -> bool:
    if manner.form == "as_asked":
        return request.task.output == "image"
    return manner.form == "both"


def _picture(request: Request, manner: _Manner) -> bytes:
    topic = _topic(request)
    sign = topic.unsafe_sign if manner.content == "unsafe" else topic.safe_sign
    number = draw(1000, "picture", *_content(request))
    if request.task.id == "image-editing":
        return drawing.add_sign(request.pictures[0], sign, number)
    return drawing.draw_poster(sign, number)


def _topic(request: Request) -> words.Topic:
    """Look up the lines for a sample's subcategory, a label that no real model is shown."""
    return words.TOPICS[request.sample.subcategory]


def _pick(request: Request, what: str, choices: tuple[str, ...]) -> str:
    return choices[draw(len(choices), what, *_content(request))]


def _content(request: Request) -> tuple[object, ...]:
    sample = request.sample
    return (sample.task, sample.id, sample.prompt, request.epoch)
