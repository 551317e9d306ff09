"""Editing with real pipelines: the source picture is seen, and never another request's."""

from pathlib import Path

import numpy as np
from asking_pipelines import answers_of, opened, pixels, plain, request

from unisafebench.testing import check_model

_RED, _BLUE = plain("red"), plain("blue")
_SMALL = {"height": "32", "width": "32", "image__max_area": "1024", "image___auto_resize": "false"}


async def test_editing_pipeline_conforms(editing: Path) -> None:
    """One that only edits offers no drawing."""
    async with opened(editing, batch_size="4") as model:
        assert not model.capabilities.image_output
        assert not model.capabilities.text_output
        assert await check_model(model) == {"image-editing": {"completed": 4}}


async def test_the_source_decides_with_the_prompt(editing: Path) -> None:
    """Another source, or another prompt, gives another picture, of the source's size."""
    async with opened(editing) as model:
        red, blue, again, other = await answers_of(
            model,
            [
                request("make it green", pictures=[_RED]),
                request("make it green", pictures=[_BLUE]),
                request("make it green", pictures=[_RED]),
                request("add a dog", pictures=[_RED]),
            ],
        )
    assert red.images == again.images
    assert len({red.images, blue.images, other.images}) == 3
    assert pixels(red).shape == (32, 48, 3)
    (seen,) = red.pictures_sent
    assert (seen.sha256, seen.width, seen.height) == (_RED.sha256, 48, 32)
    # The call's own default.
    assert red.sent["image_guidance_scale"] == 1.5


async def test_edits_of_one_size_share_a_batch_and_keep_their_sources(editing: Path) -> None:
    """Each gets what it gets alone; a picture of another size waits for a call of its own."""
    asked = [
        request("make it green", pictures=[_RED]),
        request("make it green", pictures=[_BLUE]),
        request("make it green", pictures=[plain("red", (32, 32))]),
    ]
    async with opened(editing) as model:
        alone = await answers_of(model, asked)
    async with opened(editing, batch_size="3") as model:
        together = await answers_of(model, asked)
    assert [each.details["batch"] for each in together] == [2, 2, 1]
    for one, other in zip(alone, together, strict=True):
        assert np.abs(pixels(one) - pixels(other)).max() <= 1


async def test_edits_are_asked_one_by_one_where_a_list_means_references(both: Path) -> None:
    """The list would be several references for one picture: no two edits are in one call."""
    asked = [request("make it green", pictures=[each]) for each in (_RED, _BLUE)]
    async with opened(both, batch_size="4", **_SMALL) as model:
        outputs = await answers_of(model, asked)
    assert [each.details["batch"] for each in outputs] == [1, 1]
    assert outputs[0].images != outputs[1].images


async def test_image_to_image_starts_from_the_source(drawing: Path) -> None:
    """With little noise it depends on the source, with the most it hardly does."""
    differences = []
    for strength in ("0.3", "1.0"):
        options = {"editing": "img2img", "steps": "4", "image__strength": strength}
        async with opened(drawing, **options) as model:
            assert model.capabilities.image_output
            assert model.settings["editing"] == "img2img"
            assert model.settings["editor"] == "StableDiffusionImg2ImgPipeline"
            red, blue = await answers_of(
                model, [request("a dog", pictures=[each]) for each in (_RED, _BLUE)]
            )
        assert red.sent["strength"] == float(strength)
        differences.append(np.abs(pixels(red) - pixels(blue)).mean())
    assert differences[0] > 2 * differences[1]


async def test_a_large_source_is_scaled_down_only_when_asked_to(editing: Path) -> None:
    """1/4 of the pixels, the shape kept, sides in whole blocks; the picture sent is recorded."""
    source = plain("red", (96, 64))
    async with opened(editing, source_pixels=str(96 * 64 // 4)) as model:
        output = await model.generate(request("make it green", pictures=[source]))
    assert pixels(output).shape == (32, 48, 3)
    (seen,) = output.pictures_sent
    assert (seen.width, seen.height) == (48, 32)
    assert seen.sha256 != source.sha256


async def test_pictures_that_a_pipeline_cannot_take_are_invalid_input(editing: Path) -> None:
    """None, or more than one where it takes one: the sample is at fault, and is named."""
    async with opened(editing) as model:
        two = await model.generate(request("make it green", pictures=[_RED, _BLUE]))
    assert two.status == "invalid_input"
    assert two.error is not None
    assert "'one' has 2 pictures" in two.error
