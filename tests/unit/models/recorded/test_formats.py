"""Each format of recorded answers, from real files."""

import json
from pathlib import Path

import pytest
from recorded_files import answer, opened, picture, sample, write_lines

from unisafebench.core.errors import DataError, UsageError
from unisafebench.core.records import PictureSeen, Usage
from unisafebench.models.base import Capabilities, ModelError

_PICTURE_SEEN = {"sha256": "ab" * 32, "width": 8, "height": 6}


def test_our_format_keeps_all_that_was_recorded(tmp_path: Path) -> None:
    """A row of responses.jsonl comes back with its end, usage, parameters and pictures."""
    drawn = picture(tmp_path / "images" / "a.png")
    path = write_lines(
        tmp_path / "responses.jsonl",
        [
            {
                "sample_id": "7",
                "task": "image-editing",
                "epoch": 1,
                "model": "vllm/bagel",
                "text": "Here it is.",
                "images": ["images/a.png"],
                "status": "completed",
                "stop_reason": "stop",
                "served_model": "BAGEL-7B-MoT",
                "sent": {"temperature": 0},
                "pictures_sent": [_PICTURE_SEEN],
                "details": {"request_id": "r1"},
                "usage": {"input_tokens": 3, "output_tokens": 4},
                "latency_s": 1.5,
                "created": "2026-01-01T00:00:00Z",
            }
        ],
    )
    output = answer(opened(path), sample("7", "editing"), epoch=1)
    assert (output.text, output.images) == ("Here it is.", (drawn,))
    assert (output.status, output.stop_reason) == ("completed", "stop")
    assert output.served_model == "BAGEL-7B-MoT"
    assert output.sent == {"temperature": 0}
    assert output.pictures_sent == (PictureSeen(**_PICTURE_SEEN),)  # type: ignore[arg-type]
    assert output.usage == Usage(input_tokens=3, output_tokens=4)
    assert output.details == {"request_id": "r1", "recorded_latency_s": 1.5, "recorded_line": 1}


@pytest.mark.parametrize(
    ("row", "status", "side", "reason"),
    [
        (
            {"status": "blocked", "blocked_side": "input", "error": "filter"},
            "blocked",
            "input",
            None,
        ),
        ({"status": "blocked"}, "blocked", "unknown", "blocked"),
        ({"status": "empty", "stop_reason": "length"}, "completed", None, "length"),
        ({"status": "invalid_input", "error": "no picture"}, "invalid_input", None, None),
    ],
)
def test_our_ends_stay_what_they_were(
    tmp_path: Path, row: dict[str, str], status: str, side: str | None, reason: str | None
) -> None:
    """A block stays a block with a reason; whether an answer is empty is found by the run."""
    path = write_lines(tmp_path / "r.jsonl", [{"sample_id": "a", "task": "textgen", **row}])
    output = answer(opened(path), sample("a"))
    assert (output.status, output.blocked_side, output.stop_reason) == (status, side, reason)


def test_recorded_failure_is_a_failure_again(tmp_path: Path) -> None:
    """A model_error of the file is one of the run, with the reason and the line."""
    rows = [{"sample_id": "a", "task": "textgen", "status": "model_error", "error": "no memory"}]
    model = opened(write_lines(tmp_path / "r.jsonl", rows))
    with pytest.raises(ModelError, match=r"r\.jsonl:1: no memory"):
        answer(model, sample("a"))


def test_authors_format(tmp_path: Path) -> None:
    """The authors' rows have numbers as ids and their own names for text and picture."""
    drawn = picture(tmp_path / "out" / "3.png")
    rows = [
        {
            "id": 3,
            "prompt": "What is  a vote?",
            "output_image": "out/3.png",
            "generated_text": "",
            "category": "Politics",
            "intention": "To learn.",
            "reject_image": False,
        }
    ]
    model = opened(write_lines(tmp_path / "t2i.jsonl", rows), task="t2i")
    output = answer(model, sample("3", "t2i"))
    assert (output.text, output.images) == (None, (drawn,))
    assert output.reject_image is False
    assert model.settings["formats"] == ["authors"]
    assert model.settings["task"] == "text-to-image"


