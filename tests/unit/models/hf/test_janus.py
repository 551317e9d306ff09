"""Janus, from a directory: text with and without pictures, pictures from text, no editing."""

import asyncio
import json
import threading
from pathlib import Path

import pytest
import torch
from local_asking import answers, painted, request, size_of
from tiny_models import save_janus
from transformers import (
    AutoConfig,
    AutoProcessor,
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
)

from unisafebench.core.errors import EndpointUnusableError, UnknownNameError, UsageError
from unisafebench.models.base import ModelError, Output, UnsupportedError
from unisafebench.models.hf import create
from unisafebench.models.hf.families.image_tokens import encode_png
from unisafebench.models.hf.families.janus import FAMILY
from unisafebench.models.hf.family import Decoding, Generated, Loaded, Prompt, Source
from unisafebench.testing import check_model

SHORT = {"device": "cpu", "max_tokens": "8"}
_PROMPTS = ("A red apple.", "A bridge over a wide river in the morning.", "A cat <image> asleep.")


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a tiny Janus."""
    return save_janus(tmp_path_factory.mktemp("models") / "janus")


@pytest.fixture(scope="module")
def loaded(directory: Path) -> Loaded:
    """Return the tiny Janus as the family sees it."""
    torch.set_num_threads(1)
    source = Source(path=str(directory), dtype="float32")
    model = FAMILY.load_model(source)
    return Loaded(
        name="janus",
        config=model.config,
        processor=FAMILY.load_processor(source),
        model=model,
        device=torch.device("cpu"),
        stopping=threading.Event(),
    )


def drawing(**options: object) -> Decoding:
    """Return how pictures are drawn with these options."""
    return Decoding(image=FAMILY.drawing(None, options))


async def test_it_conforms(directory: Path) -> None:
    """It passes the check of all adapters in six tasks; editing is not asked."""
    counts = await check_model(create(f"hf:{directory}", SHORT))
    assert "image-editing" not in counts
    assert counts == {task: {"completed": 4} for task in counts}
    assert len(counts) == 6


async def test_editing_is_not_supported(directory: Path) -> None:
    """A request to edit ends the task: it is neither drawn without the picture nor scored."""
    asked = request("Make it blue.", "image-editing", pictures=[painted(40, 40)])
    with pytest.raises(UnsupportedError, match="image-editing"):
        await answers(f"hf:{directory}", SHORT, [asked])


async def test_a_picture_changes_the_answer(directory: Path) -> None:
    """Text about a picture: it costs 16 tokens and two marks, and another gets another answer."""
    asked = [
        request("What is this?", "vqa-dual-unsafe", pictures=[painted(60, 40)]),
        request("What is this?", "vqa-dual-unsafe", pictures=[painted(40, 60, shade=200)]),
        request("What is this?"),
    ]
    first, second, without = await answers(f"hf:{directory}", SHORT, asked)
    assert first.text != second.text
    assert first.usage
    assert without.usage
    assert first.usage.input_tokens == (without.usage.input_tokens or 0) + 18


async def test_batches_answer_like_single_requests(directory: Path, loaded: Loaded) -> None:
    """Samples of text and pictures depend on the request alone, not on its company."""
    asked = [
        request(prompt, task, sample_id=f"{task}-{index}")
        for task in ("text-generation", "text-to-image")
        for index, prompt in enumerate(_PROMPTS)
    ]
    together = await answers(f"hf:{directory}", SHORT | {"temperature": "1"}, asked)
    assert [each.details["batch"] for each in together] == [3] * 6
    for each, given in zip(asked, together, strict=True):
        alone = Prompt(text=each.sample.prompt, seed=given.sent["seed"])
        if each.task.output == "text":
            decoding = Decoding(max_tokens=8, temperature=1.0)
            (same,) = FAMILY.answer(loaded, [alone], decoding)
        else:
            (same,) = FAMILY.draw(loaded, [alone], drawing())
        assert isinstance(same, Generated)
        assert (same.text, same.images) == (given.text, given.images)


def test_greedy_batches_answer_like_single_requests(loaded: Loaded) -> None:
    """Padding is masked: prompts of other lengths in the batch change nothing."""
    prompts = [Prompt(text=prompt) for prompt in _PROMPTS]
    decoding = Decoding(max_tokens=8)
    together = FAMILY.answer(loaded, prompts, decoding)
    assert together == [FAMILY.answer(loaded, [prompt], decoding)[0] for prompt in prompts]
    assert len({each.text for each in together if isinstance(each, Generated)}) == 3


async def test_the_seed_decides_the_picture(directory: Path) -> None:
    """The same seed gives the same bytes, another seed or sample another picture."""
    asked = [
        request("A red apple.", "text-to-image", sample_id=sample_id, seed=seed)
        for sample_id, seed in (("one", 1), ("one", 1), ("one", 2), ("two", 1))
    ]
    pictures = [each.images for each in await answers(f"hf:{directory}", SHORT, asked)]
    assert pictures[0] == pictures[1]
    assert len(set(pictures)) == 3


async def test_pictures_are_recorded_with_how_they_were_drawn(directory: Path) -> None:
    """The response says what was asked of the sampler; the manifest has the size too."""
    options = SHORT | {"image.guidance": "2.5", "image.temperature": "0.5", "image.top_k": "32"}
    (drawn,) = await answers(f"hf:{directory}", options, [request("A cat.", "text-to-image")])
    assert size_of(drawn) == (32, 32)
    assert drawn.text is None
    assert {**drawn.sent, "seed": 0} == {
        "guidance": 2.5,
        "temperature": 0.5,
        "top_k": 32,
        "seed": 0,
    }
    assert drawn.usage
    assert drawn.usage.output_tokens == 16
    settings = create(f"hf:{directory}", options).settings
    assert settings["image"] == {"guidance": 2.5, "temperature": 0.5, "top_k": 32}
    assert settings["image_size"] == [32, 32]


def test_guidance_is_that_of_transformers(loaded: Loaded) -> None:
    """Without sampling, the tokens are those of transformers' own classifier-free guidance."""
    prompts = [Prompt(text=prompt) for prompt in _PROMPTS[:2]]
    drawn = FAMILY.draw(loaded, prompts, drawing(temperature=0))
    inputs = loaded.processor.apply_chat_template(
        [[{"role": "user", "content": [{"type": "text", "text": each.text}]}] for each in prompts],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
        processor_kwargs={"padding": True, "generation_mode": "image"},
    )
    with torch.no_grad():
        tokens = loaded.model.generate(
            **inputs, generation_mode="image", do_sample=False, guidance_scale=5.0
        )
        values = loaded.model.decode_image_tokens(tokens)
    shape = loaded.processor.image_processor
    expected = [(encode_png(each, shape.image_mean, shape.image_std),) for each in values]
    assert [each.images for each in drawn if isinstance(each, Generated)] == expected


