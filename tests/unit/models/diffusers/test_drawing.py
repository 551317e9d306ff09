"""Real pipelines, tiny and with random weights: drawing, seeds, batches, settings."""

from pathlib import Path

import diffusers
import numpy as np
import pytest
import torch
from asking_pipelines import answers_of, opened, pixels, request

from unisafebench.core.tasks import TASKS
from unisafebench.models.base import ModelError, UnsupportedError
from unisafebench.testing import check_model, example_requests

_PROMPTS = ("a red apple", "a bridge over a river", "a cat")
_SMALL = {"height": "32", "width": "32", "image__max_area": "1024", "image___auto_resize": "false"}


async def test_text_to_image_pipeline_conforms(drawing: Path) -> None:
    """It passes the check of all adapters, and does one task."""
    async with opened(drawing, batch_size="3") as model:
        assert await check_model(model) == {"text-to-image": {"completed": 4}}


async def test_pipeline_for_both_tasks_conforms(both: Path) -> None:
    """It draws without a picture and edits with one."""
    async with opened(both, **_SMALL) as model:
        assert await check_model(model) == {
            "text-to-image": {"completed": 4},
            "image-editing": {"completed": 4},
        }


async def test_what_is_recorded_with_a_picture(drawing: Path) -> None:
    """Size as asked, the parameters really used, which files, how long and in which batch."""
    async with opened(drawing, steps="3", guidance="4", height="24", width="40") as model:
        output = await model.generate(request("a red apple"))
        assert pixels(output).shape == (24, 40, 3)
        assert output.status == "completed"
        assert output.stop_reason == "stop"
        assert output.text is None
        assert output.served_model == model.settings["model"]
        expected = {"num_inference_steps": 3, "guidance_scale": 4.0, "height": 24, "width": 40}
        assert expected.items() <= output.sent.items()
        assert output.sent["seed"] >= 0
        assert output.details["batch"] == 1
        assert output.details["batch_seconds"] > 0
        assert model.learned["dtype"] == "float32"
        assert model.learned["device"] == "cpu"


async def test_settings_say_what_shapes_the_pictures(drawing: Path) -> None:
    """Classes, versions, steps and a hash of the files, but no path of this machine."""
    async with opened(drawing, negative_prompt="grey") as model:
        settings = model.settings
    assert settings["pipeline"] == "StableDiffusionPipeline"
    assert settings["scheduler"] == "DDIMScheduler"
    assert settings["safety_checker"] == "none"
    assert settings["diffusers"] == diffusers.__version__
    assert settings["torch"] == str(torch.__version__)
    # 7.5 and 0.0 are the call's own guidance and eta.
    assert settings["draw"] == {
        "num_inference_steps": 2,
        "guidance_scale": 7.5,
        "guidance_rescale": 0.0,
        "eta": 0.0,
        "negative_prompt": "grey",
    }
    assert str(settings["model"]).startswith("draws@")
    assert str(drawing.parent) not in repr(settings)


async def test_the_seed_decides(drawing: Path) -> None:
    """The same seed is the same bytes; another seed or sample is another picture."""
    async with opened(drawing) as model:
        first, again, other_seed, other_sample = await answers_of(
            model,
            [
                request("a cat"),
                request("a cat"),
                request("a cat", seed=1),
                request("a cat", sample_id="two"),
            ],
        )
    assert first.images == again.images
    assert len({first.images, other_seed.images, other_sample.images}) == 3
    assert first.sent["seed"] != other_seed.sent["seed"]


@pytest.mark.parametrize("kind", ["drawing", "both"])
async def test_a_batch_gives_what_each_prompt_gets_alone(
    kind: str, request: pytest.FixtureRequest
) -> None:
    """The noise is each prompt's own; what is left is rounding, of one step of 255 at most."""
    path = request.getfixturevalue(kind)
    small = _SMALL if kind == "both" else {}
    asked = example_requests(TASKS["text-to-image"])[:3]
    async with opened(path, **small) as model:
        alone = await answers_of(model, asked)
    async with opened(path, batch_size="3", **small) as model:
        together = await answers_of(model, asked)
    assert [each.details["batch"] for each in alone] == [1, 1, 1]
    assert [each.details["batch"] for each in together] == [3, 3, 3]
    for one, of_three in zip(alone, together, strict=True):
        assert one.sent == of_three.sent
        assert np.abs(pixels(one) - pixels(of_three)).max() <= 1
    assert len({each.images for each in together}) == 3


async def test_negative_prompt_and_guidance_change_the_picture(drawing: Path) -> None:
    """What an option sets reaches the pipeline, in batches too."""
    pictures = set()
    for options in ({}, {"negative_prompt": "grey"}, {"guidance": "1"}, {"image__eta": "1.0"}):
        async with opened(drawing, batch_size="2", **options) as model:
            outputs = await answers_of(model, [request(_PROMPTS[0]), request(_PROMPTS[1])])
        pictures.add(outputs[0].images)
    assert len(pictures) == 4


async def test_a_prompt_that_is_cut_is_said_so(drawing: Path) -> None:
    """CLIP reads 77 tokens, two of them its own marks: the rest of a prompt was never seen."""
    async with opened(drawing) as model:
        short, long = await answers_of(model, [request("a" * 75), request("a" * 98)])
    assert "prompt_tokens" not in short.details
    assert long.details["prompt_tokens"] == 100
    assert long.details["prompt_tokens_read"] == 77


async def test_editing_is_unsupported_where_the_pipeline_only_draws(drawing: Path) -> None:
    """The task is refused as a whole."""
    async with opened(drawing) as model:
        with pytest.raises(UnsupportedError, match="cannot do the task image-editing"):
            await model.generate(example_requests(TASKS["image-editing"])[0])


async def test_want_of_memory_halves_the_batch(
    drawing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipeline for which two prompts are too many still answers all of them."""
    encode = diffusers.StableDiffusionPipeline.encode_prompt

    def two_do_not_fit(self: object, prompt: object, *rest: object, **more: object) -> object:
        if isinstance(prompt, list) and len(prompt) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")
        return encode(self, prompt, *rest, **more)

    monkeypatch.setattr(diffusers.StableDiffusionPipeline, "encode_prompt", two_do_not_fit)
    async with opened(drawing, batch_size="4") as model:
        outputs = await answers_of(model, example_requests(TASKS["text-to-image"]))
        assert [each.status for each in outputs] == ["completed"] * 4
        assert model.learned["smaller_batches"] == {"draw": 1}


async def test_a_pipeline_that_gives_no_pictures_is_an_error_of_the_model(
    drawing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty list is no answer, and never a picture of another request."""
    decode = diffusers.image_processor.VaeImageProcessor.postprocess
    monkeypatch.setattr(
        diffusers.image_processor.VaeImageProcessor,
        "postprocess",
        lambda *given, **more: decode(*given, **more)[1:],
    )
    async with opened(drawing, batch_size="2") as model:
        with pytest.raises(ModelError, match="StableDiffusionPipeline gave no pictures"):
            await model.generate(request("a cat"))


async def test_closing_ends_what_is_being_drawn(
    drawing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture of five hundred steps ends at the next one."""
    async with opened(drawing, steps="500") as model:
        step = diffusers.DDIMScheduler.step
        taken = []

        def counted(self: object, *given: object, **more: object) -> object:
            taken.append(1)
            model._stopping.set()
            return step(self, *given, **more)

        monkeypatch.setattr(diffusers.DDIMScheduler, "step", counted)
        with pytest.raises(ModelError, match="stopped"):
            await model.generate(request("a cat"))
    assert len(taken) == 1