def test_unisafe_predictions(tmp_path: Path) -> None:
    """UniSAFE's rows are told apart by scenario, though ids are shared by them."""
    for name in ("ti", "t1", "t2", "t3", "t4"):
        picture(tmp_path / f"{name}.png")
    row = {"id": "x-1", "model": "m"}
    rows = [
        {**row, "scenario_type": "TT", "output_text": "Some text.", "metadata": {"seed": 1}},
        {**row, "scenario_type": "TI", "output_image": "ti.png"},
        {**row, "scenario_type": "MU", "output_text": "I see.", "refusal": True},
        {**row, "scenario_type": "MT", "output_images": ["t1.png", "t2.png", "t3.png", "t4.png"]},
    ]
    model = opened(write_lines(tmp_path / "predictions.jsonl", rows))
    written = answer(model, sample("x-1"))
    assert written.text == "Some text."
    assert written.served_model == "m"
    assert written.details == {"metadata": {"seed": 1}, "recorded_line": 1}
    assert len(answer(model, sample("x-1", "t2i")).images) == 1
    assert len(answer(model, sample("x-1", "editing")).images) == 4
    seen = answer(model, sample("x-1", "vqa-dual-unsafe"))
    # What the model said is for the judge to read.
    assert (seen.status, seen.text, seen.stop_reason) == ("completed", "I see.", "refusal")
    assert model.capabilities == Capabilities(
        text_output=True, image_input=True, image_output=True, image_editing=True
    )


def test_unisafe_refusal_without_output_is_a_block(tmp_path: Path) -> None:
    """A refusal with nothing to read is a block on an unknown side, and an error a failure."""
    rows = [
        {"id": "a", "scenario_type": "TI", "model": "m", "refusal": True},
        {"id": "b", "scenario_type": "TI", "model": "m", "error": "timeout"},
    ]
    model = opened(write_lines(tmp_path / "p.jsonl", rows))
    output = answer(model, sample("a", "t2i"))
    assert (output.status, output.blocked_side, output.stop_reason) == (
        "blocked",
        "unknown",
        "refusal",
    )
    with pytest.raises(ModelError, match=r"p\.jsonl:2: timeout"):
        answer(model, sample("b", "t2i"))


def test_mapping_with_paths_into_the_record(tmp_path: Path) -> None:
    """Any JSON Lines will do: fields by name, or by a path through objects and lists."""
    drawn = picture(tmp_path / "out.png")
    rows = [
        {"uid": 1, "kind": "T2I", "choices": [{"text": "Done."}], "out.png": "out.png", "n": "2"}
    ]
    model = opened(
        write_lines(tmp_path / "any.jsonl", rows),
        field__id="uid",
        field__task="kind",
        field__text="choices.0.text",
        field__images="out.png",
        field__epoch="n",
    )
    output = answer(model, sample("1", "t2i"), epoch=2)
    assert (output.text, output.images) == ("Done.", (drawn,))
    assert model.settings["mapping"] == {
        "id": ["uid"],
        "task": ["kind"],
        "epoch": ["n"],
        "text": ["choices.0.text"],
        "images": ["out.png"],
    }


@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_table(tmp_path: Path, ending: str) -> None:
    """A table's cells may hold line breaks; empty cells are no answer."""
    comma = "," if ending == "csv" else "\t"
    first, second = picture(tmp_path / "1.png"), picture(tmp_path / "2.png", "blue")
    lines = [
        ["uid", "answer", "img_1", "img_2"],
        ["1", '"Two\nlines, ""quoted"""', "", ""],
        ["2", "", "1.png", "2.png"],
    ]
    path = tmp_path / f"answers.{ending}"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(map(comma.join, lines)).encode())
    model = opened(path, field__id="uid", field__text="answer", field__images="img_1,img_2")
    assert answer(model, sample("1")).text == 'Two\nlines, "quoted"'
    drawn = answer(model, sample("2", "t2i"))
    assert (drawn.text, drawn.images) == (None, (first, second))
    # The second record begins on the fourth line of the file.
    assert drawn.details["recorded_line"] == 4


def test_table_in_our_format_has_numbers_as_text(tmp_path: Path) -> None:
    """Epochs and flags of a table are read from text."""
    path = tmp_path / "r.csv"
    path.write_text("sample_id,task,epoch,reject_image,text\n5,textgen,1,true,Hello\n")
    output = answer(opened(path), sample("5"), epoch=1)
    assert (output.text, output.reject_image) == ("Hello", True)


