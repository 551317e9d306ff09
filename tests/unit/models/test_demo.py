"""The stand-in: deterministic, labelled, and really using the pictures that it is given."""

import io
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from unisafebench.core.errors import UnknownNameError, UsageError
from unisafebench.core.records import Sample
from unisafebench.core.tasks import TASKS
from unisafebench.core.taxonomy import SUBCATEGORIES, category_of
from unisafebench.media.pictures import Picture, check_picture
from unisafebench.models.base import ModelError, Output, Request
from unisafebench.models.demo import create, drawing, words
from unisafebench.models.demo.answers import compose
from unisafebench.models.demo.behaviours import (
    ANSWER_SHARES,
    FAULT_SHARES,
    Behaviour,
    choose,
    draw,
)

B = Behaviour
_KINDS = [
    (task, kind)
    for task in TASKS
    for kind in {**ANSWER_SHARES[task], **FAULT_SHARES[task]}
    if kind is not B.MODEL_ERROR
]


def _picture(colour: str, size: tuple[int, int] = (300, 200)) -> Picture:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return check_picture(buffer.getvalue())


def _request(task: str, *, sample_id: str = "one", colour: str = "red") -> Request:
    sample = Sample(
        id=sample_id,
        task=task,
        category=category_of("Religion"),
        subcategory="Religion",
        prompt="A prompt.",
    )
    pictures = (_picture(colour),) if TASKS[task].image_input else ()
    return Request(sample=sample, task=TASKS[task], pictures=pictures)


def test_settings_and_capabilities_are_those_of_a_stand_in() -> None:
    """The manifest of a run with it says what it is, and no task is left out."""
    model = create("demo", {})
    assert model.name == "demo"
    assert model.settings["stand_in"] is True
    assert all(model.capabilities.supports(task) for task in TASKS.values())


def test_other_names_and_options_are_refused() -> None:
    """A setting that has no effect is an error, not ignored."""
    with pytest.raises(UnknownNameError, match="demo model 'demo/large'"):
        create("demo/large", {})
    with pytest.raises(UsageError, match="takes no options, but was given temperature"):
        create("demo", {"temperature": "1"})


@given(
    task=st.sampled_from(sorted(TASKS)),
    sample_id=st.text(),
    prompt=st.text(),
    epoch=st.integers(0, 99),
)
def test_choice_is_total_and_a_function_of_its_input(
    task: str, sample_id: str, prompt: str, epoch: int
) -> None:
    """Any sample gets one of its task's behaviours, the same one each time."""
    kind = choose(task, sample_id, prompt, epoch)
    assert kind in {**ANSWER_SHARES[task], **FAULT_SHARES[task]}
    assert choose(task, sample_id, prompt, epoch) is kind


@given(st.sampled_from(sorted(TASKS)), st.text(), st.integers(1, 9))
def test_faults_are_the_sample_s_in_every_epoch(task: str, prompt: str, epoch: int) -> None:
    """A sample that fails once fails always: trying again cannot help."""
    first, other = choose(task, "s", prompt, 0), choose(task, "s", prompt, epoch)
    assert (first in FAULT_SHARES[task]) == (other in FAULT_SHARES[task])


@given(st.integers(1, 10**6), st.lists(st.text()))
def test_draw_stays_below_its_bound(below: int, parts: list[str]) -> None:
    """A drawn number is a valid index."""
    assert 0 <= draw(below, *parts) < below


def test_shares_come_out_as_written() -> None:
    """Over many samples each kind is about as frequent as its share says."""
    kinds = [choose("text-to-image", str(number), "p") for number in range(20_000)]
    # Four standard deviations of a count of 20,000 with p = 0.03 * (1 - 0.02) are 95.
    assert abs(kinds.count(B.HUGE_PICTURE) - 588) < 95
    # 20,000 * 0.02 = 400; four standard deviations are 80.
    assert abs(kinds.count(B.MODEL_ERROR) - 400) < 80


def test_shares_leave_nothing_to_chance() -> None:
    """No task's shares go beyond the whole."""
    for shares in (*ANSWER_SHARES.values(), *FAULT_SHARES.values()):
        assert sum(shares.values()) <= 1000


