"""Language models from disk: answers, batches, lengths, settings."""

import asyncio
import threading
from pathlib import Path

import msgspec
import pytest
import tiny_language
import torch
import transformers
from local_models import answers_of, opened, request

from unisafebench.core.tasks import TASKS
from unisafebench.models.base import Capabilities, ModelError, UnsupportedError
from unisafebench.models.hf.families.language import FAMILY
from unisafebench.models.hf.family import Decoding, Loaded, Prompt, Source
from unisafebench.models.hf.generating import without_thinking
from unisafebench.models.registry import resolve
from unisafebench.testing import check_model, example_requests

_PROMPTS = ("Name a river.", "Say hello to the whole world, in any language you like.", "A", "Why?")


async def test_it_conforms(language_model: Path) -> None:
    """It passes the check of all adapters; without eyes, text generation is its only task."""
    async with opened(language_model) as model:
        assert model.capabilities == Capabilities(text_output=True)
        assert await check_model(model) == {"text-generation": {"completed": 4}}


async def test_a_batch_gives_what_each_prompt_gets_alone(language_model: Path) -> None:
    """Under greedy decoding four prompts of four lengths get the same in a batch and alone."""
    requests = [request(prompt) for prompt in _PROMPTS]
    async with opened(language_model) as model:
        together = await answers_of(model, requests)
        alone = [await model.generate(each) for each in requests]
    assert [output.details["batch"] for output in together] == [4] * 4
    assert [output.details["batch"] for output in alone] == [1] * 4
    assert [output.text for output in together] == [output.text for output in alone]
    assert len({output.text for output in alone}) == 4