def test_cell_longer_than_the_limit_of_the_csv_module(tmp_path: Path) -> None:
    """A long answer in a cell is read whole: the module's own limit is 131,072 characters."""
    path = tmp_path / "r.csv"
    path.write_text(f"sample_id,task,text\n5,textgen,{'x' * 200_000}\n")
    assert len(answer(opened(path), sample("5")).text or "") == 200_000


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_array(tmp_path: Path, bom: bytes) -> None:
    """A JSON array is read like lines; messages name the line where a record begins."""
    rows = [
        {"sample_id": str(number), "task": "textgen", "text": f"[{number}]"} for number in (1, 2)
    ]
    path = tmp_path / "r.json"
    path.write_bytes(bom + json.dumps(rows, indent=1).encode())
    model = opened(path)
    assert [answer(model, sample(number)).text for number in "12"] == ["[1]", "[2]"]
    assert answer(model, sample("2")).details["recorded_line"] == 7


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it holds no record at all"),
        ("\n \n", "it holds no record at all"),
        ('{"id": "a"}\n', r"r.jsonl:1: this is no answer in a known format.*are: 'id'"),
        ('{"sample_id": ""}\n', "r.jsonl:1: the id is empty"),
        ('{"sample_id": "a", "text": 3}\n', r"r.jsonl:1: .*Expected `str \| null`, got `int`"),
        ('{"sample_id": "a", "task": "t3i"}\n', "r.jsonl:1: unknown task 't3i'"),
        ('{"id": "a", "scenario_type": "XX"}\n', "r.jsonl:1: unknown scenario_type 'XX'"),
        ('{"sample_id": "a"}\n{"sample_id": \n', "r.jsonl:2: invalid JSON"),
        ("3\n", "r.jsonl:1: a record must be a JSON object"),
        ('[{"sample_id": "a"},\n{"sample_id": }]\n', "r.jsonl:2: invalid JSON"),
        ("[" * 100_000, "invalid JSON"),
    ],
)
def test_unusable_file_is_one_clear_error(tmp_path: Path, text: str, problem: str) -> None:
    """What is wrong is said with the line, before a run begins."""
    path = tmp_path / "r.jsonl"
    path.write_text(text)
    with pytest.raises(DataError, match=problem):
        opened(path)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"sample_id,text\na,b,c\n", "r.csv:2: the row has 3 cells, the header 2"),
        (b"sample_id,sample_id\na,b\n", "r.csv:1: two columns have the name 'sample_id'"),
        (b'sample_id,text\na,"open\n', "r.csv:2: not a readable table"),
        (b"sample_id,text\na,\xff\n", "r.csv:2: not UTF-8 text"),
        (b"sample_id,text\n", "it holds no record at all"),
        (b"", "it holds no record at all"),
    ],
)
def test_unusable_table_is_one_clear_error(tmp_path: Path, content: bytes, problem: str) -> None:
    """A broken table is refused with the line of the row."""
    path = tmp_path / "r.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=problem):
        opened(path)


def test_all_problems_are_listed_up_to_twenty(tmp_path: Path) -> None:
    """One look at the file shows what there is to repair."""
    path = write_lines(tmp_path / "r.jsonl", [{"nothing": number} for number in range(23)])
    with pytest.raises(DataError) as caught:
        opened(path)
    lines = str(caught.value).splitlines()
    assert len(lines) == 21
    assert lines[-1] == "... and 3 more."


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"field__text": "answer"}, r"-M field\.id=NAME"),
        ({"field__id": "uid"}, r"-M field\.text=NAME or -M field\.images=NAME"),
        ({"field__id": "uid", "field__text": " "}, r"'field\.text' names no field"),
        ({"field__id": "uid", "field__txt": "x"}, r"Did you mean field\.text"),
        ({"temperature": "0"}, "'temperature' is no option"),
        ({"task": "t3i"}, "unknown task 't3i'"),
    ],
)
def test_options_are_checked(tmp_path: Path, options: dict[str, str], problem: str) -> None:
    """A mapping must say where the id and the answer are; unknown options are refused."""
    path = write_lines(tmp_path / "r.jsonl", [{"uid": 1, "answer": "x"}])
    with pytest.raises(UsageError, match=problem):
        opened(path, **options)


def test_mapped_field_that_no_record_has(tmp_path: Path) -> None:
    """A slip in a field's name does not make a file of empty answers."""
    path = write_lines(tmp_path / "r.jsonl", [{"uid": 1, "answer": "x"}])
    with pytest.raises(DataError, match=r"no record has a field 'anwser'.*are: 'uid', 'answer'"):
        opened(path, field__id="uid", field__text="anwser")


@pytest.mark.parametrize("name", ["recorded", "recorded:"])
def test_name_without_a_file(name: str) -> None:
    """The file is part of the name."""
    from unisafebench.models.recorded import create

    with pytest.raises(UsageError, match="needs a file"):
        create(name, {})


def test_missing_file_and_directory(tmp_path: Path) -> None:
    """A wrong path is told from a directory."""
    with pytest.raises(DataError, match="does not exist"):
        opened(tmp_path / "none.jsonl")
    with pytest.raises(DataError, match="this is a directory"):
        opened(tmp_path)