def test_every_subcategory_has_lines() -> None:
    """The stand-in has something to say on all sixteen topics."""
    assert set(words.TOPICS) == set(SUBCATEGORIES)


@pytest.mark.parametrize(("task", "kind"), _KINDS)
def test_answers_are_labelled_and_repeatable(task: str, kind: Behaviour) -> None:
    """Each kind of answer comes out the same twice, its texts labelled, its pictures sound."""
    output = compose(_request(task), kind)
    assert output == compose(_request(task), kind)
    if output.text and kind not in {B.FOREIGN_SCRIPT, B.NO_WORDS}:
        assert output.text.endswith(words.LABEL)
    for image in output.images:
        check_picture(image)


@pytest.mark.parametrize(
    ("task", "kind", "has_text", "has_picture"),
    [
        ("text-generation", B.UNSAFE, True, False),
        ("text-generation", B.MIXED_SAFE, True, True),
        ("text-to-image", B.SAFE, False, True),
        ("text-to-image", B.REFUSAL, True, False),
        ("text-to-image", B.REFUSAL_THEN_UNSAFE, True, True),
        ("image-editing", B.UNSAFE, False, True),
        ("image-editing", B.WORDS_ONLY, True, False),
        ("image-editing", B.REFUSAL_THEN_SAFE, True, False),
        ("vqa-dual-unsafe", B.SAFE, True, False),
        ("vqa-dual-unsafe", B.MIXED_UNSAFE, True, True),
    ],
)
def test_form_follows_task_and_kind(
    task: str, kind: Behaviour, has_text: bool, has_picture: bool
) -> None:
    """Text, picture or both: what each kind of answer consists of."""
    output = compose(_request(task), kind)
    assert (bool(output.text), bool(output.images)) == (has_text, has_picture)


def test_refusals_open_with_one_and_differ_in_what_follows() -> None:
    """Whole, followed by something harmless, or followed by what was asked for."""
    topic = words.TOPICS["Religion"]
    request = _request("text-generation")
    texts = [
        compose(request, kind).text or ""
        for kind in (B.REFUSAL, B.REFUSAL_THEN_SAFE, B.REFUSAL_THEN_UNSAFE)
    ]
    assert all(text.startswith(words.REFUSALS) for text in texts)
    assert not any(line in texts[0] for line in topic.safe + topic.unsafe)
    assert any(line in texts[1] for line in topic.safe)
    assert any(line in texts[2] for line in topic.unsafe)


@pytest.mark.parametrize(
    ("kind", "side"), [(B.BLOCKED_INPUT, "input"), (B.BLOCKED_OUTPUT, "output")]
)
def test_blocks_say_side_and_reason(kind: Behaviour, side: str) -> None:
    """A block holds what the provider said, and no content."""
    output = compose(_request("text-generation"), kind)
    assert (output.status, output.blocked_side, output.text) == ("blocked", side, None)
    assert output.error is not None
    assert "stand-in content filter" in output.error


def test_placeholders_are_the_same_bytes_for_any_sample() -> None:
    """As a safety checker's are; the flaw is for the caller to find."""
    for kind, flaw in ((B.PLACEHOLDER, "one_colour"), (B.PLACEHOLDER_PIXEL, "one_pixel")):
        outputs = [
            compose(_request("text-to-image", sample_id=sample_id), kind) for sample_id in "ab"
        ]
        assert outputs[0] == outputs[1]
        assert outputs[0].status == "completed"
        assert check_picture(outputs[0].images[0]).flaw == flaw


@pytest.mark.parametrize(("kind", "reason"), [(B.NOTHING, "stop"), (B.CUT_OFF, "length")])
def test_empty_answers_say_how_they_ended(kind: Behaviour, reason: str) -> None:
    """Nothing at all, or the limit reached before the answer."""
    assert compose(_request("text-to-image"), kind) == Output(text="", stop_reason=reason)


def test_huge_picture_is_beyond_24_megapixels_and_small_as_a_file() -> None:
    """Too large for a judge, and still cheap to keep."""
    (image,) = compose(_request("text-to-image"), B.HUGE_PICTURE).images
    picture = check_picture(image)
    assert picture.width * picture.height == 28_000_000
    assert picture.flaw is None
    assert len(image) < 100_000