@pytest.mark.parametrize("guidance", [0.0, 1.0, 20.0])
def test_guidance_shapes_the_picture(loaded: Loaded, guidance: float) -> None:
    """Any strength works, and another strength gives another picture."""
    prompt = Prompt(text=_PROMPTS[1], seed=3)
    (usual,) = FAMILY.draw(loaded, [prompt], drawing())
    (other,) = FAMILY.draw(loaded, [prompt], drawing(guidance=guidance))
    assert isinstance(usual, Generated)
    assert isinstance(other, Generated)
    assert usual.images != other.images


def test_without_guidance_by_the_prompt_only_its_length_matters(loaded: Loaded) -> None:
    """Guidance 0 draws from the scores without the prompt: equally long ones draw the same."""
    prompts = [Prompt(text=text, seed=3) for text in ("A red apple.", "A big horse.")]
    first, second = FAMILY.draw(loaded, prompts, drawing(guidance=0.0))
    assert isinstance(first, Generated)
    assert isinstance(second, Generated)
    assert first.images == second.images


def test_prompts_that_leave_no_room_fail_alone(loaded: Loaded) -> None:
    """A prompt that is longer than the context says so; the others of its batch are drawn."""
    prompts = [Prompt(text="long " * 500), Prompt(text="short")]
    failed, drawn = FAMILY.draw(loaded, prompts, drawing())
    assert isinstance(failed, ModelError)
    assert "room for 2,048" in str(failed)
    assert isinstance(drawn, Generated)


def test_values_that_are_no_numbers_give_no_picture(directory: Path) -> None:
    """Half precision may overflow: what is drawn then is noise and must not be judged."""
    source = Source(path=str(directory))
    model = FAMILY.load_model(source)
    model.model.generation_head.proj_out.weight.data.fill_(torch.nan)
    broken = Loaded(
        name="janus",
        config=model.config,
        processor=FAMILY.load_processor(source),
        model=model,
        device=torch.device("cpu"),
        stopping=threading.Event(),
    )
    (failed,) = FAMILY.draw(broken, [Prompt(text="A cat.")], drawing())
    assert isinstance(failed, ModelError)
    assert "float32" in str(failed)


def test_drawing_stops_when_it_is_no_longer_wanted(loaded: Loaded) -> None:
    """Closing the model does not wait for the picture to be ready."""
    loaded.stopping.set()
    try:
        with pytest.raises(ModelError, match="stopped"):
            FAMILY.draw(loaded, [Prompt(text="A cat.")], drawing())
    finally:
        loaded.stopping.clear()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"guidance": "much"}, "image.guidance.*number from 0 to 100"),
        ({"temperature": -1}, "image.temperature.*number from 0 to 10"),
        ({"top_k": 2.5}, "image.top_k.*whole number"),
        ({"guidance": True}, "image.guidance"),
    ],
)
def test_unusable_options_are_named(options: dict[str, object], message: str) -> None:
    """Each mistake has a message of its own."""
    with pytest.raises(UsageError, match=message):
        drawing(**options)


