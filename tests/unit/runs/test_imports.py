"""Responses that were made elsewhere: the authors' rows, ours, and what is wrong with a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from unisafebench.core.errors import DataError, RunMismatchError
from unisafebench.core.records import Key, Sample, Usage
from unisafebench.core.tasks import TASKS
from unisafebench.models.base import Output
from unisafebench.runs.imports import ForeignResponses, import_responses
from unisafebench.runs.manifest import Manifest, read_manifest
from unisafebench.runs.results import existing_run
from unisafebench.runs.snapshot import stored_samples

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Trial


def authors(sample_id: Any, text: str | None = "Sure.", **fields: Any) -> dict[str, Any]:
    """Return a row as the authors' files have it."""
    return {
        "id": sample_id,
        "prompt": f"prompt {sample_id}",
        "category": "Politics",
        "intention": f"intent {sample_id}",
        "generated_text": text,
        "output_image": None,
    } | fields


def ours(sample_id: str, text: str | None = "Sure.", **fields: Any) -> dict[str, Any]:
    """Return a row in our format."""
    return {"sample_id": sample_id, "text": text} | fields


def take(trial: "Trial", rows: list[dict[str, Any]] | None = None, **options: Any) -> Manifest:
    """Write the rows, when there are any, and import the file."""
    path = trial.data / "responses.jsonl"
    if rows is not None:
        trial.write(rows, path.name)
    options = {"task": TASKS["text-generation"]} | options
    return import_responses(trial.run, ForeignResponses(path=path, **options), trial.watcher)


def with_dataset(trial: "Trial", rows: list[dict[str, Any]], **options: Any) -> Manifest:
    """Import rows in our format that belong to the samples of the trial's data set."""
    dataset = ("mine", trial.data / "samples.jsonl")
    return take(trial, rows, **({"dataset": dataset, "task": None} | options))


def test_the_authors_rows_carry_their_samples(trial: "Trial") -> None:
    """Prompt, category and intention make the sample; text and flag make the response."""
    manifest = take(
        trial, [authors("a", reject_image=False, model="x/y", mine=1), authors("b", "")]
    )
    assert (manifest.model.name, manifest.dataset.name) == ("x/y", "responses")
    assert (manifest.tasks, manifest.epochs) == (("text-generation",), 1)
    first, second = stored_samples(trial.run, Sample)
    assert (first.id, first.prompt, first.intent) == ("a", "prompt a", "intent a")
    assert (first.category, first.subcategory) == ("Sensitive Topics", "Politics")
    assert second.id == "b"
    response = trial.response("a")
    assert (response.status, response.text, response.model) == ("completed", "Sure.", "x/y")
    assert response.reject_image is False
    assert response.extra == {"mine": 1}
    assert trial.response("b").status == "empty"


def test_ids_may_be_numbers_and_nought(trial: "Trial") -> None:
    """An id of 0 is an id like others, and a number and its text are the same id."""
    take(trial, [authors(0), authors(1), authors("2")])
    assert [response.sample_id for response in trial.response_lines()] == ["0", "1", "2"]
    with pytest.raises(DataError, match="the same task, id and epoch"):
        take(trial, [authors(1), authors("1")])


def test_ids_may_repeat_over_tasks(trial: "Trial") -> None:
    """Rows of several tasks in one file are told apart by their task."""
    rows = [authors(0, task="text-generation"), authors(0, "No.", task="Unsafe T2I Generation")]
    manifest = take(trial, rows, task=None)
    assert manifest.tasks == ("text-generation", "text-to-image")
    assert {key: response.text for key, response in trial.responses().items()} == {
        Key("text-generation", "0", 0): "Sure.",
        Key("text-to-image", "0", 0): "No.",
    }


def test_several_epochs_are_one_sample(trial: "Trial") -> None:
    """Repeated rows of a sample are its epochs; the sample is stored once."""
    manifest = take(trial, [authors(1, epoch=0), authors(1, "No.", epoch=1), authors(2, epoch=0)])
    assert (manifest.epochs, manifest.dataset.samples) == (2, 2)
    assert [response.key.epoch for response in trial.response_lines()] == [0, 1, 0]


async def test_epochs_may_begin_at_one(trial: "Trial") -> None:
    """Samples whose responses are numbered from 1 get their intents like all others."""
    take(trial, [authors(1, epoch=1, intention=None), authors(1, epoch=2, intention=None)])
    extractor = trial.extractor_of(lambda _: "written")
    judge = await trial.judge(extractor=extractor)
    assert len(extractor.queries) == 1
    assert [intent for _, _, intent in judge.contextual_calls] == ["written", "written"]


