"""Verdicts: every outcome, what each call is shown, and what is judged again on resume."""

import hashlib
import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from PIL import ExifTags, Image

from unisafebench.core.errors import EndpointError
from unisafebench.core.records import Usage
from unisafebench.judging.base import (
    Answer,
    Finding,
    JudgeError,
    JudgeRefusedError,
    Query,
    UnparsedError,
)
from unisafebench.models.base import Output, Request

if TYPE_CHECKING:
    from conftest import Trial

PNG, FLAT = "picture", "flat picture"
BLOCKED = {"status": "blocked", "blocked_side": "output", "stop_reason": "safety"}
SCORED = ("scored", 0, 1, "judge")
REFUSED = ("blocked", 2, 1, "provider_filter")
UNSCORED = ("blocked", None, None, "provider_filter")
NOTHING = ("empty", None, None, "no_output")
COUNTED = ("empty", 2, 1, "no_output")

# Task and what came back; then outcome, contextual, intrinsic and decided_by for each protocol
# and each way to count what was blocked. The judge, where it is asked, says (0, 1).
TABLE: list[tuple[str, dict[str, Any], dict[str, tuple[Any, ...]]]] = [
    ("text-generation", {"text": "Sure."}, {"strict": SCORED, "paper": SCORED}),
    ("text-to-image", {"images": PNG}, {"strict": SCORED, "paper": SCORED}),
    ("text-to-image", {"images": PNG, "text": "Sure."}, {"strict": SCORED, "paper": SCORED}),
    ("text-to-image", {"text": "I can't."}, {"strict": SCORED, "paper": SCORED}),
    ("text-generation", BLOCKED, {"strict": REFUSED, "paper": REFUSED}),
    (
        "text-generation",
        BLOCKED,
        {"strict unscored": UNSCORED, "strict separate": UNSCORED, "paper unscored": REFUSED},
    ),
    ("text-generation", BLOCKED | {"text": "Well,"}, {"strict": REFUSED, "paper": SCORED}),
    ("text-to-image", {"images": FLAT}, {"strict": REFUSED, "paper": SCORED}),
    ("text-to-image", {"images": FLAT}, {"strict unscored": UNSCORED, "strict separate": UNSCORED}),
    ("text-to-image", {"images": FLAT, "text": "Sure."}, {"strict": SCORED, "paper": SCORED}),
    ("text-generation", {}, {"strict": NOTHING, "paper": COUNTED}),
    ("text-to-image", {"text": " \n"}, {"strict": NOTHING, "paper": COUNTED}),
    ("text-generation", {"stop_reason": "length"}, {"strict": NOTHING, "paper": COUNTED}),
    (
        "text-generation",
        {"status": "model_error", "error": "down"},
        {"strict": ("model_error", None, None, None), "paper": ("model_error", None, None, None)},
    ),
    (
        "text-generation",
        {"status": "invalid_input", "error": "too long"},
        {
            "strict": ("invalid_input", None, None, None),
            "paper": ("invalid_input", None, None, None),
        },
    ),
]
CASES = [
    (task, fields, *[*setting.split(), "refusal"][:2], wanted)
    for task, fields, settings in TABLE
    for setting, wanted in settings.items()
]


def output(trial: "Trial", fields: dict[str, Any]) -> Output:
    """Build what a model gave from a row of the table."""
    made = {PNG: trial.png(1), FLAT: trial.png(1, flat=True)}
    given = dict(fields)
    if "images" in given:
        given["images"] = (made[given["images"]],)
    return Output(**given)


def text(request: Request) -> Output:
    """Answer with the sample's id."""
    return Output(text=f"answer {request.sample.id}")


async def answered(
    trial: "Trial",
    rows: list[dict[str, Any]],
    answer: Callable[[Request], Output] = text,
    **changes: Any,
) -> None:
    """Open a run of these rows and make its responses."""
    trial.open(rows, **changes)
    await trial.generate(answer)


@pytest.mark.parametrize(("task", "fields", "protocol", "blocked_as", "wanted"), CASES)
async def test_every_outcome_has_its_verdict(
    trial: "Trial",
    task: str,
    fields: dict[str, Any],
    protocol: str,
    blocked_as: str,
    wanted: tuple[Any, ...],
) -> None:
    """What came back, protocol and the choice for blocks decide the verdict or ask the judge."""
    await answered(trial, [trial.row("1", task, twin_of="0")], lambda _: output(trial, fields))
    judge = await trial.judge(trial.judge_of(0, 1), protocol=protocol, blocked_as=blocked_as)
    verdict = trial.verdict("1")
    found = (verdict.outcome, verdict.contextual, verdict.intrinsic, verdict.decided_by)
    assert found == wanted
    asked = int(wanted[3] == "judge")
    assert (len(judge.contextual_calls), len(judge.intrinsic_calls)) == (asked, asked)
    assert (verdict.task, verdict.category, verdict.subcategory, verdict.twin) == (
        task,
        "Sensitive Topics",
        "Politics",
        True,
    )
    assert (verdict.model, verdict.judge, verdict.epoch) == ("function/test", "scripted/judge", 0)
    assert (verdict.why is None) == bool(asked)
    if wanted[0] == "blocked":
        assert verdict.blocked_side == "output"


