"""Which recorded answer belongs to which sample: by key, never by order."""

import random
from pathlib import Path
from typing import Any

import pytest
from recorded_files import answer, opened, sample, write_lines

from unisafebench.core.errors import DataError
from unisafebench.models.base import Capabilities, ModelError, UnsupportedError


def _ours(sample_id: str, task: str = "text-generation", **fields: Any) -> dict[str, Any]:
    return {"sample_id": sample_id, "task": task, "text": f"{task} {sample_id}", **fields}


def test_order_of_the_file_does_not_matter(tmp_path: Path) -> None:
    """Shuffled rows answer the same samples."""
    rows = [_ours(str(number)) for number in range(50)]
    random.Random(1).shuffle(rows)
    model = opened(write_lines(tmp_path / "r.jsonl", rows))
    for number in range(50):
        assert answer(model, sample(str(number))).text == f"text-generation {number}"


def test_same_id_in_two_tasks_and_epochs(tmp_path: Path) -> None:
    """Task, id and epoch are the key together."""
    rows = [
        _ours("1", epoch=epoch, text=f"{task} {epoch}", task=task)
        for task in ("text-generation", "vqa-text-unsafe")
        for epoch in (0, 1)
    ]
    model = opened(write_lines(tmp_path / "r.jsonl", rows))
    assert answer(model, sample("1"), epoch=1).text == "text-generation 1"
    assert answer(model, sample("1", "vqa-text-unsafe")).text == "vqa-text-unsafe 0"


def test_repeated_key_names_both_lines(tmp_path: Path) -> None:
    """Two answers to one sample are an error, wherever they stand."""
    rows = [_ours("a"), _ours("b"), _ours("a"), _ours("a")]
    with pytest.raises(DataError) as caught:
        opened(write_lines(tmp_path / "r.jsonl", rows))
    assert [line.split(" has ")[0] for line in str(caught.value).splitlines()] == [
        f"{tmp_path}/r.jsonl:3: the record on line 1",
        f"{tmp_path}/r.jsonl:4: the record on line 3",
    ]


def test_later_record_replaces_one_that_failed(tmp_path: Path) -> None:
    """A resumed run appends: of its journal the last record of a key counts."""
    failed = {"sample_id": "a", "task": "textgen", "status": "model_error", "error": "busy"}
    rows = [failed, {**failed, "status": "invalid_input"}, _ours("a")]
    model = opened(write_lines(tmp_path / "r.jsonl", rows))
    assert model.survey([sample("a")], epochs=1) == ()
    assert answer(model, sample("a")).text == "text-generation a"
    with pytest.raises(DataError, match=r"r\.jsonl:2: the record on line 1 has the same id"):
        opened(write_lines(tmp_path / "r.jsonl", [_ours("a"), failed]))


def test_several_models_in_one_file(tmp_path: Path) -> None:
    """One of them is chosen by name, and only its rows are there."""
    rows = [_ours("a", model="x", text="of x"), _ours("a", model="y", text="of y")]
    path = write_lines(tmp_path / "r.jsonl", rows)
    with pytest.raises(DataError, match=r"several models: x, y\. Say whose .*-M model=NAME"):
        opened(path)
    model = opened(path, model="y")
    assert answer(model, sample("a")).text == "of y"
    assert model.settings["model"] == "y"
    with pytest.raises(DataError, match=r"no answer of the model 'z'\. Has: x, y"):
        opened(path, model="z")


def test_missing_and_extra_are_counted_and_named(tmp_path: Path) -> None:
    """Ten of each are named; the counts are whole."""
    rows = [_ours(f"have-{number}") for number in range(15)]
    model = opened(write_lines(tmp_path / "r.jsonl", rows))
    asked = [sample("have-0"), *(sample(f"lack-{number}") for number in range(12))]
    missing, extra = model.survey(asked, epochs=1)
    assert "no answer to 12 of 13 samples" in missing
    assert missing.count("text-generation/lack-") == 10
    assert missing.endswith("text-generation/lack-9 ...")
    assert extra.startswith("14 of 15 answers")
    assert extra.endswith(
        "have-1, have-2, have-3, have-4, have-5, have-6, have-7, have-8, have-9, have-10 ..."
    )
    with pytest.raises(ModelError, match="holds no answer to text-generation/lack-3"):
        answer(model, sample("lack-3"))


def test_whole_file_needs_no_note(tmp_path: Path) -> None:
    """Nothing is said where nothing is missing or left over."""
    model = opened(write_lines(tmp_path / "r.jsonl", [_ours("a"), _ours("a", epoch=1)]))
    assert model.survey([sample("a")], epochs=2) == ()


def test_missing_epoch_is_missing(tmp_path: Path) -> None:
    """An answer is never used for two epochs."""
    model = opened(write_lines(tmp_path / "r.jsonl", [_ours("a")]))
    (note,) = model.survey([sample("a")], epochs=2)
    assert note.endswith(
        "no answer to 1 of 2 samples; they count as model_error, unscored: "
        "text-generation/a (epoch 1)"
    )
    with pytest.raises(ModelError, match=r"text-generation/a \(epoch 1\)"):
        answer(model, sample("a"), epoch=1)


def test_id_alone_where_it_is_of_one_task(tmp_path: Path) -> None:
    """Rows that name no task are matched by id when no two samples share it."""
    rows = [{"sample_id": "a", "text": "A"}, {"sample_id": "b", "text": "B"}]
    model = opened(write_lines(tmp_path / "r.jsonl", rows))
    assert model.survey([sample("a"), sample("b", "vqa-dual-unsafe")], epochs=1) == ()
    assert answer(model, sample("b", "vqa-dual-unsafe")).text == "B"