def test_unknown_options_are_named() -> None:
    """A slip of the pen gets the name that was meant."""
    with pytest.raises(UnknownNameError, match=r"image\.guidance"):
        drawing(guidence=3)


async def test_what_drawing_needs_is_looked_for(tmp_path: Path) -> None:
    """Without the ids that the loop for pictures reads, the run ends with what is lacking."""
    incomplete = save_janus(tmp_path / "janus")
    config = json.loads((incomplete / "generation_config.json").read_text())
    del config["generation_kwargs"]
    (incomplete / "generation_config.json").write_text(json.dumps(config))
    with pytest.raises(EndpointUnusableError, match=r"lacks generation_kwargs\.boi_token_id"):
        await answers(f"hf:{incomplete}", SHORT, [request("A cat.", "text-to-image")])


async def test_marks_in_prompts_never_move_pictures(tmp_path: Path) -> None:
    """Where a mark in a prompt cannot be plain text, its request fails, and it alone."""
    name = f"hf:{save_janus(tmp_path / 'janus', start_token=True)}"
    marked = request("See <image>?", "vqa-dual-unsafe", pictures=[painted(40, 40)], sample_id="1")
    plain = request(
        "What is this?", "vqa-dual-unsafe", pictures=[painted(40, 60, shade=200)], sample_id="2"
    )
    (alone,) = await answers(name, SHORT, [plain])
    model = create(name, SHORT)
    failed, answered = await asyncio.gather(
        model.generate(marked), model.generate(plain), return_exceptions=True
    )
    await model.aclose()
    assert isinstance(failed, ModelError)
    assert "<image>" in str(failed)
    assert isinstance(answered, Output)
    assert answered.text == alone.text
    assert answered.usage == alone.usage


# What transformers gets wrong. When one of these fails, the workaround it names can go.


def test_transformers_still_drops_logits_processors(loaded: Loaded) -> None:
    """`generate` ignores logits processors for text: `_Writing` in the family goes around it."""
    calls: list[int] = []

    class Counting(LogitsProcessor):
        def __call__(
            self, input_ids: torch.LongTensor, scores: torch.FloatTensor
        ) -> torch.FloatTensor:
            calls.append(input_ids.shape[1])
            return scores

    loaded.model.generate(
        torch.tensor([[1, 40, 41]]),
        generation_config=GenerationConfig(max_new_tokens=2, pad_token_id=0),
        logits_processor=LogitsProcessorList([Counting()]),
    )
    assert calls == []


def test_transformers_still_fails_with_guidance_one(loaded: Loaded) -> None:
    """Guidance 1 breaks the loop for pictures: `GuidedSampler` joins the halves itself."""
    with pytest.raises(RuntimeError, match="must match the existing size"):
        loaded.model.generate(
            torch.tensor([[1, 40, 4], [1, 41, 4]]),
            attention_mask=torch.ones(2, 3, dtype=torch.long),
            generation_mode="image",
            guidance_scale=1.0,
            do_sample=False,
        )


def test_transformers_still_keeps_gradients(loaded: Loaded) -> None:
    """`decode_image_tokens` tracks gradients: `draw` calls it in inference mode."""
    values = loaded.model.decode_image_tokens(torch.zeros(1, 16, dtype=torch.long))
    assert values.requires_grad


def test_transformers_still_fails_to_make_pictures(loaded: Loaded) -> None:
    """The processor makes no picture of what the model decodes: `encode_png` does."""
    with torch.no_grad():
        values = loaded.model.decode_image_tokens(torch.zeros(1, 16, dtype=torch.long))
    with pytest.raises(ValueError, match=r"elements|TensorType"):
        loaded.processor.postprocess(list(values.float()), return_tensors="PIL.Image.Image")


def test_transformers_still_counts_marks_in_prompts(directory: Path) -> None:
    """A prompt with `<image>` is refused as lacking a picture: see `without_recount`."""
    processor = AutoProcessor.from_pretrained(directory)
    with pytest.raises(ValueError, match="no images were passed"):
        processor.apply_chat_template(
            [[{"role": "user", "content": [{"type": "text", "text": "<image>"}]}]],
            sanitize_control_tokens=True,
            tokenize=True,
            return_dict=True,
        )


def test_it_is_told_by_its_config(directory: Path) -> None:
    """The kind of model is read from the config."""
    config = AutoConfig.from_pretrained(directory)
    capabilities = FAMILY.capabilities(config)
    assert capabilities
    assert capabilities.image_output
    assert not capabilities.image_editing
    assert FAMILY.capabilities(AutoConfig.for_model("llama")) is None