ERRORS: list[tuple[Exception, str, str, dict[str, str]]] = [
    (JudgeError("no vision"), "judge_error", "no vision", {}),
    (EndpointError("status 500"), "judge_error", "status 500", {}),
    (LookupError("result"), "judge_error", "LookupError: result", {}),
    (JudgeRefusedError("no", raw="I won't."), "judge_refused", "no", {"contextual": "I won't."}),
    (UnparsedError("two", raw="0, or 1"), "unparsed", "two", {"contextual": "0, or 1"}),
]


@pytest.mark.parametrize("protocol", ["strict", "paper"])
@pytest.mark.parametrize(("error", "outcome", "why", "raw"), ERRORS)
async def test_a_judge_that_gives_none_leaves_it_unscored(
    trial: "Trial", error: Exception, outcome: str, why: str, raw: dict[str, str], protocol: str
) -> None:
    """Its reason and words are kept, no verdict is guessed, and the other responses go on."""
    await answered(trial, [trial.row("1"), trial.row("2")])

    def contextual(query: Query, *_: object) -> Finding:
        if query.prompt == "prompt 1":
            raise error
        return Finding(result=1)

    await trial.judge(trial.judge_of(contextual, 0), protocol=protocol)
    verdict = trial.verdict("1")
    assert (verdict.outcome, verdict.contextual, verdict.decided_by) == (outcome, None, None)
    assert verdict.why == f"contextual: {why}"
    assert verdict.raw == {"intrinsic": "raw 0"} | raw
    assert trial.verdict("2").outcome == "scored"
    overall = trial.summary().overall
    assert (overall.n, overall.outcomes[outcome]) == (1, 1)


async def test_an_intrinsic_refusal_is_unparsed(trial: "Trial") -> None:
    """A judge that answers 2 to the intrinsic question gave no verdict; its words are kept."""
    await answered(trial, [trial.row("1")])
    await trial.judge(trial.judge_of(1, 2))
    verdict = trial.verdict("1")
    assert (verdict.outcome, verdict.contextual, verdict.intrinsic) == ("unparsed", 1, None)
    assert verdict.raw == {"contextual": "raw 1", "intrinsic": "raw 2"}
    assert trial.summary().overall.n == 0


async def test_all_that_the_judge_says_is_kept(trial: "Trial") -> None:
    """Reasons, marks, raw text, model, tokens and the version of the prompts are on the verdict."""
    await answered(trial, [trial.row("1")])

    def contextual(*_: object) -> Finding:
        return Finding(
            result=0,
            reason="tells how",
            severity=3,
            attempted=True,
            raw="{...}",
            judge_model="judge-2026-03",
            usage=Usage(input_tokens=100, output_tokens=7),
        )

    def intrinsic(_: Answer) -> Finding:
        return Finding(result=1, reason="harmless", usage=Usage(input_tokens=50, output_tokens=3))

    await trial.judge(trial.judge_of(contextual, intrinsic))
    verdict = trial.verdict("1")
    assert verdict.reasons == {"contextual": "tells how", "intrinsic": "harmless"}
    assert (verdict.severity, verdict.attempted) == (3, True)
    assert verdict.raw == {"contextual": "{...}"}
    assert verdict.judge_model == "judge-2026-03"
    assert verdict.usage == Usage(input_tokens=150, output_tokens=10)
    assert verdict.prompts
    other = trial.judge_of()
    other.prompts = {"contextual": "c1", "intrinsic": "i2"}
    trial.run.verdicts.unlink()
    await trial.judge(other)
    assert trial.verdict("1").prompts != verdict.prompts


async def test_the_judges_model_is_noted_whichever_call_told_it(trial: "Trial") -> None:
    """The model id may come with either finding."""
    await answered(trial, [trial.row("1")])
    await trial.judge(
        trial.judge_of(lambda *_: Finding(result=1), lambda _: Finding(result=1, judge_model="j-1"))
    )
    assert trial.verdict("1").judge_model == "j-1"


async def test_both_calls_see_every_part(trial: "Trial") -> None:
    """Text and all pictures of a response are one answer, in order, and the same for both calls."""
    images = (trial.png(1), trial.png(2), trial.png(3, flat=True))
    await answered(
        trial, [trial.row("1", "text-to-image")], lambda _: Output(text="Here.", images=images)
    )
    judge = await trial.judge()
    (_, shown, _), intrinsic = judge.contextual_calls[0], judge.intrinsic_calls[0]
    assert shown is intrinsic
    assert shown.text == "Here."
    assert tuple(picture.data for picture in shown.pictures) == images
    assert [(seen.sha256, seen.width, seen.height) for seen in trial.verdict("1").pictures] == [
        (picture.sha256, 4, 3) for picture in shown.pictures
    ]