def test_answers_that_no_english_reader_can_judge() -> None:
    """No ASCII letters in either: one is in another script, the other has no words."""
    for text in (*words.FOREIGN, words.NO_WORDS):
        assert not any(character.isascii() and character.isalpha() for character in text)
    assert all(any(character.isalpha() for character in text) for text in words.FOREIGN)


@pytest.mark.parametrize("colour", ["red", "blue", "green", "white", "black"])
def test_questions_about_a_picture_are_answered_by_looking_at_it(colour: str) -> None:
    """Size and main colour are those of the picture that was given."""
    output = compose(_request("vqa-image-unsafe", colour=colour), B.SAFE)
    assert f"The picture is 300 x 200 pixels and mostly {colour}." in (output.text or "")


def test_main_colour_is_that_of_most_pixels() -> None:
    """A small mark on a picture does not change what it mostly is."""
    image = Image.new("RGB", (100, 100), "yellow")
    image.paste("black", (0, 0, 100, 30))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    assert "mostly yellow" in drawing.describe(check_picture(buffer.getvalue()))


def test_edit_keeps_the_picture_and_adds_a_sign() -> None:
    """The upper part is the given picture's own, the lower part is not."""
    (image,) = compose(_request("image-editing", colour="blue"), B.UNSAFE).images
    edited = Image.open(io.BytesIO(image)).convert("RGB")
    width, height = edited.size
    above = edited.getpixel((width // 2, height // 5))
    beside_text = edited.getpixel((40, height // 2 + 20))
    assert isinstance(above, tuple)
    assert isinstance(beside_text, tuple)
    # JPEG shifts a level or two.
    assert above[0] < 10
    assert above[2] > 245
    assert min(beside_text) > 200


@pytest.mark.parametrize("size", [(1, 1), (2000, 3), (3, 2000), (90, 60), (1600, 1200)])
def test_edit_is_legible_whatever_the_size(size: tuple[int, int]) -> None:
    """Any picture gets room for a sign, and none grows without bound."""
    edited = check_picture(drawing.add_sign(_picture("red", size), "All faiths are welcome", 1))
    assert 512 <= edited.width <= 768
    assert 384 <= edited.height <= 768


def test_transparent_pictures_are_seen_on_white() -> None:
    """What is see-through is not black."""
    buffer = io.BytesIO()
    Image.new("RGBA", (50, 50), (0, 0, 0, 0)).save(buffer, "PNG")
    assert "mostly white" in drawing.describe(check_picture(buffer.getvalue()))


@pytest.mark.parametrize(
    "line",
    [line for topic in words.TOPICS.values() for line in (topic.unsafe_sign, topic.safe_sign)],
)
def test_signs_fit_at_a_legible_size(line: str) -> None:
    """At 32 pixels a sign's words need two lines of the narrowest board at most."""
    assert len(drawing._wrap(line, 32, 512 - 72)) <= 2


@pytest.mark.parametrize("make", [lambda: drawing.draw_poster("Be kind", 5), drawing.one_colour])
def test_pictures_carry_no_metadata(make: Callable[[], bytes]) -> None:
    """Nothing but pixels can tell a judge what a picture is."""
    assert Image.open(io.BytesIO(make())).info == {}


async def test_failing_sample_fails_each_time() -> None:
    """A sample that meets a model error meets it again."""
    model = create("demo", {})
    failing = next(
        str(number)
        for number in range(10_000)
        if choose("text-generation", str(number), "A prompt.") is B.MODEL_ERROR
    )
    request = _request("text-generation", sample_id=failing)
    for epoch in range(3):
        with pytest.raises(ModelError, match=f"sample '{failing}'"):
            await model.generate(msgspec.structs.replace(request, epoch=epoch))


async def test_request_without_its_picture_is_invalid_input() -> None:
    """A picture task without a picture cannot be answered."""
    request = msgspec.structs.replace(_request("image-editing"), pictures=())
    output = await create("demo", {}).generate(request)
    assert output.status == "invalid_input"
    assert "holds no picture" in (output.error or "")
