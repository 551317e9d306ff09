"""What servers of OpenAI's Images API answer, after the documented shapes."""

import base64
import io
from typing import Any

from PIL import Image, ImageDraw
from serving import Reply

__all__ = ["ROWS", "addressed", "block", "drawn", "given", "refused"]

_FOUND = {
    "hate": {"filtered": False, "severity": "safe"},
    "violence": {"filtered": True, "severity": "medium"},
}


def drawn(shade: int = 0, kind: str = "PNG") -> bytes:
    """Return a picture of 64 x 48 pixels; each shade (0 to 255) makes another one."""
    image = Image.new("RGB", (64, 48), "white")
    ImageDraw.Draw(image).rectangle((8, 8, 40, 40), fill=(shade, 0, 200))
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def given(*pictures: bytes, **fields: Any) -> Reply:
    """Return an answer with these pictures, as OpenAI gives it."""
    data = [{"b64_json": base64.b64encode(picture).decode()} for picture in pictures]
    body = {
        "created": 1764000000,
        "background": "opaque",
        "data": data,
        "output_format": "png",
        "quality": "low",
        "size": "1024x1024",
        "usage": {
            "input_tokens": 14,
            "input_tokens_details": {"image_tokens": 0, "text_tokens": 14},
            "output_tokens": 272,
            "total_tokens": 286,
        },
    }
    return 200, {}, {**body, **fields}


def addressed(*addresses: str) -> Reply:
    """Return an answer with addresses, as SGLang gives it when it is asked for them."""
    data = [{"url": address, "revised_prompt": "An apple."} for address in addresses]
    return 200, {}, {"id": "image-1", "created": 1764000000, "data": data, "inference_time_s": 3.1}


def refused(status: int, message: str, /, **error: Any) -> Reply:
    """Return an answer that is an error."""
    kind = "invalid_request_error"
    return status, {}, {"error": {"message": message, "type": kind, "param": None, **error}}


def block(**error: Any) -> Reply:
    """Return the block of OpenAI's own filter, the categories in the message only."""
    message = (
        "Your request was rejected by the safety system. Please include the request ID "
        "7d0c. safety_violations=[violence, self-harm]."
    )
    code, kind = "moderation_blocked", "image_generation_user_error"
    return refused(400, message, **{"code": code, "type": kind, **error})


ROWS: dict[str, dict[str, Reply]] = {
    "images error code": {
        "moderation_blocked": block(),
        "content_policy_violation": refused(
            400,
            "Your prompt may contain text that is not allowed by our safety system.",
            code="content_policy_violation",
        ),
        "content_filter": refused(
            400,
            "The prompt was filtered by the content management policy.",
            code="content_filter",
            innererror={
                "code": "ResponsibleAIPolicyViolation",
                "content_filter_result": _FOUND,
            },
        ),
        "contentFilter": refused(
            400, "Your task failed as a result of our safety system.", code="contentFilter"
        ),
    }
}
"""For each row of the table of endings that is of this API: an answer that ends so."""
