"""Files that are damaged or made to harm: each is refused with a message that names it."""

import json
import struct
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from unisafebench.core.errors import DataError, MissingExtraError
from unisafebench.utility import archives, documents, read_utility

DATA = Path(__file__).resolve().parents[2] / "data" / "utility"
MAP = {"tiny_facts": ("text-generation",)}


def write(directory: Path, content: str | bytes, name: str = "file") -> Path:
    """Write a file."""
    path = directory / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    "name", ["lm_eval.json", "lmms_eval.json", "lighteval.json", "inspect.json"]
)
def test_truncated(tmp_path: Path, name: str) -> None:
    """A file that is cut short anywhere is refused, with the place."""
    content = (DATA / name).read_bytes()
    for part in (1, 10, len(content) // 2, len(content) - 3):
        path = write(tmp_path, content[:part])
        with pytest.raises(DataError, match=r"file:\d+:\d+: invalid JSON"):
            read_utility([path])


def test_truncated_archive(tmp_path: Path) -> None:
    """Half an archive is damaged."""
    path = write(tmp_path, (DATA / "inspect.eval").read_bytes()[:5000])
    with pytest.raises(DataError, match="zip archive is damaged"):
        read_utility([path])


def test_changed_archive(tmp_path: Path) -> None:
    """A flipped byte inside a member is found by its checksum or its decompressor."""
    pytest.importorskip("zstandard")
    content = bytearray((DATA / "inspect.eval").read_bytes())
    with ZipFile(DATA / "inspect.eval") as archive:
        info = archive.getinfo("header.json")
    content[info.header_offset + 30 + len(info.filename) + info.compress_size // 2] ^= 0xFF
    with pytest.raises(DataError, match=r"header\.json in it is damaged"):
        read_utility([write(tmp_path, bytes(content))])


def test_unrecognised(tmp_path: Path) -> None:
    """What is of no known tool is refused with the list of those that are."""
    for text in ('{"results": {"a": 1}}', '{"a": 1}', "x,y\n1,2\n", "[1, 2]", '"text"'):
        with pytest.raises(DataError, match="no result file of a tool that is known"):
            read_utility([write(tmp_path, text)])
    with ZipFile(tmp_path / "file", "w") as archive:
        archive.writestr("readme", "x")
    with pytest.raises(DataError, match="Inspect: logs"):
        read_utility([tmp_path / "file"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n ", "is empty"),
        (b"\xff\xfe\x00", "neither UTF-8 text nor a zip"),
        (b"[" * 100_000, "invalid JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "invalid JSON"),
        (b'{"a": 1, "a": 2}', "'a' is there twice"),
        (b"a,a\n1,2\n", "'a' is there twice"),
        (b"a,b\n1\n", "1 values where the first line names 2"),
        (b"source = \n", "invalid TOML"),
        (b'"a,b\n', "invalid CSV"),
    ],
)
def test_damaged(tmp_path: Path, content: bytes, message: str) -> None:
    """Each kind of damage has its own message."""
    with pytest.raises(DataError, match=message):
        read_utility([write(tmp_path, content)])


def test_no_file(tmp_path: Path) -> None:
    """A missing file and a directory are told apart."""
    with pytest.raises(DataError, match="does not exist"):
        read_utility([tmp_path / "none"])
    with pytest.raises(DataError, match="directory"):
        read_utility([tmp_path])


@pytest.mark.parametrize("method", ["deflate", "zstandard"])
def test_zip_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """A member is never unpacked past the limit, whatever size the archive claims."""
    monkeypatch.setattr(documents, "MAX_BYTES", 10_000)
    path = tmp_path / "bomb.eval"
    zeros = bytes(50_000_000)
    if method == "deflate":
        with ZipFile(path, "w", ZIP_DEFLATED) as archive:
            archive.writestr("header.json", zeros)
    else:
        packed = pytest.importorskip("zstandard").compress(zeros)
        with ZipFile(path, "w") as archive:
            archive.writestr("header.json", packed)
        content = bytearray(path.read_bytes())
        # Say that what is stored there is compressed by method 93, in the central directory.
        place = content.rindex(b"PK\x01\x02") + 10
        content[place : place + 2] = struct.pack("<H", 93)
        path.write_bytes(content)
    with pytest.raises(DataError, match="holds more than 10,000 bytes"):
        read_utility([path])


def test_several_frames() -> None:
    """Inspect cuts large members into frames; all of them are read, up to the limit."""
    compress = pytest.importorskip("zstandard").compress
    packed = compress(b"a" * 700) + compress(b"b" * 700)
    assert archives._read_zstandard(packed, 5000) == b"a" * 700 + b"b" * 700
    assert len(archives._read_zstandard(packed, 1000)) == 1001


def test_nothing_reads_zstandard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a module for it, the extra to install is named."""

    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(archives, "import_module", missing)
    with pytest.raises(MissingExtraError, match=r"unisafebench\[inspect\]"):
        read_utility([DATA / "inspect.eval"])


def test_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text file past the limit is not read."""
    monkeypatch.setattr(documents, "MAX_BYTES", 100)
    with pytest.raises(DataError, match="more than 100 bytes"):
        read_utility([write(tmp_path, "{" + " " * 200)])


def test_unknown_compression(tmp_path: Path) -> None:
    """A method that nothing here reads is named."""
    path = tmp_path / "log.eval"
    with ZipFile(path, "w") as archive:
        archive.writestr("header.json", "{}")
    content = bytearray(path.read_bytes())
    place = content.rindex(b"PK\x01\x02") + 10
    content[place : place + 2] = struct.pack("<H", 98)
    with pytest.raises(DataError, match="compressed by method 98"):
        read_utility([write(tmp_path, bytes(content))])


def changed(**values: Any) -> str:
    """Return the sample file of lm-evaluation-harness with other values for a task."""
    data = json.loads((DATA / "lm_eval.json").read_text())
    data["results"]["tiny_facts"].update(values)
    return json.dumps(data)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"acc,none": float("nan")}, "is not a number"),
        ({"acc,none": float("inf")}, "is not a number"),
        ({"acc,none": 1.01}, "out of range"),
        ({"acc,none": -0.1}, "out of range"),
        ({"acc,none": 25.0}, "out of range"),
        ({"acc_stderr,none": 16.4}, "the two are in other units"),
    ],
)
def test_values_out_of_range(tmp_path: Path, values: dict[str, float], message: str) -> None:
    """A mapped score out of range is an error; the same without a task is left out by name."""
    path = write(tmp_path, changed(**values))
    with pytest.raises(DataError, match=f"tiny_facts: .*{message}"):
        read_utility([path], MAP)
    (skipped, _) = read_utility([path]).skipped
    assert skipped.benchmark == "tiny_facts"
    assert message in skipped.reason


