"""Scores written by hand, as TOML, JSON and CSV."""

import json
from pathlib import Path

import pytest

from unisafebench.core.errors import DataError, UnknownNameError, UsageError
from unisafebench.utility import VQA, read_utility

TOML = """
# Printed in a report.
source = "the model's report, table 3"

[map]
mmlu = "text-generation"

[models]
"example/dummy" = "Ours"

[[score]]
model = "Ours"
task = "vqa"
score = 0.625
n = 400
metric = "accuracy"

[[score]]
model = "Ours"
benchmark = "mmlu"
score = 0.5
stderr = 0.01
metric = "mean score"
fewshot = 5
source = "own run"
"""


def write(directory: Path, text: str) -> Path:
    """Write a file."""
    path = directory / "utility"
    path.write_text(text)
    return path


def test_toml(tmp_path: Path) -> None:
    """Both scores, the second one by way of the map; 250 of 400 has Wilson's interval."""
    table = read_utility([write(tmp_path, TOML)])
    pictures, words = table.scores
    assert (pictures.model, pictures.tasks, pictures.value) == ("Ours", VQA, 0.625)
    assert (pictures.source, pictures.tool) == ("the model's report, table 3", "by hand")
    assert pictures.low == pytest.approx(0.5766, abs=1e-4)
    assert (words.tasks, words.fewshot, words.source) == (("text-generation",), 5, "own run")
    assert words.low == pytest.approx(0.5 - 0.0196, abs=1e-6)
    assert table.of("Ours", "text-generation") is words
    assert table.of("Ours", "text-to-image") is None


def test_map_for_other_files(tmp_path: Path) -> None:
    """The map and the names of models in our own form hold for the files of tools too."""
    tool = Path(__file__).resolve().parents[2] / "data" / "utility" / "lm_eval.json"
    path = write(
        tmp_path, '[map]\ntiny_facts = ["text-generation"]\n[models]\n"example/dummy" = "Ours"\n'
    )
    (score,) = read_utility([tool, path]).scores
    assert (score.model, score.model_in_file) == ("Ours", "example/dummy")
    with pytest.raises(UsageError, match="something else than before"):
        read_utility([tool, path], {"tiny_facts": VQA})


def test_csv(tmp_path: Path) -> None:
    """A row for each score; empty cells are no values."""
    path = write(
        tmp_path,
        "model,task,count,n,score,metric,source\n"
        "A,text-to-image,30,40,,accuracy,here\n"
        'B,"text-to-image, image-editing",,,0.25,GenEval,there\n',
    )
    a, b = read_utility([path]).scores
    assert (a.value, a.n, a.interval_from) == (0.75, 40, "wilson")
    assert (b.tasks, b.low, b.high) == (("text-to-image", "image-editing"), None, None)


@pytest.mark.parametrize("wrapped", [True, False])
def test_json(tmp_path: Path, wrapped: bool) -> None:
    """A list of scores, or an object that holds it; a score of unknown metric has no interval."""
    row = {"model": "A", "task": "T2I", "score": 0.5, "n": 10, "metric": "F1", "source": "x"}
    path = write(tmp_path, json.dumps({"score": [row]} if wrapped else [row]))
    (score,) = read_utility([path]).scores
    assert (score.tasks, score.n, score.low) == (("text-to-image",), 10, None)


GOOD = {"model": "A", "task": "vqa", "score": 0.5, "metric": "accuracy", "source": "x"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"score": 74.1}, "74.1 is not in .0, 1.*as a fraction"),
        ({"score": -0.1}, "not in .0, 1"),
        ({"score": float("nan")}, "'score' must be a number"),
        ({"score": "0.5"}, "'score' must be a number"),
        ({"score": True}, "'score' must be a number"),
        ({"score": None}, "'score' is missing"),
        ({"model": ""}, "'model' is missing"),
        ({"source": None}, "'source' is missing"),
        ({"metric": None}, "'metric' is missing"),
        ({"model": 3}, "'model' must be text"),
        ({"task": ""}, "names no task"),
        ({"stdrr": 0.1}, "unknown field 'stdrr'. Did you mean 'stderr'"),
        ({"stderr": 0}, "stderr 0 is not in"),
        ({"stderr": 1.9}, "stderr 1.9 is not in"),
        ({"n": 0}, "n = 0 samples"),
        ({"n": 1.5}, "'n' must be a whole number"),
        ({"count": 3}, "'count' must be at most 'n'"),
        ({"count": 3, "n": 2}, "'count' must be at most 'n'"),
        ({"count": 3, "n": 4}, "0.5 is not 3 of 4"),
    ],
)
def test_wrong_fields(tmp_path: Path, change: dict[str, object], message: str) -> None:
    """Each mistake names the file, the score and the field."""
    path = write(tmp_path, json.dumps([GOOD, {**GOOD, **change}]))
    with pytest.raises(DataError, match=f"utility: score 2: .*{message}"):
        read_utility([path])


def test_wrong_file(tmp_path: Path) -> None:
    """Unknown tables, wrong kinds, unknown tasks, nothing at all."""
    for text, message in [
        ("[maps]\nx = 'vqa'\n", "unknown field 'maps'. Did you mean 'map'"),
        ("map = 3\n", "'map' must be a table"),
        ("score = 3\n", "each score must be a table"),
        ("source = 'x'\n", "neither scores nor a map"),
        ("model,task,score\nA,vqa,high\n", ":2: score 'high' is not a number"),
    ]:
        with pytest.raises(DataError, match=message):
            read_utility([write(tmp_path, text)])
    with pytest.raises(UnknownNameError, match="unknown task 'text-generatoin'"):
        read_utility([write(tmp_path, "[map]\nx = 'text-generatoin'\n")])


def test_duplicates(tmp_path: Path) -> None:
    """Two scores of one model for one task are refused, whichever is better."""
    path = write(tmp_path, json.dumps([GOOD, {**GOOD, "score": 0.9, "task": "vqa-dual-unsafe"}]))
    with pytest.raises(DataError, match="two scores of A stand for vqa-dual-unsafe"):
        read_utility([path])
