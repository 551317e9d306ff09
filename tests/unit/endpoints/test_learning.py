"""What an endpoint takes is learned from its errors, never dropped for another reason."""

from typing import Any

import pytest

from unisafebench.core.errors import EndpointError
from unisafebench.endpoints.chat import LIMIT_RENAMED
from unisafebench.endpoints.learning import Learner, without

_BODY: dict[str, Any] = {"model": "m", "max_tokens": 9, "temperature": 0, "seed": 1}


def _learner() -> Learner:
    return Learner([LIMIT_RENAMED, without("temperature"), without("seed")])


def _error(message: str, *, status: int | None = 400, **fields: Any) -> EndpointError:
    return EndpointError(message, status=status, **fields)


def test_nothing_is_left_out_before_an_error_says_so() -> None:
    """The body goes out as it is."""
    learner = _learner()
    assert learner.shape(_BODY) == _BODY
    assert (learner.learned, learner.steps) == ((), 0)


@pytest.mark.parametrize(
    ("error", "learned"),
    [
        (_error("Unsupported parameter: 'max_tokens'."), "max_completion_tokens"),
        (_error("Unsupported", param="max_tokens"), "max_completion_tokens"),
        (_error("`temperature` is deprecated for this model."), "no temperature"),
        (_error("Unsupported value: 'TEMPERATURE' does not support 0."), "no temperature"),
        (_error("body.seed: extra fields not permitted", status=422), "no seed"),
        (_error("no", code="unsupported_seed"), "no seed"),
        (_error("No endpoints found that support temperature", status=404), "no temperature"),
    ],
)
def test_an_error_that_names_a_parameter_teaches(error: EndpointError, learned: str) -> None:
    """In its message, its code or its parameter; the next body has the other form."""
    learner = _learner()
    assert learner.adapt(error, _BODY, learner.steps)
    assert learner.learned == (learned,)
    changed = learner.shape(_BODY)
    assert changed != _BODY
    assert {"max_completion_tokens": 9}.items() <= changed.items() or "max_tokens" in changed


def test_the_body_that_was_given_stays_as_it_was() -> None:
    """It is shaped anew for each call."""
    learner = _learner()
    learner.adapt(_error("temperature"), _BODY, 0)
    before = dict(_BODY)
    assert "temperature" not in learner.shape(_BODY)
    assert before == _BODY


@pytest.mark.parametrize(
    "error",
    [
        _error("temperature", status=500),
        _error("temperature", status=429),
        _error("temperature", status=None),
        _error("something else"),
        _error("", body="temperature max_tokens seed"),
        _error("temperature of max_tokens", code="content_filter"),
        _error("max_tokens is too large: 9000 > 4096"),
        _error("This model's maximum context length is 8192 tokens; max_tokens is 9000"),
        _error("the prompt about max_tokens is too long"),
        _error("flagged by moderation: seed"),
    ],
)
def test_other_errors_teach_nothing(error: EndpointError) -> None:
    """Neither what passes, nor a policy, nor a size; nor a body that repeats the request."""
    learner = _learner()
    assert not learner.adapt(error, _BODY, 0)
    assert learner.shape(_BODY) == _BODY


def test_a_lesson_is_learned_once() -> None:
    """An endpoint that says the same of the new form is not asked without end."""
    learner = _learner()
    error = _error("temperature")
    assert learner.adapt(error, _BODY, 0)
    assert not learner.adapt(error, learner.shape(_BODY), 1)


def test_calls_in_flight_learn_together() -> None:
    """A call that went out before the lesson is repeated in the new form, and teaches nothing."""
    learner = _learner()
    assert learner.adapt(_error("temperature"), _BODY, 0)
    assert learner.adapt(_error("temperature"), _BODY, 0)
    assert learner.adapt(_error("any other words"), _BODY, 0)
    assert learner.learned == ("no temperature",)


def test_a_parameter_that_was_not_sent_is_not_learned_of() -> None:
    """A message may speak of anything."""
    learner = _learner()
    assert not learner.adapt(_error("seed"), {"model": "m"}, 0)
    assert learner.learned == ()


def test_lessons_add_up() -> None:
    """In the order in which they came."""
    learner = _learner()
    for name in ("seed", "max_tokens", "temperature"):
        assert learner.adapt(_error(name), learner.shape(_BODY), learner.steps)
    assert learner.learned == ("no seed", "max_completion_tokens", "no temperature")
    assert learner.shape(_BODY) == {"model": "m", "max_completion_tokens": 9}


@pytest.mark.parametrize(
    "error",
    [
        _error("http://h/v1 answered HTTP 400: The model Maker/Seed-36B cannot do this."),
        _error("The model maker/seed-36b is busy."),
        _error("http://seed.example/v1 answered HTTP 400: No.", details={"message": "No."}),
        _error("http://h/temperature/v1: No.", details={"detail": [{"msg": "No.", "loc": []}]}),
    ],
)
def test_names_of_model_and_host_teach_nothing(error: EndpointError) -> None:
    """A parameter's name inside the model's name or the address is not that parameter."""
    learner = _learner()
    sent = {**_BODY, "model": "Maker/Seed-36B"}
    assert not learner.adapt(error, sent, 0)
    assert learner.adapt(_error("seed is not supported by Maker/Seed-36B"), sent, 0)
    assert learner.learned == ("no seed",)
