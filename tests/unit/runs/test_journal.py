"""Journals: what was written is read back, and a crash or full disk leaves whole lines only."""

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unisafebench.core.errors import RunError
from unisafebench.core.keys import hash_key
from unisafebench.core.records import Key, Response
from unisafebench.runs.journal import Journal, Records, index_journal, read_journal

TEXT = st.text(max_size=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
RESPONSES = st.builds(
    Response,
    sample_id=TEXT,
    task=st.sampled_from(["text-generation", "text-to-image"]),
    epoch=st.integers(0, 9),
    model=TEXT,
    status=st.sampled_from(["completed", "blocked", "empty", "model_error", "invalid_input"]),
    text=st.none() | TEXT,
    images=st.lists(TEXT, max_size=2).map(tuple),
    error=st.none() | TEXT,
    extra=st.dictionaries(TEXT, JSON, max_size=3),
)


def response(sample_id: str, text: str | None = "Hello", **fields: Any) -> Response:
    """Build a response."""
    base: dict[str, Any] = {
        "task": "text-generation",
        "epoch": 0,
        "model": "a/b",
        "status": "completed",
    }
    return Response(sample_id=sample_id, text=text, **(base | fields))


def written(path: Path, *records: Response) -> bytes:
    """Write records to a journal of their own; return its bytes."""
    with Journal(path) as journal:
        for record in records:
            journal.append(record)
    return path.read_bytes()


def read(path: Path) -> list[Response]:
    """Return the records of a journal."""
    return [record for _, record in read_journal(path, Response)]


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond `size` bytes, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@settings(max_examples=60, deadline=None)
@given(first=st.lists(RESPONSES, max_size=4), second=st.lists(RESPONSES, max_size=4))
def test_what_is_appended_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, first: list[Response], second: list[Response]
) -> None:
    """Records of any text come back equal and in order, also after the journal was reopened."""
    path = tmp_path_factory.mktemp("journal") / "responses.jsonl"
    positions = []
    for records in (first, second):
        with Journal(path) as journal:
            positions += [journal.append(record) for record in records]
            assert journal.torn_bytes == 0
    found = list(read_journal(path, Response))
    assert [record for _, record in found] == first + second
    assert [position for position, _ in found] == positions
    with Records(path, Response) as records_at:
        assert [records_at[position] for position in reversed(positions)] == (first + second)[::-1]
    assert path.read_bytes().count(b"\n") == len(found)


def test_a_record_is_in_the_file_when_append_returns(tmp_path: Path) -> None:
    """Nothing waits in a buffer of ours: a killed process has lost nothing that it appended."""
    path = tmp_path / "responses.jsonl"
    with Journal(path) as journal:
        journal.append(response("1"))
        assert read(path) == [response("1")]
        journal.append(response("2"))
        assert read(path) == [response("1"), response("2")]


def test_half_a_character_does_not_end_the_run(tmp_path: Path) -> None:
    """A lone surrogate, which UTF-8 cannot hold, is written as U+FFFD wherever it stands."""
    path = tmp_path / "responses.jsonl"
    broken = response(
        "1", "so \ud83d far", error="\udcff!", extra={"a\ud800": ["b\udfff", 1, None]}
    )
    written(path, broken, response("2", "\U0001f600"))
    assert read(path) == [
        response("1", "so \ufffd far", error="\ufffd!", extra={"a\ufffd": ["b\ufffd", 1, None]}),
        response("2", "\U0001f600"),
    ]


def test_a_torn_last_line_is_dropped_at_every_cut(tmp_path: Path) -> None:
    """Wherever the last record was cut off, the file goes on cleanly after the one before it."""
    path = tmp_path / "responses.jsonl"
    kept = written(path, response("1"), response("2", "ä"))
    whole = written(path, response("3", "ünï\ncode \U0001f600"))
    for cut in range(len(kept), len(whole)):
        path.write_bytes(whole[:cut])
        assert read(path) == [response("1"), response("2", "ä")]
        said: list[str] = []
        with Journal(path, warn=said.append) as journal:
            assert journal.torn_bytes == cut - len(kept)
            assert path.read_bytes() == kept
            assert journal.append(response("4")) == len(kept)
        assert [record.sample_id for record in read(path)] == ["1", "2", "4"]
        assert len(said) == (cut > len(kept))
        assert all(str(path) in message for message in said)


@pytest.mark.parametrize("size", [10, 1 << 16, (1 << 16) + 1, 200_000])
def test_a_torn_line_of_any_length_is_dropped(tmp_path: Path, size: int) -> None:
    """The torn line may be longer than what is read at once, and the only one of the file."""
    path = tmp_path / "responses.jsonl"
    path.write_bytes(b"x" * size)
    with Journal(path) as journal:
        assert journal.torn_bytes == size
    assert path.read_bytes() == b""
    kept = written(path, response("1", "y" * size))
    path.write_bytes(kept + b"z" * size)
    with Journal(path) as journal:
        assert journal.torn_bytes == size
    assert path.read_bytes() == kept


