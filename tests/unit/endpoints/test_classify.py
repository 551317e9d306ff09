"""What a failed call means, and how long a provider asks to wait."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unisafebench.endpoints.classify import error_of, failure_of_status, retry_after_seconds

_NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (301, {}, "endpoint"),
        (307, {}, "endpoint"),
        (400, {"message": "messages must not be empty"}, "call"),
        (400, {"message": "The model `x` does not exist"}, "endpoint"),
        (400, {"message": "no such model", "code": "model_not_found"}, "endpoint"),
        (400, {"message": "no", "code": "content_filter"}, "call"),
        (401, {"message": "Incorrect API key provided"}, "endpoint"),
        (402, {"message": "no credit"}, "endpoint"),
        (403, {"message": "not allowed"}, "endpoint"),
        (403, {"message": "Your input was flagged", "code": "moderation"}, "call"),
        (404, {"message": "Not Found"}, "endpoint"),
        (408, {}, "transient"),
        (409, {}, "transient"),
        (413, {"message": "too large"}, "call"),
        (422, {"message": "bad field"}, "call"),
        (425, {}, "transient"),
        (429, {"message": "slow down", "code": "rate_limit_exceeded"}, "transient"),
        (429, {"message": "pay", "code": "insufficient_quota"}, "endpoint"),
        (500, {}, "transient"),
        (501, {}, "call"),
        (502, {}, "transient"),
        (503, {"message": "upstream model server not found"}, "transient"),
        (504, {}, "transient"),
        (520, {}, "transient"),
        (529, {"type": "overloaded_error", "message": "Overloaded"}, "transient"),
        (599, {}, "call"),
    ],
)
def test_a_status_and_its_code_say_what_to_do(status: int, error: Any, kind: str) -> None:
    """Try again, give this call up, or stop; what is unknown is never tried again."""
    failure = failure_of_status(status, {}, "", {"error": error})
    assert (failure.kind, failure.status) == (kind, status)


def test_a_failure_keeps_what_the_provider_said() -> None:
    """Code, parameter, message and the first 2,000 characters."""
    error = {"error": {"message": "no", "code": "bad", "param": "temperature"}}
    failure = failure_of_status(400, {"Retry-After": "3"}, "b" * 5000, error)
    assert (failure.code, failure.param, failure.message) == ("bad", "temperature", "no")
    assert failure.body == "b" * 2000
    assert failure.wait_s == 3


def test_a_failure_without_a_message_has_its_body_or_its_status() -> None:
    """The message is never empty."""
    assert failure_of_status(500, {}, "<h1>Oops</h1>", None).message == "<h1>Oops</h1>"
    assert failure_of_status(500, {}, "", None).message == "HTTP 500 without a body"


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"error": {"message": "m", "code": "c", "param": "p"}}, ("c", "p", "m")),
        ({"error": {"message": "m", "type": "t", "code": None}}, ("t", None, "m")),
        ({"error": "m"}, (None, None, "m")),
        ({"object": "error", "message": "m", "code": 400}, ("400", None, "m")),
        ({"detail": "Not Found"}, (None, None, "Not Found")),
        ({"error": {"error": {"message": "deep"}}}, (None, None, "deep")),
        (None, (None, None, "")),
        ([1], (None, None, "")),
        ({}, (None, None, "")),
        ({"error": {"message": {"en": "m"}}}, (None, None, "{'en': 'm'}")),
    ],
)
def test_errors_of_the_usual_shapes_are_read(body: Any, found: tuple[object, ...]) -> None:
    """OpenAI, vLLM old and new, FastAPI, gateways that wrap, and no error at all."""
    assert error_of(body) == found


def test_a_list_of_faults_is_read_without_the_request_in_it() -> None:
    """FastAPI repeats the whole input with each fault; the prompt must not end in a message."""
    fault = {"type": "int", "loc": ["body", "n"], "msg": "not a number", "input": {"secret": 1}}
    assert error_of({"detail": [fault, "more"]})[2] == "body.n: not a number; more"


def test_an_error_inside_very_many_errors_is_read() -> None:
    """Depth is the sender's choice and must not end the program."""
    body: Any = {"message": "deep"}
    for _ in range(5000):
        body = {"error": body}
    assert error_of(body)[2] == "deep"


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": "Sun, 01 Mar 2026 12:00:30 GMT"}, 30),
        ({"Retry-After": "Sun, 01 Mar 2026 12:00:30 -0000"}, 30),
        ({"Retry-After": "Sun, 01 Mar 2026 14:00:30 +0200"}, 30),
        ({"Retry-After": "Sun, 01 Mar 2026 11:00:00 GMT"}, 0),
        ({"Retry-After": "Sun, 01 Mar 99999999999 12:00:00 GMT"}, None),
        # By the server's own clock, which is two hours behind ours, and by none that can be read.
        (
            {
                "Retry-After": "Sun, 01 Mar 2026 10:00:30 GMT",
                "Date": "Sun, 01 Mar 2026 10:00:10 GMT",
            },
            20,
        ),
        ({"Retry-After": "Sun, 01 Mar 2026 12:00:30 GMT", "Date": "today"}, 30),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "Retry-After": "9"}, 0.25),
        ({"retry-after-ms": "x", "Retry-After": "9"}, 9),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers: dict[str, str], wait: float | None) -> None:
    """Seconds, HTTP date, milliseconds; what makes no sense is as if it were not there."""
    assert retry_after_seconds(headers, now=_NOW) == wait