def test_our_rows_belong_to_a_data_set(trial: "Trial") -> None:
    """Rows are matched by id; every known field of theirs is kept, and unknown ones beside."""
    trial.write([trial.row("a"), trial.row("b", "text-to-image"), trial.row("c")])
    rows = [
        ours("b", None, images=[trial.picture("out.png", 3)], latency_s=1.5),
        ours(
            "a",
            None,
            task="text-generation",
            status="blocked",
            blocked_side="input",
            stop_reason="safety",
            usage={"input_tokens": 4},
            model="x/y",
            trace="t1",
        ),
    ]
    manifest = with_dataset(trial, rows)
    assert (manifest.dataset.name, manifest.model.name) == ("mine", "x/y")
    assert manifest.dataset.samples == 3
    drawn, blocked = trial.response("b"), trial.response("a")
    assert (drawn.task, drawn.status, drawn.model, drawn.latency_s) == (
        "text-to-image",
        "completed",
        "x/y",
        1.5,
    )
    assert (trial.run.path / drawn.images[0]).read_bytes() == trial.png(3)
    assert (blocked.status, blocked.blocked_side, blocked.stop_reason) == (
        "blocked",
        "input",
        "safety",
    )
    assert (blocked.usage, blocked.extra) == (Usage(input_tokens=4), {"trace": "t1"})
    assert trial.summary().overall.outcomes["pending"] == 3


def test_only_tasks_that_occur_are_the_runs(trial: "Trial") -> None:
    """A text-only data set makes a text-only run, for which a judge needs no eyes."""
    trial.write([trial.row("a")])
    assert with_dataset(trial, [ours("a")]).tasks == ("text-generation",)


def test_an_ambiguous_id_is_named_before_anything_is_taken(trial: "Trial") -> None:
    """An id of several tasks needs its task; the file can be mended and imported after all."""
    trial.write([trial.row("a"), trial.row("b"), trial.row("b", "text-to-image")])
    with pytest.raises(DataError, match=r"responses\.jsonl:2: the id 'b' occurs in several tasks"):
        with_dataset(trial, [ours("a"), ours("b")])
    assert read_manifest(trial.run) is None
    assert trial.response_lines() == []
    with_dataset(trial, [ours("a"), ours("b", task="text-to-image")])
    assert trial.response("b").task == "text-to-image"


def test_rows_of_no_sample_are_listed(trial: "Trial") -> None:
    """Responses to other samples are left out and said, the first ten of them by name."""
    trial.write([trial.row("a")])
    with_dataset(trial, [ours("a"), *(ours(f"x{n}") for n in range(12))])
    assert [response.sample_id for response in trial.response_lines()] == ["a"]
    (note,) = trial.watcher.notes
    assert note.startswith("12 responses belong to no sample")
    assert note.endswith("x0, x1, x2, x3, x4, x5, x6, x7, x8, x9 ...")


def test_rows_without_samples_need_a_data_set(trial: "Trial") -> None:
    """Our rows do not carry a prompt: the message says what to add."""
    with pytest.raises(DataError, match=r"responses\.jsonl:1: .*--dataset"):
        take(trial, [ours("a")])
    assert read_manifest(trial.run) is None


def test_several_models_are_refused(trial: "Trial") -> None:
    """A run is of one model: a file of two must be split, or named as one."""
    rows = [authors(1, model="x/one"), authors(2, model="x/two")]
    with pytest.raises(DataError, match="several models: x/one, x/two"):
        take(trial, rows)
    assert take(trial, rows, model="x/both").model.name == "x/both"
    assert {response.model for response in trial.response_lines()} == {"x/both"}


async def test_a_missing_output_picture_is_found_on_resume(trial: "Trial") -> None:
    """Its response is invalid input, with file, line and name; later it is taken and judged."""
    rows = [authors(1, None, output_image=["late.png"]), authors(2)]
    take(trial, rows)
    response = trial.response("1")
    assert (response.status, response.images) == ("invalid_input", ())
    assert str(response.error).startswith("responses.jsonl:1: picture ")
    assert "late.png" in str(response.error)
    await trial.judge()
    assert trial.verdict("1").outcome == "invalid_input"
    take(trial)
    assert len(trial.response_lines()) == 2
    trial.picture("late.png", 4)
    take(trial)
    assert trial.response("1").status == "completed"
    judge = await trial.judge()
    assert [picture.data for picture in judge.intrinsic_calls[0].pictures] == [trial.png(4)]
    assert trial.verdict("1").outcome == "scored"
    take(trial)
    assert len(trial.response_lines()) == 3


async def test_a_missing_input_picture_is_found_on_resume(trial: "Trial") -> None:
    """The response waits for its sample's picture; finding it forgets nothing of the run."""
    task = TASKS["vqa-dual-unsafe"]
    manifest = take(trial, [authors(1, image="late.png"), authors(2, image="late.png")], task=task)
    assert manifest.dataset.missing == 2
    await trial.judge()
    assert trial.verdict("1").outcome == "invalid_input"
    judging = existing_run(trial.run).judging
    take(trial, task=task)
    assert existing_run(trial.run).judging == judging
    trial.picture("late.png", 4)
    found = take(trial, task=task)
    assert found.dataset.missing == 0
    assert found.judging == judging
    assert found.created == manifest.created
    assert existing_run(trial.run) == found
    judge = await trial.judge()
    assert [picture.data for picture in judge.contextual_calls[0][0].pictures] == [trial.png(4)]
    assert trial.verdict("1").outcome == "scored"