@pytest.mark.parametrize(
    "damage",
    [
        b"{not json}\n",
        b"\n",
        b"\0\0\0\0\n",
        b'{"sample_id": "\xff\xfe"}\n',
        b'{"sample_id": 5}\n',
        b'{"sample_id": "2", "task": "text-gen\n',
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, damage: bytes) -> None:
    """A line in the middle that cannot be read is an error with file and line, never skipped."""
    path = tmp_path / "responses.jsonl"
    lines = written(path, response("1"), response("3")).splitlines(keepends=True)
    path.write_bytes(lines[0] + damage + lines[1])
    with pytest.raises(RunError, match=r"responses\.jsonl:2: the journal is damaged"):
        read(path)
    with (
        Records(path, Response) as records_at,
        pytest.raises(RunError, match=r"responses\.jsonl:2: the journal is damaged"),
    ):
        records_at[len(lines[0])]


def test_lines_of_any_length_are_found(tmp_path: Path) -> None:
    """Short lines and lines longer than what is read at once come with their own positions."""
    path = tmp_path / "responses.jsonl"
    sizes = [5, 70_000, 0, *range(65_300, 65_560, 20), 300_000, *[900] * 300, 1]
    records = [response(str(n), "ä" * (size // 2)) for n, size in enumerate(sizes)]
    with Journal(path) as journal:
        positions = [journal.append(record) for record in records]
    assert list(read_journal(path, Response)) == list(zip(positions, records, strict=True))
    with Records(path, Response) as records_at:
        assert [records_at[position] for position in positions] == records


@pytest.mark.parametrize("number", [1, 2, 90, 91, 400, 499, 500])
def test_a_damaged_line_of_a_long_journal_is_named(tmp_path: Path, number: int) -> None:
    """However far into the file it is, the line's number is right, and those before it are read."""
    path = tmp_path / "responses.jsonl"
    written(path, *(response(str(n), "x" * 700) for n in range(500)))
    lines = path.read_bytes().splitlines(keepends=True)
    lines[number - 1] = b"{torn" + lines[number - 1]
    path.write_bytes(b"".join(lines))
    found: list[str] = []

    def collect() -> None:
        for _, record in read_journal(path, Response):
            found.append(record.sample_id)

    with pytest.raises(RunError, match=rf"responses\.jsonl:{number}: the journal is damaged"):
        collect()
    assert found == [str(n) for n in range(len(found))]
    assert len(found) < number


def test_a_journal_that_is_not_there_is_empty(tmp_path: Path) -> None:
    """A run that has not got so far yet has no records."""
    assert read(tmp_path / "none.jsonl") == []


def test_a_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    """Wherever the disk is full, what came before is kept, and with room the journal goes on."""
    path = tmp_path / "responses.jsonl"
    kept = written(path, response("1"))
    whole = written(path, response("2"))
    for size in range(len(kept), len(whole)):
        path.write_bytes(kept)
        with Journal(path) as journal:
            with disk_of(size), pytest.raises(RunError, match="make room") as caught:
                journal.append(response("2"))
            assert str(path) in str(caught.value)
            assert path.read_bytes() == kept
            assert journal.append(response("3")) == len(kept)
        assert [record.sample_id for record in read(path)] == ["1", "3"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_device_that_takes_nothing_at_all() -> None:
    """Neither writing, nor cutting off, nor forcing to the disk works: one error, the first."""
    full = Path("/dev/full")
    with (
        pytest.raises(RunError, match="/dev/full cannot be written: No space left on device"),
        Journal(full) as journal,
    ):
        journal.append(response("1"))
    with pytest.raises(RunError, match="/dev/full could not be forced to the disk"):
        Journal(full).close()


@pytest.mark.parametrize("place", [lambda root: root, lambda root: root / "none" / "a.jsonl"])
def test_a_journal_that_cannot_be_opened_is_named(
    tmp_path: Path, place: Callable[[Path], Path]
) -> None:
    """A directory in its place, or no directory to be in, is an error that names the path."""
    path = place(tmp_path)
    with pytest.raises(RunError, match="cannot be written") as caught:
        Journal(path)
    assert str(path) in str(caught.value)


class Head(msgspec.Struct, frozen=True):
    """Part of a response."""

    sample_id: str
    status: str


def test_the_last_record_of_a_key_is_indexed(tmp_path: Path) -> None:
    """The index gives position and state of the last record of each key, read by a part of it."""
    path = tmp_path / "responses.jsonl"
    with Journal(path) as journal:
        journal.append(response("1", status="model_error"))
        journal.append(response("2"))
        last = journal.append(response("1"))
    index = index_journal(
        path,
        Head,
        lambda head: (hash_key(Key("", head.sample_id, 0)), int(head.status == "model_error")),
    )
    assert len(index) == 2
    assert index.find(hash_key(Key("", "1", 0))) == (last, 0)
    assert index.find(hash_key(Key("", "3", 0))) is None