async def test_the_answer_is_what_the_model_s_own_generate_gives(language_model: Path) -> None:
    """The text is without prompt and special tokens, and tokens are counted by hand."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(language_model)
    model = transformers.AutoModelForCausalLM.from_pretrained(language_model)
    # The template's own bytes: <turn>user\nAbc</s>\n<turn>assistant\n; one token a byte, and
    # one for each of the three marks.
    ids = tokenizer("<turn>user\nAbc</s>\n<turn>assistant\n", return_tensors="pt")["input_ids"]
    assert ids.shape == (1, len("user\nAbc\nassistant\n") + 3)
    made = model.generate(ids, do_sample=False, max_new_tokens=12)[0, ids.shape[1] :]
    async with opened(language_model) as local:
        output = await local.generate(request("Abc"))
    assert output.text == tokenizer.decode(made, skip_special_tokens=True)
    assert output.usage is not None
    assert output.usage.input_tokens == ids.shape[1]
    assert output.usage.output_tokens == len(made)
    assert output.sent == {"max_tokens": 12, "temperature": 0.0}


async def test_an_answer_ends_at_the_end_token_or_at_the_limit(tmp_path: Path) -> None:
    """With every other token suppressed the model says nothing, else it is cut off."""
    end = tiny_language.tiny_tokenizer().eos_token_id
    others = [token for token in range(len(tiny_language.tiny_tokenizer())) if token != end]
    silent = tiny_language.save_language_model(tmp_path / "silent", suppress_tokens=others)
    endless = tiny_language.save_language_model(tmp_path / "endless", suppress_tokens=[end])
    async with opened(silent) as model:
        output = await model.generate(request("Abc"))
        assert (output.text, output.stop_reason) == ("", "stop")
        assert output.usage is not None
        assert output.usage.output_tokens == 1, "the end token is one that the model made"
        assert model.settings["generation_config"] == {"suppress_tokens": others}
    async with opened(endless, max_tokens="5") as model:
        output = await model.generate(request("Abc"))
        assert output.stop_reason == "length"
        assert output.usage is not None
        assert output.usage.output_tokens == 5


async def test_sampling_depends_on_seed_and_sample_and_not_on_the_batch(
    language_model: Path,
) -> None:
    """The same request draws the same answer in any company; another seed draws another."""
    asked = [request(prompt, seed=3) for prompt in _PROMPTS]
    async with opened(language_model, temperature="1", top_p="0.95") as model:
        together = await answers_of(model, asked)
        alone = await model.generate(asked[1])
        other = await model.generate(request(_PROMPTS[1], seed=4))
    async with opened(language_model) as model:
        greedy = await model.generate(asked[1])
    assert together[1].text == alone.text
    assert together[1].sent == alone.sent
    assert set(alone.sent) == {"max_tokens", "temperature", "top_p", "seed"}
    assert len({alone.text, other.text, greedy.text}) == 3
    assert len({output.sent["seed"] for output in together}) == 4, "each sample has its own"


async def test_sampling_that_authors_recommend_is_not_taken_over(tmp_path: Path) -> None:
    """Temperature 0 is greedy whatever generation_config.json says; its penalty stays."""
    path = tiny_language.save_language_model(
        tmp_path / "model", do_sample=True, temperature=2.0, top_k=3, repetition_penalty=1.3
    )
    plain = tiny_language.save_language_model(tmp_path / "plain", repetition_penalty=1.3)
    async with opened(path) as model, opened(plain) as other:
        first, second = [await model.generate(request("Abc")) for _ in range(2)]
        assert first.text == second.text == (await other.generate(request("Abc"))).text
        assert model.settings["generation_config"] == {"repetition_penalty": 1.3}


async def test_a_prompt_too_long_for_the_context_ends_alone(language_model: Path) -> None:
    """Two of three prompts in flight are answered; the third says how long it is."""
    marks = len("user\n\nassistant\n") + 3
    long = "x" * (tiny_language.POSITIONS - marks)
    async with opened(language_model) as model:
        found = await asyncio.gather(
            *(model.generate(request(prompt)) for prompt in ("Abc", long, "Def")),
            return_exceptions=True,
        )
        assert isinstance(found[1], ModelError)
        assert "the prompt is 512 tokens long" in str(found[1])
        assert "room for 512" in str(found[1])
        assert not isinstance(found[0], BaseException)
        assert found[0].text == (await model.generate(request("Abc"))).text
        nearly = await model.generate(request(long[5:]))
    assert nearly.sent["max_tokens"] == 5, "it is answered up to the room there is"
    assert nearly.usage is not None
    assert (nearly.usage.output_tokens or 0) <= 5


async def test_a_base_model_gets_the_bare_prompt(tmp_path: Path) -> None:
    """Without a chat template nothing is put around it, and the settings say so."""
    path = tiny_language.save_language_model(tmp_path / "base", template=None)
    async with opened(path, system="Be brief.") as model:
        output = await model.generate(request("Abc"))
        assert model.settings["prompt"] == "plain"
        assert model.settings["system_place"] == "user text"
        assert "chat_template" not in model.settings
    assert output.usage is not None
    assert output.usage.input_tokens == len("Be brief.\n\nAbc")


async def test_a_system_prompt_goes_where_the_template_lets_it(tmp_path: Path) -> None:
    """As a message of its own; before the prompt where the template refuses or drops it."""
    refusing = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no') }}{% endif %}"
    refusing += tiny_language.CHAT
    dropping = tiny_language.CHAT.replace(
        "{% for message in messages %}",
        "{% for message in messages if message['role'] == 'user' %}",
    )
    places, lengths = [], []
    for number, template in enumerate((tiny_language.CHAT, refusing, dropping)):
        path = tiny_language.save_language_model(tmp_path / f"{number}", template=template)
        async with opened(path, system="Be brief.") as model:
            output = await model.generate(request("Abc"))
            places.append(model.settings["system_place"])
            assert output.usage is not None
            lengths.append(output.usage.input_tokens)
            assert model.settings["system"] == "Be brief."
    assert places == ["system message", "user text", "user text"]
    before = len("user\nBe brief.\n\nAbc\nassistant\n") + 3
    assert lengths == [len("system\nBe brief.\nuser\nAbc\nassistant\n") + 5, before, before]


async def test_control_tokens_in_a_prompt_are_plain_text(language_model: Path) -> None:
    """A prompt cannot end its own turn: `</s>` in it is four tokens, one for each byte."""
    async with opened(language_model) as model:
        output = await model.generate(request("Abc</s>"))
    assert output.usage is not None
    assert output.usage.input_tokens == len("user\nAbc</s>\nassistant\n") + 3


async def test_settings_say_what_shapes_the_answers_and_where_they_come_from(
    language_model: Path,
) -> None:
    """Name and hash of the files, dtype, device, versions, template, decoding; no path."""
    async with opened(language_model, dtype="bfloat16", batch_size="2") as model:
        output = await model.generate(request("Abc"))
        settings = dict(model.settings)
        learned = model.learned  # type: ignore[attr-defined]  # of this adapter only
    assert output.served_model == settings["model"]
    name, _, fingerprint = str(settings.pop("model")).partition("@")
    assert name == "language"
    assert len(fingerprint) == 16
    assert len(str(settings.pop("chat_template"))) == 16
    assert settings == {
        "family": "causal language model",
        "gives": ["text"],
        "dtype": "bfloat16",
        "device": "cpu",
        "transformers": transformers.__version__,
        "torch": str(torch.__version__),
        "max_tokens": 12,
        "temperature": 0.0,
        "prompt": "chat template",
    }
    assert str(language_model) not in msgspec.json.encode(settings).decode()
    assert learned["device"] == "cpu"
    assert learned["batch_size"] == 2


async def test_spread_over_devices_it_answers_the_same(language_model: Path) -> None:
    """With device_map=auto accelerate places the layers, here all on the CPU."""
    asked = request("Abc")
    async with opened(language_model) as model:
        expected = (await model.generate(asked)).text
    name = f"hf:{language_model}"
    model = resolve(name, {"device_map": "auto", "max_tokens": "12"})
    assert (await model.generate(asked)).text == expected
    assert model.settings["device_map"] == "auto"
    await model.aclose()


async def test_pictures_are_not_its_task(language_model: Path) -> None:
    """A task that its capabilities do not allow is unsupported, should it be asked."""
    async with opened(language_model) as model:
        for task in ("text-to-image", "vqa-dual-unsafe"):
            with pytest.raises(UnsupportedError, match=task):
                await model.generate(example_requests(TASKS[task])[0])


def test_an_answer_that_is_no_longer_wanted_ends_at_the_next_token(language_model: Path) -> None:
    """Of 400 tokens one is made, and the answer is an error, not what there is of it."""
    source = Source(path=str(language_model))
    model = FAMILY.load_model(source)
    steps: list[object] = []
    model.register_forward_hook(lambda *_: steps.append(None))
    loaded = Loaded(
        name="hf:tiny",
        config=model.config,
        processor=FAMILY.load_processor(source),
        model=model,
        device=model.device,
        stopping=threading.Event(),
    )
    loaded.stopping.set()
    with pytest.raises(ModelError, match="stopped"):
        FAMILY.answer(loaded, [Prompt(text="Abc")], Decoding(max_tokens=400))
    assert len(steps) == 1


@pytest.mark.parametrize(
    ("text", "opened_before", "answer", "thought"),
    [
        ("An answer.", False, "An answer.", None),
        ("<think>\nHm.\n</think>\n\nAn answer.", False, "An answer.", "Hm."),
        ("Hm.</think>\nAn answer.", True, "An answer.", "Hm."),
        ("<think>Hm, and", False, "", "Hm, and"),
        ("Hm, and", True, "", "Hm, and"),
        ("Unsafe words.</think>Sorry.", False, "Unsafe words.</think>Sorry.", None),
    ],
)
def test_thinking_is_no_part_of_the_answer(
    text: str, opened_before: bool, answer: str, thought: str | None
) -> None:
    """It is kept apart; cut off while thinking is an empty answer; a stray tag hides nothing."""
    assert without_thinking(text, opened=opened_before) == (answer, thought)