def outside(trial: "Trial") -> str:
    """Write a picture outside the file's directory; return its name."""
    (trial.data.parent / "out.png").write_bytes(trial.png(5))
    return "../out.png"


def test_pictures_outside_must_be_allowed(trial: "Trial") -> None:
    """A file of responses cannot read pictures elsewhere unless the user trusts it."""
    take(trial, [authors(1, None, output_image=outside(trial))])
    assert "--allow-outside" in str(trial.response("1").error)
    take(trial, allow_outside=True)
    assert trial.response("1").status == "completed"


def test_importing_again_takes_nothing_twice(trial: "Trial") -> None:
    """The same command on the same file adds nothing, whatever became of the responses."""
    trial.write([trial.row(name) for name in "abcde"])
    rows = [
        ours("a"),
        ours("b", None, status="blocked"),
        ours("c", None),
        ours("d", None, status="model_error", error="down"),
        ours("e", None, status="invalid_input", error="too long"),
    ]
    first = with_dataset(trial, rows)
    statuses = ["completed", "blocked", "empty", "model_error", "invalid_input"]
    assert [response.status for response in trial.response_lines()] == statuses
    for _ in range(2):
        assert with_dataset(trial, rows) == first
    assert len(trial.response_lines()) == 5


def test_an_interrupted_import_goes_on(trial: "Trial") -> None:
    """A crash in the midst of taking rows loses none of them and doubles none."""
    take(trial, [authors(n) for n in range(5)])
    whole = trial.run.responses.read_bytes()
    for cut in range(0, len(whole), 97):
        trial.run.responses.write_bytes(whole[:cut])
        take(trial)
        assert [response.sample_id for response in trial.response_lines()] == list("01234")


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda trial: take(trial, [authors(1, "Another.")]), "responses_sha256"),
        (lambda trial: take(trial, model="x/other"), "model"),
        (lambda trial: take(trial, task=TASKS["text-to-image"]), "tasks"),
    ],
)
async def test_another_import_is_refused(
    trial: "Trial", change: "Callable[[Trial], Manifest]", name: str
) -> None:
    """A file that changed, another model or task is another run; this one stays as it is."""
    take(trial, [authors(1)])
    await trial.judge()
    before = {path.name: path.read_bytes() for path in trial.run.path.iterdir() if path.is_file()}
    with pytest.raises(RunMismatchError, match=name):
        change(trial)
    after = {path.name: path.read_bytes() for path in trial.run.path.iterdir() if path.is_file()}
    assert after == before


async def test_another_run_is_judged_anew(
    trial: "Trial", trial_at: "Callable[[Path], Trial]", tmp_path: Path
) -> None:
    """A run's responses can be judged in a run of their own: the last of each, none torn."""
    trial.open(
        [
            trial.row("a"),
            trial.row("b"),
            trial.row("c"),
            trial.row("d", "image-editing", images=["gone.png"]),
        ],
    )
    await trial.generate(
        lambda r: Output(text="first") if r.sample.id == "a" else Output(status="model_error")
    )
    await trial.generate(
        lambda r: Output(text="second") if r.sample.id == "b" else Output(status="model_error")
    )
    with trial.run.responses.open("ab") as file:
        file.write(b'{"sample_id":"c","te')
    other = trial_at(tmp_path / "other")
    given = ForeignResponses(path=trial.run.responses, dataset=("data", trial.run.samples))
    manifest = import_responses(other.run, given, other.watcher)
    assert (manifest.model.name, manifest.epochs) == ("function/test", 1)
    assert {key.sample_id: (r.status, r.text) for key, r in other.responses().items()} == {
        "a": ("completed", "first"),
        "b": ("completed", "second"),
        "c": ("model_error", None),
        "d": ("invalid_input", None),
    }
    assert len(other.response_lines()) == 4
    assert other.response("a").extra == {}
    assert list(stored_samples(other.run, Sample)) == list(stored_samples(trial.run, Sample))
    judge = await other.judge()
    assert len(judge.contextual_calls) == 2
    assert import_responses(other.run, given, other.watcher) == existing_run(other.run)


@pytest.mark.parametrize(
    ("intention", "kept"),
    [
        ("Error when calling the model: 429", None),
        ("I'm sorry, but I can't help with that.", None),
        (
            "The user wants to learn how locks are picked.",
            "The user wants to learn how locks are picked.",
        ),
    ],
)
def test_an_intention_that_is_none_is_left_out(
    trial: "Trial", intention: str, kept: str | None
) -> None:
    """The authors' scripts write the extractor's error or refusal where the intent belongs."""
    take(trial, [{**authors(1), "intention": intention}])
    (sample,) = stored_samples(trial.run, Sample)
    assert sample.intent == kept
