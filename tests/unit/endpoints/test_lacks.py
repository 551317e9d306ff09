"""What errors say beyond their status: a model that lacks something, a policy, a shut account."""

from typing import Any

import pytest

from unisafebench.endpoints.classify import Failure, failure_of_status

_HINT = "if this is unexpected, you may need to provide the mmproj"
_VIOLATION = {"error_type": "content_policy_violation"}


def _failure(status: int, message: str, **fields: Any) -> Failure:
    return failure_of_status(status, {}, "", {"error": {"message": message, **fields}})


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "Qwen/Qwen3-8B is not a multimodal model"),
        (400, "At most 0 image(s) may be provided in one prompt."),
        (400, "At most 0 image(s) may be provided in one request. Set --limit-mm-per-prompt."),
        (500, f"image input is not supported - hint: {_HINT}"),
        (500, "image input is not supported by this server"),
        (500, 'Failed to parse messages: Unsupported content part type: "image_url"; messages = ['),
        (400, "Model does not support images"),
        (400, "Model does not support images. Please use a model that does."),
        (404, "No endpoints found that support image input"),
        (400, "Invalid content type. image_url is only supported by certain models."),
        (400, "Image input modality is not enabled for models/gemma-3-1b-it"),
        (400, "Failed to deserialize: messages[0]: unknown variant `image_url`, expected `text`"),
        (500, "this model is missing data required for image input"),
        (400, "Image input is not enabled for this model"),
        (400, "This model does not support image inputs."),
    ],
)
def test_a_model_that_cannot_see(status: int, message: str) -> None:
    """In the words of vLLM, llama.cpp, LM Studio, OpenRouter, OpenAI, Gemini, DeepSeek, Ollama.

    The call is not tried again, and the rest of the run goes on.
    """
    failure = _failure(status, message)
    assert (failure.lacks, failure.kind) == ("image_input", "call")


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (404, "No endpoints found that support the requested output modalities: image, text"),
        (400, "Model does not support the requested response modalities: image,text"),
        (400, "Unsupported output modalities: ['image']. Supported: ['text']"),
        (400, "Unsupported output modalities ['image']"),
        (400, "Tool 'image_generation' is not supported with gpt-x."),
        (400, "This model does not support image generation."),
        (400, "Image generation is not enabled for this model"),
    ],
)
def test_a_model_that_cannot_draw(status: int, message: str) -> None:
    """In the words of OpenRouter, Gemini, vLLM-Omni and OpenAI."""
    failure = _failure(status, message)
    assert (failure.lacks, failure.kind) == ("image_output", "call")


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "Your request was rejected as a result of our safety system. Images of minors ..."),
        (400, "Image input is not supported: it was flagged"),
        (400, "Image generation of public figures is not supported by our policy"),
        (400, "image generation is not available for this prompt"),
        (400, "The model does not accept images of real people"),
        (400, "You uploaded an unsupported image. Please use one of ['png', 'jpeg', 'gif']."),
        (400, "Image format image/tiff is not supported"),
        (400, "The model does not support images with transparency"),
        (400, "The model does not support image inputs larger than 8000 pixels"),
        (400, "image input larger than 20 MB is not supported"),
        (400, "image exceeds 5 MB maximum: 6000000 bytes > 5242880 bytes"),
        (400, "image_url with http addresses is not supported; send a data URL"),
        (400, "Could not process image"),
        (400, "At most 10 image(s) may be provided in one prompt."),
        (400, "response_format='url' is not supported for image generation"),
        (400, "This model does not support image outputs of size 9x9"),
        (400, "Model does not support the requested response modalities: audio"),
        (404, "No endpoints found that support the requested output modalities: text"),
        (404, "No endpoints found that support tool use"),
        (429, "image generation is not enabled"),
        (503, "This model does not support image input."),
    ],
)
def test_other_words_about_pictures_are_no_lack(status: int, message: str) -> None:
    """A policy, a size, a format, a server that is down: the model can see, and draw."""
    assert _failure(status, message).lacks is None


def test_a_policy_that_speaks_of_support_is_no_lack() -> None:
    """The code says what it was."""
    failure = _failure(400, "This model does not support images.", code="content_policy_violation")
    assert (failure.lacks, failure.kind) == (None, "call")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (
            403,
            {
                "code": "content_filter",
                "message": "Your resource has been temporarily blocked because we detected "
                "behavior that may violate our content policy.",
            },
        ),
        (
            400,
            {
                "type": "invalid_request_error",
                "message": "Your credit balance is too low to access the Anthropic API. Please go "
                "to Plans & Billing to upgrade or purchase credits.",
            },
        ),
        (
            429,
            {
                "code": "insufficient_quota",
                "type": "insufficient_quota",
                "message": "You exceeded your current quota, please check your plan.",
            },
        ),
        (
            400,
            {
                "code": "billing_hard_limit_reached",
                "message": "Billing hard limit has been reached",
            },
        ),
        (
            400,
            {
                "code": 400,
                "status": "INVALID_ARGUMENT",
                "message": "Bad key",
                "details": [{"reason": "API_KEY_INVALID", "domain": "googleapis.com"}],
            },
        ),
        (200, {"code": 402, "message": "Insufficient credits"}),
        (200, {"code": 401, "message": "User not found."}),
        (402, {"message": "Insufficient credits"}),
        (403, {"message": "Key limit exceeded"}),
    ],
)
def test_an_account_that_is_shut_stops_everything(status: int, error: Any) -> None:
    """Whatever the status, and also where a policy is the reason: further calls change nothing."""
    assert failure_of_status(status, {}, "", {"error": error}).kind == "endpoint"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (200, {"code": 403, "message": "Your input was flagged", "metadata": {"reasons": ["x"]}}),
        (200, {"code": 403, "message": "No", "metadata": {"flagged_input": "...", "reasons": []}}),
        (
            403,
            {"code": 403, "message": "No", "metadata": _VIOLATION},
        ),
        (403, {"code": 403, "message": "No", "metadata": {"error_type": "refusal"}}),
        (200, {"code": "content_filter", "message": "No"}),
        (200, {"code": "moderation_blocked", "message": "No"}),
        (403, {"code": "403", "type": "content_policy_violation", "message": "No"}),
        (200, {"code": 400, "message": "No"}),
    ],
)
def test_a_policy_ends_one_call(status: int, error: Any) -> None:
    """Also inside a good answer, and where only what stands beside the message tells of it."""
    assert failure_of_status(status, {}, "", {"error": error}).kind == "call"


@pytest.mark.parametrize(
    "error",
    [
        {"message": "Provider returned error"},
        {"code": 502, "message": "Upstream failed"},
        {"code": 429, "message": "Slow down"},
        {"code": 503, "message": "No instances available"},
    ],
)
def test_an_error_inside_a_good_answer_is_tried_again(error: Any) -> None:
    """Unless it says that trying again is of no use."""
    assert failure_of_status(200, {}, "", {"error": error}).kind == "transient"


def test_an_error_in_a_list_is_read() -> None:
    """Gemini's endpoint for OpenAI's API sends a list of one."""
    error = {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}
    failure = failure_of_status(400, {}, "[...]", [{"error": error}])
    assert (failure.kind, failure.code, failure.message) == (
        "endpoint",
        "INVALID_ARGUMENT",
        "API key not valid.",
    )
    assert failure.details == error


def test_a_missing_picture_is_no_missing_model() -> None:
    """The word "multimodal" has "model" in it; the endpoint is of use for every other call."""
    assert _failure(400, "multimodal input not found").kind == "call"
    assert _failure(400, "The model `a.b-1` does not exist").kind == "endpoint"
