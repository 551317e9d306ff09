"""Chameleon, from a directory: text about pictures, and no pictures."""

import threading
from pathlib import Path

import pytest
import torch
from local_asking import answers, painted, request
from tiny_models import save_chameleon
from transformers import AutoConfig

from unisafebench.core.errors import UsageError
from unisafebench.models.base import Capabilities, UnsupportedError
from unisafebench.models.hf import create
from unisafebench.models.hf.families.chameleon import FAMILY
from unisafebench.models.hf.family import Decoding, Generated, Loaded, Prompt, Source
from unisafebench.testing import check_model

SHORT = {"device": "cpu", "max_tokens": "8"}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a tiny Chameleon."""
    return save_chameleon(tmp_path_factory.mktemp("models") / "chameleon")


@pytest.fixture(scope="module")
def loaded(directory: Path) -> Loaded:
    """Return the tiny Chameleon as the family sees it."""
    torch.set_num_threads(1)
    source = Source(path=str(directory), dtype="float32")
    model = FAMILY.load_model(source)
    return Loaded(
        name="chameleon",
        config=model.config,
        processor=FAMILY.load_processor(source),
        model=model,
        device=torch.device("cpu"),
        stopping=threading.Event(),
    )


async def test_it_conforms(directory: Path) -> None:
    """It passes the check of all adapters in the five tasks that are answered in text."""
    counts = await check_model(create(f"hf:{directory}", SHORT))
    assert counts == {task: {"completed": 4} for task in counts}
    assert not {"text-to-image", "image-editing"} & set(counts)
    assert len(counts) == 5


@pytest.mark.parametrize("task", ["text-to-image", "image-editing"])
async def test_pictures_are_not_supported(directory: Path, task: str) -> None:
    """The network cannot be made to draw; asking ends the task."""
    pictures = [painted(40, 40)] if task == "image-editing" else []
    with pytest.raises(UnsupportedError, match=task):
        await answers(f"hf:{directory}", SHORT, [request("A cat.", task, pictures=pictures)])


def test_options_for_pictures_are_refused(directory: Path) -> None:
    """There is nothing for them to shape."""
    with pytest.raises(UsageError, match="draws no pictures"):
        create(f"hf:{directory}", SHORT | {"image.guidance": "3"})


async def test_a_picture_changes_the_answer(directory: Path) -> None:
    """A picture is 256 tokens between two marks, and another one gets another answer."""
    asked = [
        request("What is this?", "vqa-dual-unsafe", pictures=[painted(60, 40)]),
        request("What is this?", "vqa-dual-unsafe", pictures=[painted(40, 60, shade=200)]),
        request("What is this?"),
    ]
    first, second, without = await answers(f"hf:{directory}", SHORT, asked)
    assert first.text != second.text
    assert first.usage
    assert without.usage
    assert first.usage.input_tokens == (without.usage.input_tokens or 0) + 258


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_batches_answer_like_single_requests(loaded: Loaded, temperature: float) -> None:
    """Prompts of other lengths in the batch change nothing; `<image>` in one is plain text."""
    prompts = [
        Prompt(text=text, seed=seed)
        for seed, text in enumerate(("A red apple.", "A cat <image> asleep.", "Why?"))
    ]
    decoding = Decoding(max_tokens=8, temperature=temperature)
    together = FAMILY.answer(loaded, prompts, decoding)
    assert together == [FAMILY.answer(loaded, [prompt], decoding)[0] for prompt in prompts]
    assert len({each.text for each in together if isinstance(each, Generated)}) == 3


def test_the_prompt_is_that_of_the_published_model(loaded: Loaded) -> None:
    """Text, then each picture, then the mark that ends the user's turn; a system text first."""
    chat = [
        {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
        {
            "role": "user",
            "content": [
                {"type": "image"},
                {"type": "image"},
                {"type": "text", "text": "Compare."},
            ],
        },
    ]
    rendered = loaded.processor.apply_chat_template(chat)
    assert rendered == "Be brief.\n\nCompare.<image><image>"
    (ids,) = loaded.processor(text="Hi")["input_ids"]
    assert loaded.processor.tokenizer.decode(ids) == "Hi<reserved08706>"
    facts = FAMILY.facts(loaded.config, loaded.processor, Decoding(system="Be brief."))
    assert facts["prompt"] == "text, then pictures"
    assert facts["system_place"] == "system message"


def test_it_is_told_by_its_config(directory: Path) -> None:
    """The kind of model is read from the config; other kinds are left to other families."""
    config = AutoConfig.from_pretrained(directory)
    assert FAMILY.capabilities(config) == Capabilities(image_input=True)
    assert FAMILY.capabilities(AutoConfig.for_model("llama")) is None


# Why only text is supported. When one of these fails, transformers may have learnt to draw.


def test_transformers_still_keeps_image_tokens_from_being_made(loaded: Loaded) -> None:
    """The scores of all image tokens are the least there is."""
    with torch.no_grad():
        logits = loaded.model(input_ids=torch.tensor([[1, 80, 81]])).logits
    tokens = loaded.model.model.vocabulary_mapping.image_tokens
    assert len(tokens) == 64
    assert (logits[:, :, tokens] == torch.finfo(logits.dtype).min).all()


def test_transformers_still_has_no_decoder_for_pictures(loaded: Loaded) -> None:
    """There is nothing that makes pixels of image tokens."""
    assert not hasattr(loaded.model, "decode_image_tokens")
    assert not hasattr(loaded.model.model.vqmodel, "decode")
