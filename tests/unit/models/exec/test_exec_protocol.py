"""Messages: how they are cut out of a stream, told from noise, and what they hold."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unisafebench.core.tasks import TASKS
from unisafebench.models.exec.protocol import (
    BYE,
    HelloError,
    Line,
    Lines,
    SampleMessage,
    encode,
    id_in,
    kind_of,
    message_in,
    read_hello,
)

HELLO: dict[str, Any] = {
    "type": "hello",
    "protocol": 1,
    "name": "test",
    "capabilities": {"text_output": True},
}


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=8))
def test_lines_do_not_depend_on_how_the_bytes_arrive(data: bytes, cuts: list[int]) -> None:
    """However a stream is cut into pieces, its lines are what a split at line ends gives."""
    lines = Lines(1000)
    ends = [*sorted(cut for cut in cuts if cut <= len(data)), len(data)]
    found: list[Line] = []
    for start, end in zip([0, *ends], ends, strict=False):
        found += lines.feed(data[start:end])
    found += lines.close()
    *ended, rest = data.split(b"\n")
    assert [line.data for line in found] == [*ended, *([rest] if rest else [])]
    assert all(line.whole for line in found)


@given(st.integers(1, 30))
def test_of_a_line_too_long_the_head_is_left(step: int) -> None:
    """A line over the limit comes once, as its beginning; the next one is whole."""
    data = b"short\n" + b"x" * 50 + b"\nnext\n"
    lines = Lines(10)
    found = [line for at in range(0, len(data), step) for line in lines.feed(data[at : at + step])]
    assert [found[0], *found[2:]] == [Line(b"short"), Line(b"next")]
    assert not found[1].whole
    assert len(found[1].data) > 10
    assert set(found[1].data) == {ord("x")}


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"Loading checkpoint shards: 100%",
        b"{'type': 'response'}",
        b'{"type": "response", "id": "1"',
        b'{"type": "answer", "id": "1"}',
        b'{"type": ["response"]}',
        b'["response"]',
        b'{"loss": 0.5}',
        b"\xff\xfe\x00",
    ],
)
def test_noise_is_no_message(line: bytes) -> None:
    """Only an object of a known type is a message."""
    assert message_in(line) is None


def test_noise_in_front_of_a_message_is_cut_off() -> None:
    """A progress bar that did not end its line costs no answer."""
    assert message_in(b'100%|###| 3/3\r{"type": "log", "text": "x"}\r') == {
        "type": "log",
        "text": "x",
    }


def test_an_answer_that_cannot_be_read_is_known_by_its_id() -> None:
    """The sample need not wait for its time limit."""
    assert id_in(b'{"type": "response", "id": "17", "text": "\xff"}') == "17"
    assert id_in(b'{"type": "log", "id": "17"') is None
    assert id_in(b"noise") is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"type": "response"}, "its first message is of the type 'response'"),
        ({"protocol": 2}, "it speaks protocol 2, and this version of unisafebench speaks 1"),
        ({"protocol": None}, "it speaks protocol None"),
        ({"name": 3}, r"its hello is unusable: Expected `str`, got `int` - at `\$.name`"),
        ({"name": ""}, "length >= 1"),
        ({"capabilities": {"image_input": "yes"}}, "Expected `bool`"),
        ({"capabilities": {"image_input": True}}, "names no output among its capabilities"),
        ({"max_in_flight": 0}, r">= 1 - at `\$.max_in_flight`"),
        ({"images": "url"}, "Invalid enum value 'url'"),
    ],
)
def test_unusable_hellos_are_named(changes: dict[str, Any], message: str) -> None:
    """Each mistake in a hello gets its own message."""
    with pytest.raises(HelloError, match=message):
        read_hello(HELLO | changes)


def test_hello_ignores_what_it_does_not_know() -> None:
    """A later version may add fields; what is not named is not there."""
    hello = read_hello(HELLO | {"gpu_memory": 80, "capabilities": {"image_output": True, "x": 1}})
    assert hello.can.image_output
    assert not hello.can.text_output
    assert (hello.max_in_flight, hello.images, hello.revision) == (1, "path", None)


def test_a_sample_holds_no_label() -> None:
    """What is sent is what a model may see, and its kind does not say what is unsafe."""
    assert set(SampleMessage.__struct_fields__) == {
        "id", "task", "prompt", "turns", "images", "seed", "epoch", "output_dir",
    }  # fmt: skip
    assert [kind_of(task) for task in TASKS.values()] == [
        "text-generation", "text-to-image", "image-editing", "vqa", "vqa", "vqa", "vqa",
    ]  # fmt: skip


@given(st.text())
def test_a_message_is_one_line(prompt: str) -> None:
    """No prompt breaks a line, and it arrives as it was."""
    sent = SampleMessage(
        id="1", task="vqa", prompt=prompt, images=("in-0.png",), seed=0, epoch=0, output_dir="out"
    )
    line = encode(sent)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert json.loads(line)["prompt"] == prompt
    assert msgspec.json.decode(line, type=SampleMessage) == sent
    assert json.loads(BYE) == {"type": "bye"}