def test_id_alone_that_two_tasks_share_is_refused(tmp_path: Path) -> None:
    """Before the run with its line; without a survey, at the second sample that asks."""
    path = write_lines(tmp_path / "r.jsonl", [{"sample_id": "z"}, {"sample_id": "a", "text": "A"}])
    both = [sample("a"), sample("a", "vqa-dual-unsafe")]
    with pytest.raises(DataError, match=r"r\.jsonl:2: the record fits samples of several tasks"):
        opened(path).survey(both, epochs=1)
    model = opened(path)
    assert answer(model, both[0]).text == "A"
    with pytest.raises(ModelError, match="fits samples of several tasks"):
        answer(model, both[1])


def test_task_of_the_whole_file(tmp_path: Path) -> None:
    """`-M task` settles what the rows leave open, and does not change those that say it."""
    rows = [{"sample_id": "a", "text": "A"}, _ours("a", "vqa-dual-unsafe")]
    model = opened(write_lines(tmp_path / "r.jsonl", rows), task="textgen")
    assert model.survey([sample("a"), sample("a", "vqa-dual-unsafe")], epochs=1) == ()
    assert answer(model, sample("a")).text == "A"
    assert answer(model, sample("a", "vqa-dual-unsafe")).text == "vqa-dual-unsafe a"


def test_row_with_a_task_goes_before_one_without(tmp_path: Path) -> None:
    """The row that says more is the answer; the other one is left over."""
    rows = [{"sample_id": "a", "text": "of any"}, _ours("a", text="of this")]
    model = opened(write_lines(tmp_path / "r.jsonl", rows))
    assert answer(model, sample("a")).text == "of this"


def test_unisafe_scenarios_of_one_task_need_the_field(tmp_path: Path) -> None:
    """Editing and composition share ids; a sample that keeps `scenario_type` is known exactly."""
    rows = [
        {"id": "a", "scenario_type": kind, "model": "m", "output_text": kind, "refusal": True}
        for kind in ("IE", "IC")
    ]
    model = opened(write_lines(tmp_path / "p.jsonl", rows))
    plain = sample("a", "editing")
    with pytest.raises(DataError, match=r"lines 1 and 2 fit image-editing/a.*scenario_type"):
        model.survey([plain], epochs=1)
    with pytest.raises(ModelError, match="lines 1 and 2"):
        answer(model, plain)
    exact = sample("a", "editing", extra={"scenario_type": "ic"})
    assert answer(model, exact).text == "IC"
    assert answer(model, sample("a", "editing", metadata={"scenario_type": "IE"})).text == "IE"


def test_other_prompt_is_not_the_same_sample(tmp_path: Path) -> None:
    """An id that another data set uses too is noticed by the prompt, unless the user knows it."""
    row = {"id": 1, "prompt": "Who  wins?", "generated_text": "Nobody.", "category": "Politics"}
    path = write_lines(tmp_path / "r.jsonl", [row])
    assert answer(opened(path), sample("1", prompt="Who wins?\n")).text == "Nobody."
    with pytest.raises(ModelError, match=r"r\.jsonl:1: the record has another prompt"):
        answer(opened(path), sample("1"))
    assert answer(opened(path, check_prompts="no"), sample("1")).text == "Nobody."


@pytest.mark.parametrize(
    ("rows", "capabilities"),
    [
        ([_ours("a")], Capabilities()),
        ([_ours("a", "vqa-dual-unsafe")], Capabilities(image_input=True)),
        ([_ours("a", "text-to-image")], Capabilities(text_output=False, image_output=True)),
        ([_ours("a", "image-editing")], Capabilities(text_output=False, image_editing=True)),
        ([{"sample_id": "a", "text": "A"}], Capabilities(image_input=True)),
        (
            [{"sample_id": "a", "images": "a.png"}],
            Capabilities(text_output=False, image_output=True, image_editing=True),
        ),
    ],
)
def test_capabilities_are_those_of_the_file(
    tmp_path: Path, rows: list[dict[str, Any]], capabilities: Capabilities
) -> None:
    """Tasks that are named count, whatever was answered; else text and pictures tell."""
    assert opened(write_lines(tmp_path / "r.jsonl", rows)).capabilities == capabilities


def test_task_without_any_row_is_not_supported(tmp_path: Path) -> None:
    """Where all rows name their task, a task that none has is not asked on and on."""
    model = opened(write_lines(tmp_path / "r.jsonl", [_ours("a", "vqa-dual-unsafe")]))
    with pytest.raises(UnsupportedError, match="holds no answer of vqa-text-unsafe"):
        answer(model, sample("a", "vqa-text-unsafe"))


def test_settings_follow_the_content_not_the_place(tmp_path: Path) -> None:
    """The same bytes elsewhere are the same model; the name shows no directory of the machine."""
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
    first, second = (
        opened(write_lines(tmp_path / name / "r.jsonl", [_ours("a")])) for name in ("x", "y")
    )
    assert first.settings == second.settings
    assert len(str(first.settings["sha256"])) == 64
    assert first.name == second.name == "recorded:r.jsonl"


def test_relative_name_stays_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the user wrote is the name, when it says nothing of the machine."""
    (tmp_path / "out").mkdir()
    write_lines(tmp_path / "out" / "r.jsonl", [_ours("a")])
    monkeypatch.chdir(tmp_path)
    assert opened(Path("out/r.jsonl")).name == "recorded:out/r.jsonl"


def test_file_that_changes_under_a_run(tmp_path: Path) -> None:
    """A file that was cut or rewritten gives an error, not another's answer."""
    path = write_lines(tmp_path / "r.jsonl", [_ours("a"), _ours("b")])
    model = opened(path)
    path.write_text("{}\n" * 100)
    with pytest.raises(ModelError, match=r"r\.jsonl:2: .*has changed"):
        answer(model, sample("b"))
