"""What an endpoint takes of a request's parameters, found out from its own errors and remembered.

Nothing is guessed from a model's name. A request goes out in its best form; when the endpoint
says that it does not take a parameter, the next form is used from then on.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from unisafebench.core.errors import EndpointError
from unisafebench.endpoints.classify import error_of

__all__ = ["Alternative", "Body", "Learner", "without"]

Body = dict[str, Any]
"""A request as it is sent: an object of JSON."""

# An error with such words is about this one request, whichever parameters it names besides.
_OTHER_REASONS = (
    "content_filter",
    "content_policy",
    "moderation",
    "too large",
    "too long",
    "context length",
    "context_length",
)


class Alternative(msgspec.Struct, frozen=True):
    """Another form of a request, for endpoints that do not take the first one.

    `names` are the words by which an error names what it does not take; `applies` says whether a
    body has it; `change` returns the body in the other form, leaving the one it got as it is.
    """

    label: str
    names: tuple[str, ...]
    applies: Callable[[Body], bool]
    change: Callable[[Body], Body]


def without(parameter: str, *names: str) -> Alternative:
    """Return the alternative of leaving a parameter out."""
    return Alternative(
        label=f"no {parameter}",
        names=(parameter, *names),
        applies=lambda body: parameter in body,
        change=lambda body: {key: value for key, value in body.items() if key != parameter},
    )


class Learner:
    """The form in which an endpoint takes requests, as far as its errors have told.

    Args:
        alternatives: tried in this order, each when an error names what it changes.
    """

    def __init__(self, alternatives: Sequence[Alternative]) -> None:
        self._left = list(alternatives)
        self._taken: list[Alternative] = []

    @property
    def learned(self) -> tuple[str, ...]:
        """What was found out, in words: "no temperature"."""
        return tuple(alternative.label for alternative in self._taken)

    @property
    def steps(self) -> int:
        """How much was found out when a call went out; what `adapt` wants to know."""
        return len(self._taken)

    def shape(self, body: Body) -> Body:
        """Return the body in the form that the endpoint takes."""
        for alternative in self._taken:
            if alternative.applies(body):
                body = alternative.change(body)
        return body

    def adapt(self, error: EndpointError, sent: Body, steps: int) -> bool:
        """Learn from an error; True when the call is worth repeating in another form.

        Args:
            error: how the endpoint answered.
            sent: the body that it answered so.
            steps: `steps` of the time when the body was shaped.
        """
        # OpenRouter answers 404 where no provider takes what was asked for.
        if error.status not in (400, 404, 422):
            return False
        if steps != len(self._taken):
            return True  # another call in flight has just found it out
        words = _words_of(error, sent)
        if any(reason in words for reason in _OTHER_REASONS):
            return False
        for alternative in self._left:
            if alternative.applies(sent) and any(_named(name, words) for name in alternative.names):
                self._left.remove(alternative)
                self._taken.append(alternative)
                return True
        return False


def _words_of(error: EndpointError, sent: Body) -> str:
    """Return what the endpoint says, in which the name of a parameter means the parameter.

    That is neither the body, which may repeat the request with all its parameters, nor our own
    words, which hold the address, nor the model's name: "seed" is a word of some of them.
    """
    message = error_of(error.details)[2] or f"{error}"
    words = f"{message} {error.code} {error.param}".casefold()
    model = sent.get("model")
    if not isinstance(model, str) or not model:
        return words
    return re.sub(rf"(?<!\w){re.escape(model.casefold())}(?!\w)", "", words)


def _named(name: str, words: str) -> bool:
    """Whether a parameter's name stands in the words by itself: "seed" is not in "seedream"."""
    return re.search(rf"(?<![a-z0-9]){re.escape(name)}(?![a-z0-9])", words) is not None
