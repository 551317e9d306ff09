"""The one reader of pictures: every place, every spelling of base64, and what is none."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unisafebench.models.wires.pictures import decode_picture, find_pictures, split_markdown

_PNG = b"\x89PNG\r\n\x1a\n\xfb\xff\xfe\x00"
"""Bytes whose base64 has all that differs between alphabets: `+`, `/` and padding."""
_TEXT = "iVBORw0KGgr7//4A"
_URL = f"data:image/png;base64,{_TEXT}"
_ADDRESS = "https://pictures.example/one.png?sig=a%2Bb"


def test_the_sample_is_what_the_tests_think_it_is() -> None:
    """The base64 above was worked out by the standard library once."""
    assert base64.b64encode(_PNG).decode() == _TEXT


@pytest.mark.parametrize(
    "value",
    [
        {"role": "assistant", "images": [{"type": "image_url", "image_url": {"url": _URL}}]},
        {"role": "assistant", "images": [{"image_url": {"url": _URL}}]},
        {"images": [_URL]},
        {"images": [{"url": _URL}]},
        {"content": [{"type": "image_url", "image_url": {"url": _URL}}]},
        {"content": [{"type": "image_url", "image_url": _URL}]},
        {"content": [{"type": "output_image", "image_url": _URL}]},
        {"content": [{"type": "output_image", "b64_json": _TEXT}]},
        {"content": [{"type": "image", "data": _TEXT, "mime_type": "image/png"}]},
        {"content": [{"type": "image", "source": {"type": "base64", "data": _TEXT}}]},
        {"choices": [{"index": 0, "message": {"images": [{"image_url": {"url": _URL}}]}}]},
        {"data": [{"b64_json": _TEXT, "url": None}]},
        {"data": [{"b64_json": None, "url": _URL}]},
        {"output": [{"type": "image_generation_call", "result": _TEXT, "status": "completed"}]},
        {"type": "image_generation_call", "id": "ig_1", "result": _TEXT},
        {"candidates": [{"content": {"parts": [{"inlineData": {"data": _TEXT}}]}}]},
        {"parts": [{"inline_data": {"mime_type": "image/png", "data": _TEXT}}]},
        [{"text": "Here it is."}, {"inlineData": {"mimeType": "image/png", "data": _TEXT}}],
    ],
)
def test_every_place_of_a_picture(value: Any) -> None:
    """Wherever a provider puts it, the same bytes come out."""
    assert find_pictures(value) == (_PNG,)


@pytest.mark.parametrize(
    "value",
    [
        {"role": "assistant", "content": "Here it is."},
        {"content": None, "images": None},
        {"content": [{"type": "text", "text": _URL}]},
        {"content": [{"type": "audio", "data": _TEXT}]},
        {"content": [{"type": "file", "url": _ADDRESS}]},
        {"annotations": [{"type": "image", "url": _ADDRESS}]},
        {"reasoning_details": [{"type": "image", "data": _TEXT}]},
        {"output": [{"type": "image_generation_call", "result": None, "status": "failed"}]},
        {"parts": [{"inlineData": {"mimeType": "audio/wav", "data": _TEXT}}]},
        {"parts": [{"thought": True, "inlineData": {"mimeType": "image/png", "data": _TEXT}}]},
        {"data": []},
        {"data": [{}]},
        "words",
        None,
        7,
    ],
)
def test_what_is_no_picture(value: Any) -> None:
    """Texts, sounds, files, drafts and failed calls are none."""
    assert find_pictures(value) == ()


def test_pictures_come_in_order_and_once() -> None:
    """Two pictures in their order; the first is named twice, in two fields of one message."""
    message = {
        "content": [
            {"type": "image_url", "image_url": {"url": _URL}},
            {"type": "text", "text": "and"},
            {"type": "image_url", "image_url": {"url": _ADDRESS}},
        ],
        "images": [{"image_url": {"url": _URL}}],
    }
    assert find_pictures(message) == (_PNG, _ADDRESS)


@pytest.mark.parametrize(
    "written",
    [
        _TEXT,
        _TEXT.replace("/", "_").replace("+", "-"),
        f"{_TEXT[:5]}\n{_TEXT[5:]}\r\n",
        f"  {_TEXT} ",
        _URL,
        _URL.replace("data:image/png", "DATA:image/png;charset=utf-8"),
        _URL.replace("/4A", "%2F4A"),
        "data:image/png,%89PNG%0D%0A%1A%0A%FB%FF%FE%00",
    ],
)
def test_every_way_to_write_it(written: str) -> None:
    """Both alphabets, white space, heads, percent signs."""
    assert decode_picture(written) == _PNG


def test_an_address_stays_one() -> None:
    """It is fetched elsewhere, exactly as it was given."""
    assert decode_picture(f" {_ADDRESS}\n") == _ADDRESS
    assert decode_picture("HTTP://pictures.example/2") == "HTTP://pictures.example/2"


@pytest.mark.parametrize(
    "written",
    ["not base64!", "abcde", "gs://bucket/one.png", "data:image/png;base64,%%%", "ä", "a=b="],
)
def test_what_cannot_be_decoded_is_kept_as_it_is(written: str) -> None:
    """Whoever checks the bytes says that they are no picture; nothing is dropped or guessed."""
    assert decode_picture(written) == written.encode()


def test_a_picture_of_no_bytes_is_kept() -> None:
    """An empty picture is unusable, and is said to be."""
    assert find_pictures({"data": [{"b64_json": ""}]}) == (b"",)
    assert find_pictures({"images": [{"image_url": {"url": "data:image/png;base64,"}}]}) == (b"",)


def test_a_deep_answer_does_not_break_the_reader() -> None:
    """An answer nested without end is read down to a fixed depth only."""
    value: Any = {"images": [{"url": _URL}]}
    for _ in range(500):
        value = {"content": [value]}
    assert find_pictures(value) == ()


def test_markdown_images() -> None:
    """Data URLs inside a text are taken out of it; other images are words like others."""
    text = f"Here:\n\n![a cat]({_URL})\n\nand ![more]({_ADDRESS})"
    assert split_markdown(text) == (f"Here:\n\n\n\nand ![more]({_ADDRESS})", (_PNG,))
    assert split_markdown(f'![]( <{_URL}> "title")') == ("", (_PNG,))
    assert split_markdown("no picture") == ("no picture", ())


@given(st.binary(max_size=200), st.booleans(), st.booleans(), st.integers(0, 60))
def test_any_bytes_survive(data: bytes, urlsafe: bool, padded: bool, width: int) -> None:
    """Encoding and reading give the same bytes, however they were written."""
    text = (base64.urlsafe_b64encode if urlsafe else base64.b64encode)(data).decode()
    text = text if padded else text.rstrip("=")
    lines = [text[at : at + width] for at in range(0, len(text), width)] if width else [text]
    assert decode_picture("\n".join(lines)) == data
    assert find_pictures([{"b64_json": "\n".join(lines)}]) == (data,)
