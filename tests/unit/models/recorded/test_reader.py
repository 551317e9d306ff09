"""Laws of the reader: it finds every record, and no bytes crash it."""

import csv
import io
import json
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded_files import answer, opened, sample

from unisafebench.core.errors import UniSafeBenchError
from unisafebench.models.base import Output

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
_PARTS = st.sampled_from(
    [
        *(b'[]{}:,"\n\r\t \\'[at : at + 1] for at in range(12)),
        b"\xef\xbb\xbf",
        b"\xff",
        b"\0",
        b'"sample_id"',
        b'"id"',
        b'"scenario_type"',
        b'"TI"',
        b'"generated_text"',
        b'"images"',
        b'"epoch"',
        b'"task"',
        b'"status"',
        b'"\\ud800"',
        b"-1",
        b"1e999",
        b"null",
        b"true",
        b'{"sample_id":"a","text":"b"}\n',
        b"sample_id,text\n",
    ]
)
_BYTES = st.one_of(st.binary(max_size=80), st.lists(_PARTS, max_size=30).map(b"".join))


@given(
    content=_BYTES, ending=st.sampled_from(["jsonl", "json", "csv", "tsv"]), mapped=st.booleans()
)
def test_no_bytes_crash_it(content: bytes, ending: str, mapped: bool) -> None:
    """Whatever a file holds, it is read or refused with an error of ours, and so is each sample."""
    options = {"field__id": "id", "field__text": "text"} if mapped else {}
    with TemporaryDirectory() as directory:
        path = Path(directory) / f"r.{ending}"
        path.write_bytes(content)
        with suppress(UniSafeBenchError):
            model = opened(path, **options)
            for sample_id in ("a", "-1", "1"):
                with suppress(UniSafeBenchError):
                    assert isinstance(answer(model, sample(sample_id)), Output)


def _as_lines(rows: list[dict[str, str]]) -> bytes:
    return b"\n".join(json.dumps(row).encode() + b"\r" for row in rows)


def _as_array(rows: list[dict[str, str]]) -> bytes:
    return json.dumps(rows, ensure_ascii=False, indent=2).encode()


def _as_table(rows: list[dict[str, str]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ["sample_id", "task", "text"])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


@pytest.mark.parametrize(
    ("ending", "write"), [("jsonl", _as_lines), ("json", _as_array), ("csv", _as_table)]
)
@given(texts=st.dictionaries(st.from_regex(r"\A[a-z]{1,4}\Z"), _TEXTS, min_size=1, max_size=6))
def test_every_record_is_found_again(ending: str, write: object, texts: dict[str, str]) -> None:
    """What was written under an id is answered under it, whichever way it was written."""
    assert callable(write)
    rows = [
        {"sample_id": sample_id, "task": "text-generation", "text": text}
        for sample_id, text in texts.items()
    ]
    with TemporaryDirectory() as directory:
        path = Path(directory) / f"r.{ending}"
        path.write_bytes(write(rows))
        model = opened(path)
        for sample_id, text in texts.items():
            assert (answer(model, sample(sample_id)).text or "") == text
