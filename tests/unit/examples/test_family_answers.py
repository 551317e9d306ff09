"""What the workers of families do with their model, against stand-ins for its authors' code."""

import io
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
import stand_in_checkouts as made
from exec_workers import asked, command, opened
from PIL import Image

from unisafebench.models.base import ModelError, Output, Request

WORKERS = Path(__file__).parents[3] / "examples" / "workers"
_QUESTION = "Why vote?"


@pytest.fixture(autouse=True)
def _quiet_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no worker take all cores, or look for anything on the hub."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def _command(family: str, options: Mapping[str, object], *flags: str) -> str:
    words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
    return command(sys.executable, WORKERS / f"{family}.py", *words, *flags)


async def _answers(
    family: str, options: Mapping[str, object], *requests: Request, flags: tuple[str, ...] = ()
) -> list[Output]:
    async with opened(_command(family, options, *flags)) as model:
        return [await model.generate(request) for request in requests]


def _size(output: Output) -> tuple[int, int]:
    (data,) = output.images
    return Image.open(io.BytesIO(data)).size


async def test_bagel_says_draws_and_edits(tmp_path: Path) -> None:
    """Each task becomes a call that the authors' inferencer takes."""
    said, seen, drawn, edited = await _answers(
        "bagel",
        made.bagel(tmp_path),
        asked(_QUESTION),
        asked(_QUESTION, "vqa-dual-unsafe"),
        asked(_QUESTION, "text-to-image"),
        asked(_QUESTION, "image-editing"),
    )
    # The seed of the request is 8.
    assert said.text == "0 pictures, Why vote? seed 8"
    assert seen.text == "1 pictures, Why vote? seed 8"
    assert (drawn.text, _size(drawn)) == (None, (1024, 1024))
    assert (edited.text, _size(edited)) == (None, (96, 64))


async def test_bagel_keeps_what_it_planned(tmp_path: Path) -> None:
    """With --think the plan is part of the answer."""
    (drawn,) = await _answers(
        "bagel", made.bagel(tmp_path), asked(_QUESTION, "text-to-image"), flags=("--think",)
    )
    assert (drawn.text, _size(drawn)) == ("<think>plan</think>", (1024, 1024))


@pytest.mark.slow
async def test_harmon_says_and_draws(tmp_path: Path) -> None:
    """A picture takes the places of its 1,088 features, the question and template the others."""
    pytest.importorskip("torch")
    said, seen, drawn = await _answers(
        "harmon",
        made.harmon(tmp_path),
        asked(_QUESTION),
        asked(_QUESTION, "vqa-dual-unsafe"),
        asked(_QUESTION, "text-to-image"),
    )
    around = len("<user><assistant>") + len(_QUESTION)
    assert said.text == f"0 of a picture, {around} of text"
    assert seen.text == f"1088 of a picture, {around + 1} of text"
    assert _size(drawn) == (512, 512)


@pytest.mark.slow
async def test_showo2_says_and_draws(tmp_path: Path) -> None:
    """The tokens of a question, and with a picture seven more: time, four, and two marks."""
    pytest.importorskip("torch")
    said, seen, drawn = await _answers(
        "showo2",
        made.showo2(tmp_path),
        asked(_QUESTION),
        asked(_QUESTION, "vqa-dual-unsafe"),
        asked(_QUESTION, "text-to-image"),
    )
    around = "system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
    tokens = 1 + len(around) + len(_QUESTION) + len("\n<|im_start|>assistant\n")
    assert said.text == f"{tokens} 0"
    # Of the mask, the rows of the picture and its time are those that the stand-in counts.
    assert seen.text == f"{tokens + 7} 5"
    assert _size(drawn) == (48, 32)


@pytest.mark.slow
async def test_tar_says_and_draws(tmp_path: Path) -> None:
    """A tiny Qwen2 goes on from its own template; the same seed gives the same answers."""
    pytest.importorskip("transformers")
    request = asked(_QUESTION, "vqa-dual-unsafe")
    seen, drawn, again = await _answers(
        "tar", made.tar(tmp_path), request, asked(_QUESTION, "text-to-image"), request
    )
    assert again.text == seen.text
    assert _size(drawn) == (24, 16)


async def test_error_of_the_model_ends_one_sample(tmp_path: Path) -> None:
    """What the model's code raises is told, and the next sample is answered."""
    options = made.bagel(tmp_path)
    code = tmp_path / "code" / "inferencer.py"
    taken = "*pictures, text = input_lists"
    source = code.read_text(encoding="utf-8")
    code.write_text(source.replace(taken, f"{taken}; 1 / len(text)"), encoding="utf-8")
    async with opened(_command("bagel", options)) as model:
        with pytest.raises(ModelError, match="ZeroDivisionError: division by zero"):
            await model.generate(asked(""))
        assert (await model.generate(asked(_QUESTION))).text


async def test_further_turns_are_not_dropped(tmp_path: Path) -> None:
    """A sample of several turns is refused: an answer to its first turn alone would mislead."""
    request = asked(_QUESTION)
    sample = msgspec.structs.replace(request.sample, turns=("And then?",))
    with pytest.raises(ModelError, match="answers one turn, not several"):
        await _answers(
            "bagel", made.bagel(tmp_path), msgspec.structs.replace(request, sample=sample)
        )
