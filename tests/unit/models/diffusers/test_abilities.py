"""What pipelines can do is read from the signature of their call."""

import diffusers
import pytest

from unisafebench.core.errors import UsageError
from unisafebench.models.diffusers.abilities import abilities_of


@pytest.mark.parametrize(
    ("name", "draws", "edits"),
    [
        ("StableDiffusionPipeline", True, False),
        ("StableDiffusionXLPipeline", True, False),
        ("StableDiffusion3Pipeline", True, False),
        ("FluxPipeline", True, False),
        ("QwenImagePipeline", True, False),
        ("StableDiffusionInstructPix2PixPipeline", False, True),
        ("QwenImageEditPipeline", False, True),
        ("QwenImageEditPlusPipeline", False, True),
        ("FluxKontextPipeline", True, True),
        ("Flux2Pipeline", True, True),
        ("OmniGenPipeline", True, False),
    ],
)
def test_drawing_and_editing_are_told_apart(name: str, draws: bool, edits: bool) -> None:
    """A picture beside the prompt is edited; with none, or where it may be left out, it draws."""
    found = abilities_of(getattr(diffusers, name))
    assert (found.draw is not None, found.edit is not None) == (draws, edits)
    assert found.editing == ("instruction" if edits else "no")


@pytest.mark.parametrize(
    "name",
    [
        "StableDiffusionControlNetPipeline",
        "StableDiffusionInpaintPipeline",
        "StableDiffusionUpscalePipeline",
        "StableDiffusionLatentUpscalePipeline",
        "QwenImageLayeredPipeline",
        "SanaVideoPipeline",
        "AudioLDM2Pipeline",
        "KandinskyPriorPipeline",
        "StableVideoDiffusionPipeline",
        "DDPMPipeline",
    ],
)
def test_pipelines_for_other_purposes_are_refused(name: str) -> None:
    """A mask, a control picture or a film is not what the tasks ask for."""
    for editing in ("auto", "img2img"):
        with pytest.raises(UsageError, match=name):
            abilities_of(getattr(diffusers, name), editing)


@pytest.mark.parametrize(
    ("name", "editor"),
    [
        ("StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline"),
        ("FluxPipeline", "FluxImg2ImgPipeline"),
        ("StableDiffusionImg2ImgPipeline", "StableDiffusionImg2ImgPipeline"),
    ],
)
def test_image_to_image_counts_as_editing_only_when_asked_for(name: str, editor: str) -> None:
    """It is not editing by instruction, so that no one gets it without saying so."""
    found = abilities_of(getattr(diffusers, name), "img2img")
    assert found.edit is not None
    assert found.edit.name == editor
    assert found.editing == "img2img"
    assert (found.draw is not None) == (name != editor)


def test_image_to_image_class_says_which_option_makes_it_edit() -> None:
    """Alone it does no task; the message names the option."""
    with pytest.raises(UsageError, match="editing=img2img"):
        abilities_of(diffusers.StableDiffusionImg2ImgPipeline)


def test_editing_can_be_switched_off() -> None:
    """A pipeline that does both then only draws; one that only edits has nothing left."""
    found = abilities_of(diffusers.FluxKontextPipeline, "no")
    assert found.draw is not None
    assert found.edit is None
    with pytest.raises(UsageError, match="editing=no switches off"):
        abilities_of(diffusers.StableDiffusionInstructPix2PixPipeline, "no")


@pytest.mark.parametrize(
    ("name", "per_prompt", "several"),
    [
        ("StableDiffusionInstructPix2PixPipeline", True, False),
        ("FluxKontextPipeline", False, False),
        ("Flux2Pipeline", False, True),
        ("QwenImageEditPlusPipeline", False, True),
    ],
)
def test_lists_of_pictures_mean_what_the_pipeline_means(
    name: str, per_prompt: bool, several: bool
) -> None:
    """One picture for each prompt, several for one prompt, or neither."""
    call = abilities_of(getattr(diffusers, name)).edit
    assert call is not None
    assert (call.picture_per_prompt, call.several_pictures) == (per_prompt, several)