@pytest.mark.parametrize(
    ("details", "headers", "wait"),
    [
        ([{"retryDelay": "13s"}], {}, 13),
        ([{"violations": []}, {"retryDelay": "57.238747106s"}], {}, 57.238747106),
        ([{"retryDelay": "13s"}], {"Retry-After": "2"}, 2),
        ([{"retryDelay": "soon"}, {"retryDelay": 13}, "13s"], {}, None),
        ({"retryDelay": "13s"}, {}, None),
    ],
)
def test_a_wait_may_stand_in_the_details(
    details: Any, headers: dict[str, str], wait: float | None
) -> None:
    """As Google writes it: seconds with an "s". A header is believed first."""
    error = {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED", "details": details}
    assert failure_of_status(429, headers, "", {"error": error}).wait_s == wait


_COMBINATION = (
    "The requested combination of response modalities ({}) is not supported by the model."
)


@pytest.mark.parametrize(
    ("message", "lacks"),
    [
        ("Image input modality is not enabled for models/gemma-3-1b-it", "image_input"),
        ("Model does not support the requested response modalities: image,text", "image_output"),
        ("Multi-modal output is not supported.", "image_output"),
        (f"{_COMBINATION.format('TEXT, IMAGE')} It accepts:\n* TEXT\n", "image_output"),
        (f"{_COMBINATION.format('TEXT, IMAGE')} It accepts:\n* IMAGE\n", None),
        (f"{_COMBINATION.format('TEXT')} It accepts:\n* IMAGE, TEXT\n", None),
    ],
)
def test_gemini_says_what_a_model_lacks(message: str, lacks: str | None) -> None:
    """A model that draws, but not so, is not said to lack anything."""
    failure = failure_of_status(400, {}, "", {"error": {"code": 400, "message": message}})
    assert (failure.lacks, failure.kind) == (lacks, "call")


@pytest.mark.parametrize(
    "message",
    [
        "API key not valid. Please pass a valid API key.",
        "API key expired. Please renew the API key.",
        "User location is not supported for the API use.",
        "Your credit balance is too low to access the Anthropic API.",
        "You have reached your specified API usage limits. You will regain access on 2026-10-01.",
    ],
)
def test_an_account_that_is_stopped_ends_it_all(message: str) -> None:
    """Google and Anthropic say so with the status of a bad request."""
    failure = failure_of_status(400, {}, "", {"error": {"message": message}})
    assert (failure.kind, failure.stopped) == ("endpoint", True)
    assert failure.bad_key is message.startswith("API key")


@pytest.mark.parametrize(
    ("status", "message", "stopped"),
    [
        (401, "Who are you?", True),
        (402, "Pay first.", True),
        (403, "Not here.", True),
        (404, "No such path.", False),
        (400, "The model `m` does not exist.", False),
    ],
)
def test_a_wrong_name_is_no_stopped_account(status: int, message: str, stopped: bool) -> None:
    """The server can still be asked which models it has."""
    failure = failure_of_status(status, {}, "", {"error": {"message": message}})
    assert (failure.kind, failure.stopped) == ("endpoint", stopped)
    assert failure.bad_key is (status == 401)


@settings(deadline=None)
@given(
    st.text(max_size=40) | st.from_regex(r"\w{3}, \d+ Jan \d+ \d+:\d+:\d+ [+-]\d+", fullmatch=True)
)
def test_any_retry_after_is_a_wait_or_nothing(value: str) -> None:
    """No header of a server can raise, or make a wait that is negative or endless."""
    wait = retry_after_seconds({"Retry-After": value}, now=_NOW)
    assert wait is None or 0 <= wait < 1e12