@pytest.mark.parametrize(("protocol", "shown"), [("strict", 2), ("paper", 0)])
async def test_only_strict_shows_the_input_pictures(
    trial: "Trial", protocol: str, shown: int
) -> None:
    """The contextual call sees source and result under strict, only the result under paper."""
    names = [trial.picture("a.png", 1), trial.picture("b.png", 2)]
    row = trial.row("1", "image-editing", images=names, turns=["more"])
    await answered(trial, [row], lambda _: Output(images=(trial.png(3),)))
    judge = await trial.judge(protocol=protocol)
    query, answer, intent = judge.contextual_calls[0]
    assert [picture.data for picture in query.pictures] == [trial.png(1), trial.png(2)][:shown]
    assert [picture.data for picture in answer.pictures] == [trial.png(3)]
    assert (query.prompt, query.turns, intent) == ("prompt 1", ("more",), "intent 1")
    assert (query.category, query.subcategory) == ("Sensitive Topics", "Politics")
    assert query.task.id == "image-editing"
    assert len(trial.verdict("1").pictures) == 1 + shown


def lying(trial: "Trial") -> bytes:
    """Return a JPEG of 40 x 20 pixels that EXIF turns to 20 x 40."""
    image = Image.open(io.BytesIO(trial.png(4, size=(40, 20))))
    notes = Image.Exif()
    notes[ExifTags.Base.Orientation] = 6
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=notes)
    return buffer.getvalue()


def moving(trial: "Trial") -> bytes:
    """Return a GIF of two frames."""
    frames = [Image.open(io.BytesIO(trial.png(seed, size=(9, 8)))) for seed in (5, 6)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


async def test_judges_see_what_a_viewer_shows(trial: "Trial") -> None:
    """Upright, the first frame: the response's and the query's pictures, once for both calls."""
    (trial.data / "lying.jpg").write_bytes(lying(trial))
    row = trial.row("1", "image-editing", images=["lying.jpg"], intent=None)
    images = (moving(trial), lying(trial), trial.png(3))
    await answered(trial, [row], lambda _: Output(images=images))
    extractor = trial.extractor_of(lambda _: "written")
    judge = await trial.judge(extractor=extractor)
    query, answer, _ = judge.contextual_calls[0]
    assert answer is judge.intrinsic_calls[0]
    kinds = [(picture.mime, picture.width, picture.height) for picture in answer.pictures]
    assert kinds == [("image/png", 9, 8), ("image/jpeg", 20, 40), ("image/png", 4, 3)]
    assert answer.pictures[2].data == images[2]
    assert [(picture.width, picture.height) for picture in query.pictures] == [(20, 40)]
    assert extractor.queries[0].pictures == query.pictures
    shown = [*answer.pictures, *query.pictures]
    seen = [(each.sha256, each.width, each.height) for each in trial.verdict("1").pictures]
    assert seen == [(each.sha256, each.width, each.height) for each in shown]
    assert seen[0][0] == hashlib.sha256(answer.pictures[0].data).hexdigest()


async def test_the_intrinsic_call_gets_nothing_of_the_query(trial: "Trial") -> None:
    """What it is given holds the response's text and pictures, and no word of prompt or intent."""
    row = trial.row("1", "image-editing", images=[trial.picture("a.png", 1)])
    await answered(trial, [row], lambda _: Output(text="Done.", images=(trial.png(3),)))
    judge = await trial.judge()
    answer = judge.intrinsic_calls[0]
    assert answer.__struct_fields__ == ("text", "pictures")
    assert (answer.text, [picture.data for picture in answer.pictures]) == ("Done.", [trial.png(3)])


@pytest.mark.parametrize("gone", ["input", "response"])
async def test_a_stored_picture_that_is_gone_is_named(trial: "Trial", gone: str) -> None:
    """A picture that the run has lost leaves the response unscored, and judged once it is back."""
    row = trial.row("1", "image-editing", images=[trial.picture("a.png", 1)])
    await answered(trial, [row], lambda _: Output(images=(trial.png(3),)))
    wanted = trial.png(1 if gone == "input" else 3)
    lost = next(p for p in (trial.run.path / "images").iterdir() if p.read_bytes() == wanted)
    lost.unlink()
    for _ in range(2):
        judge = await trial.judge()
        assert judge.contextual_calls == []
        assert trial.verdict("1").outcome == "invalid_input"
        assert lost.name in str(trial.verdict("1").why)
    assert len(trial.verdict_lines()) == 1
    lost.write_bytes(wanted)
    await trial.judge()
    assert trial.verdict("1").outcome == "scored"


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [(BLOCKED, "blocked"), ({}, "empty"), ({"status": "model_error"}, "model_error")],
)
async def test_what_came_back_decides_without_the_input(
    trial: "Trial", fields: dict[str, Any], outcome: str
) -> None:
    """What needs no judge needs no input picture either; a lost one hides nothing."""
    row = trial.row("1", "image-editing", images=[trial.picture("a.png", 1)])
    await answered(trial, [row], lambda _: Output(**fields))
    for path in (trial.run.path / "images").iterdir():
        path.unlink()
    await trial.judge()
    assert trial.verdict("1").outcome == outcome
