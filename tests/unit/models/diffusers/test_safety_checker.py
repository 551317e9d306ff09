"""The safety checker's verdicts, picture by picture, and what becomes of them in a run."""

from pathlib import Path

import pytest
from asking_pipelines import answers_of, opened, pixels, request
from PIL import Image
from tiny_pipelines import save_stable_diffusion, threshold_between

from unisafebench.core.errors import UsageError
from unisafebench.core.tasks import TASKS
from unisafebench.models.registry import resolve
from unisafebench.testing import check_model, example_requests


async def test_black_pictures_are_blocked_and_kept(blackening: Path) -> None:
    """The flag ends the response as blocked on the output's side; the black picture is there."""
    async with opened(blackening) as model:
        assert model.settings["safety_checker"] == "StableDiffusionSafetyChecker"
        output = await model.generate(request("a cat"))
        assert await check_model(model) == {"text-to-image": {"blocked": 4}}
    assert output.status == "blocked"
    assert output.blocked_side == "output"
    assert output.stop_reason == "nsfw_content_detected"
    assert pixels(output).shape == (32, 32, 3)
    assert not pixels(output).any()


async def test_each_picture_of_a_batch_has_its_own_verdict(drawing: Path, tmp_path: Path) -> None:
    """A checker whose threshold parts the pictures blackens those above it, and no other."""
    asked = example_requests(TASKS["text-to-image"])
    async with opened(drawing) as model:
        free = await answers_of(model, asked)
    pictures = [Image.fromarray(pixels(each).astype("uint8")) for each in free]
    threshold, above = threshold_between(pictures)
    assert {True, False} == set(above)
    save_stable_diffusion(tmp_path / "parts", threshold=threshold)
    async with opened(tmp_path / "parts", batch_size="4") as model:
        checked = await answers_of(model, asked)
    assert [each.details["batch"] for each in checked] == [4] * 4
    assert [each.status == "blocked" for each in checked] == above
    assert [bool(pixels(each).any()) for each in checked] == [not each for each in above]


async def test_the_checker_can_be_left_out_and_the_settings_say_so(
    blackening: Path, drawing: Path
) -> None:
    """Without it the pictures are those of the same weights without a checker."""
    async with opened(blackening, safety_checker="no") as model:
        assert model.settings["safety_checker"] == "off"
        output = await model.generate(request("a cat"))
    async with opened(drawing) as model:
        same = await model.generate(request("a cat"))
    assert output.status == "completed"
    assert output.images == same.images


def test_a_checker_that_is_asked_for_must_be_there(drawing: Path) -> None:
    """Nobody is to believe that a filter was on where there is none."""
    with pytest.raises(UsageError, match="has no safety checker"):
        resolve(f"diffusers:{drawing}", {"safety_checker": "yes"})