@pytest.mark.parametrize("stderr", [float("nan"), 0.0, -1.0, "N/A", None, True])
def test_no_standard_error(tmp_path: Path, stderr: object) -> None:
    """Without a standard error that is one, Wilson's interval of 2 in 8 is taken."""
    path = write(tmp_path, changed(**{"acc_stderr,none": stderr}))
    (score,) = read_utility([path], MAP).scores
    assert (score.stderr, score.interval_from) == (None, "wilson")
    assert score.low == pytest.approx(0.0715, abs=1e-4)
    assert score.high == pytest.approx(0.5907, abs=1e-4)


def test_lower_is_better(tmp_path: Path) -> None:
    """A perplexity is never the main figure, and refused when it is asked for."""
    data = json.loads((DATA / "lm_eval.json").read_text())
    row = data["results"]["tiny_facts"]
    data["results"]["tiny_facts"] = {"word_perplexity,none": 0.4, **row}
    data["higher_is_better"]["tiny_facts"]["word_perplexity"] = False
    path = write(tmp_path, json.dumps(data))
    assert read_utility([path], MAP).scores[0].metric == "acc,none"
    with pytest.raises(DataError, match="better when lower"):
        read_utility([path], MAP, {"": "word_perplexity"})


def test_part_of_the_samples(tmp_path: Path) -> None:
    """A run over a part of the benchmark says so."""
    data = json.loads((DATA / "lm_eval.json").read_text())
    data["n-samples"]["tiny_facts"] = {"original": 1319, "effective": 8}
    table = read_utility([write(tmp_path, json.dumps(data))], MAP)
    assert table.scores[0].notes == ("only 8 of 1,319 samples",)
    assert "tiny_facts of example/dummy: only 8 of 1,319 samples" in table.remarks()


@pytest.mark.parametrize("name", ["lm_eval.json", "lighteval.json", "inspect.json"])
def test_other_types_everywhere(tmp_path: Path, name: str) -> None:
    """Whatever type stands in the place of a field, it ends in a table or in an error of ours."""
    data = json.loads((DATA / name).read_text())
    others: list[Any] = [None, 1, "x", [], {}, [1], {"a": 1}, {"tiny_facts": []}]
    for key in data:
        for value in others:
            path = write(tmp_path, json.dumps({**data, key: value}))
            try:
                read_utility([path])
            except DataError as error:
                assert str(path) in str(error)  # noqa: PT017 -- either way is right


@pytest.mark.parametrize("content", [b",", b",,\n,\n", b'""\n'])
def test_nothing_but_commas(tmp_path: Path, content: bytes) -> None:
    """A table without a first line has no columns."""
    with pytest.raises(DataError):
        read_utility([write(tmp_path, content)])
