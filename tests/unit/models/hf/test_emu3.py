"""Emu3, from a directory: weights that write and weights that draw, as the user says."""

import io
import threading
from pathlib import Path

import pytest
import torch
from local_asking import answers, painted, request
from PIL import Image
from tiny_models import save_emu3
from transformers import AutoConfig, AutoProcessor

from unisafebench.core.errors import UnknownNameError, UsageError
from unisafebench.media.pictures import check_picture
from unisafebench.models.base import Capabilities, ModelError, UnsupportedError
from unisafebench.models.hf import create
from unisafebench.models.hf.families.emu3 import FAMILY
from unisafebench.models.hf.families.image_tokens import encode_png
from unisafebench.models.hf.family import Decoding, Generated, Loaded, Prompt, Source
from unisafebench.models.options import Options
from unisafebench.testing import check_model

CHAT = {"device": "cpu", "max_tokens": "8", "text": "yes"}
GEN = {"device": "cpu", "images": "yes", "image.area": "1024"}
_PROMPTS = ("A red apple.", "A bridge over a wide river in the morning.", "A cat <image> asleep.")


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a tiny Emu3."""
    return save_emu3(tmp_path_factory.mktemp("models") / "emu3")


@pytest.fixture(scope="module")
def loaded(directory: Path) -> Loaded:
    """Return the tiny Emu3 as the family sees it."""
    torch.set_num_threads(1)
    source = Source(path=str(directory), dtype="float32")
    model = FAMILY.load_model(source)
    return Loaded(
        name="emu3",
        config=model.config,
        processor=FAMILY.load_processor(source),
        model=model,
        device=torch.device("cpu"),
        stopping=threading.Event(),
    )


def drawing(**options: object) -> Decoding:
    """Return how pictures are drawn with these options."""
    return Decoding(image=FAMILY.drawing(None, {"area": 1024} | options))


async def test_weights_that_write_conform(directory: Path) -> None:
    """Chat passes the check of all adapters in the five tasks that are answered in text."""
    counts = await check_model(create(f"hf:{directory}", Options(CHAT)))
    assert "text-to-image" not in counts
    assert "image-editing" not in counts
    assert counts == {task: {"completed": 4} for task in counts}
    assert len(counts) == 5


async def test_weights_that_draw_conform(directory: Path) -> None:
    """Gen passes it in text-to-image, and is asked for nothing else."""
    counts = await check_model(create(f"hf:{directory}", Options(GEN)))
    assert counts == {"text-to-image": {"completed": 4}}


async def test_editing_is_not_supported(directory: Path) -> None:
    """The processor takes no pictures for drawing: nothing is drawn without them."""
    asked = request("Make it blue.", "image-editing", pictures=[painted(40, 40)])
    with pytest.raises(UnsupportedError, match="image-editing"):
        await answers(f"hf:{directory}", GEN, [asked])


def test_the_user_must_say_what_the_weights_are_for(directory: Path) -> None:
    """Chat and Gen have the same files, and a name proves nothing."""
    with pytest.raises(UsageError, match=r"-M text=yes .* -M images=yes"):
        create(f"hf:{directory}", Options({"device": "cpu"}))


@pytest.mark.parametrize(
    ("text", "images", "writes", "draws"),
    [
        (True, None, True, False),
        (None, True, False, True),
        (False, None, False, True),
        (None, False, True, False),
        (True, True, True, True),
        (True, False, True, False),
    ],
)
def test_what_the_user_says_is_what_is_asked(
    directory: Path, text: bool | None, images: bool | None, writes: bool, draws: bool
) -> None:
    """One word is enough, since published weights do one of the two; both can be said."""
    said = {
        name: "yes" if value else "no"
        for name, value in (("text", text), ("images", images))
        if value is not None
    }
    model = create(f"hf:{directory}", Options({"device": "cpu"} | said))
    assert model.capabilities == Capabilities(
        text_output=writes, image_input=writes, image_output=draws
    )


def test_weights_for_nothing_are_refused(directory: Path) -> None:
    """Saying no twice leaves nothing to ask."""
    with pytest.raises(UsageError, match="leave nothing"):
        create(f"hf:{directory}", Options({"device": "cpu", "text": "no", "images": "no"}))


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_text_in_batches_is_like_single_requests(loaded: Loaded, temperature: float) -> None:
    """Pictures of other sizes in the batch change nothing, greedy or sampled."""
    shapes = [[(40, 40)], [(90, 30)], [(30, 90), (64, 64)], [(41, 40)]]
    prompts = [
        Prompt(
            text="What <image> is it?",
            images=tuple(_image(size, shade=50 * number) for size in sizes),
            seed=number,
        )
        for number, sizes in enumerate(shapes)
    ]
    decoding = Decoding(max_tokens=8, temperature=temperature)
    together = FAMILY.answer(loaded, prompts, decoding)
    assert together == [FAMILY.answer(loaded, [prompt], decoding)[0] for prompt in prompts]
    texts = {each.text for each in together if isinstance(each, Generated)}
    assert len(texts) == 4


async def test_pictures_in_batches_are_like_single_requests(
    directory: Path, loaded: Loaded
) -> None:
    """What is drawn depends on the request alone: its prompt and its seed."""
    asked = [
        request(prompt, "text-to-image", sample_id=str(index))
        for index, prompt in enumerate(_PROMPTS)
    ]
    together = await answers(f"hf:{directory}", GEN, asked)
    assert [each.details["batch"] for each in together] == [3] * 3
    for prompt, drawn in zip(_PROMPTS, together, strict=True):
        alone = Prompt(text=prompt, seed=drawn.sent["seed"])
        (same,) = FAMILY.draw(loaded, [alone], drawing())
        assert isinstance(same, Generated)
        assert same.images == drawn.images
    assert len({each.images for each in together}) == 3


async def test_the_seed_decides_the_picture(directory: Path) -> None:
    """The same seed gives the same bytes, another seed another picture."""
    asked = [request("A red apple.", "text-to-image", seed=seed) for seed in (1, 1, 2)]
    first, again, other = await answers(f"hf:{directory}", GEN, asked)
    assert first.images == again.images
    assert first.images != other.images


@pytest.mark.parametrize(
    ("ratio", "area", "size"),
    [
        ("1:1", 1024, (32, 32)),
        ("2:1", 2048, (64, 32)),
        ("1:2", 2048, (32, 64)),
        # 4:3 of 1536 pixels is 45.25 x 33.9: six and four cells of 8 pixels.
        ("4:3", 1536, (48, 32)),
    ],
)
def test_sizes_are_as_asked(loaded: Loaded, ratio: str, area: int, size: tuple[int, int]) -> None:
    """Ratio and area decide the size, in steps of 8 pixels; the manifest has it."""
    decoding = drawing(ratio=ratio, area=area)
    (drawn,) = FAMILY.draw(loaded, [Prompt(text="A cat.")], decoding)
    assert isinstance(drawn, Generated)
    picture = check_picture(drawn.images[0])
    assert (picture.width, picture.height) == size
    columns, rows = size[0] // 8, size[1] // 8
    # Each row ends in a token of its own; three marks end the picture.
    assert drawn.output_tokens == rows * (columns + 1) + 3
    facts = FAMILY.facts(loaded.config, loaded.processor, decoding)
    assert facts["image_size"] == list(size)
    assert facts["image_prompt"] == "plain"


def test_only_tokens_of_the_layout_are_drawn(loaded: Loaded) -> None:
    """Whatever the scores, rows end where they must and the marks come in their order."""
    seen: list[torch.Tensor] = []
    decode = loaded.model.decode_image_tokens

    def keep(**arguments: object) -> torch.Tensor:
        tokens = arguments["image_tokens"]
        assert isinstance(tokens, torch.Tensor)
        seen.append(tokens)
        values: torch.Tensor = decode(**arguments)
        return values

    loaded.model.decode_image_tokens = keep
    try:
        FAMILY.draw(loaded, [Prompt(text="A cat.", seed=4)], drawing(ratio="2:1", area=2048))
    finally:
        del loaded.model.decode_image_tokens
    names = loaded.processor.tokenizer.convert_ids_to_tokens(seen[0][0].tolist())
    rows = [names[at : at + 9] for at in range(0, 36, 9)]
    assert all(name.startswith("<|visual token ") for row in rows for name in row[:8])
    assert [row[8] for row in rows] == ["<|extra_200|>"] * 4
    assert names[36:] == ["<|extra_201|>", "<|image end|>", "</s>"]


def test_pictures_are_those_of_transformers(loaded: Loaded) -> None:
    """Without guidance and sampling, tokens and pixels are those of the documented recipe."""
    (drawn,) = FAMILY.draw(loaded, [Prompt(text=_PROMPTS[1])], drawing(guidance=1.0, temperature=0))
    processor, model = loaded.processor, loaded.model
    inputs = processor(
        text=[_PROMPTS[1]],
        return_for_image_generation=True,
        ratio="1:1",
        image_area=1024,
        return_tensors="pt",
    )
    inputs.pop("image_sizes")
    start = inputs["input_ids"].shape[1]
    vocabulary, tokenizer = model.vocabulary_mapping, processor.tokenizer
    ends = [tokenizer.eof_token_id, tokenizer.eoi_token_id, tokenizer.eos_token_id]

    def allowed(_row: int, tokens: torch.Tensor) -> list[int]:
        made = len(tokens) - start
        if made >= 20:
            return [ends[made - 20]]
        return [vocabulary.eol_token_id] if made % 5 == 4 else list(vocabulary.image_tokens)

    made = model.generate(
        **inputs, max_new_tokens=23, do_sample=False, prefix_allowed_tokens_fn=allowed
    )
    values = model.decode_image_tokens(image_tokens=made[:, start:], height=4, width=4)
    (expected,) = processor.postprocess(list(values), return_tensors="PIL.Image.Image")[
        "pixel_values"
    ]
    shape = processor.image_processor
    assert isinstance(drawn, Generated)
    assert drawn.images == (
        encode_png(values[0].permute(1, 2, 0), shape.image_mean, shape.image_std),
    )
    ours = torch.frombuffer(bytearray(_pixels(drawn.images[0])), dtype=torch.uint8)
    theirs = torch.frombuffer(bytearray(expected.tobytes()), dtype=torch.uint8)
    # Both cut off; sums in another order may fall on either side of a whole number.
    assert (ours.int() - theirs.int()).abs().max() <= 1
    assert (ours != theirs).float().mean() < 0.01


@pytest.mark.parametrize("option", [{"guidance": 1.0}, {"negative_prompt": "A big horse."}])
def test_guidance_shapes_the_picture(loaded: Loaded, option: dict[str, object]) -> None:
    """Its strength and the prompt that it leads away from give other pictures."""
    prompt = Prompt(text=_PROMPTS[0], seed=3)
    (usual,) = FAMILY.draw(loaded, [prompt], drawing())
    (other,) = FAMILY.draw(loaded, [prompt], drawing(**option))
    assert isinstance(usual, Generated)
    assert isinstance(other, Generated)
    assert usual.images != other.images
    assert usual.sent["negative_prompt"] == ""


def test_a_negative_prompt_equal_to_the_prompt_cancels_guidance(loaded: Loaded) -> None:
    """Where both halves ask the same, any strength draws what no guidance draws."""
    prompt = Prompt(text=_PROMPTS[0], seed=3)
    (plain,) = FAMILY.draw(loaded, [prompt], drawing(guidance=1.0))
    (same,) = FAMILY.draw(loaded, [prompt], drawing(guidance=9.0, negative_prompt=_PROMPTS[0]))
    assert isinstance(plain, Generated)
    assert isinstance(same, Generated)
    assert plain.images == same.images


def test_pictures_that_leave_no_room_fail(loaded: Loaded) -> None:
    """64 x 32 cells are 2,115 tokens, more than the context; it is said and nothing drawn."""
    (failed,) = FAMILY.draw(
        loaded, [Prompt(text="A cat.")], drawing(ratio="1:2", area=64 * 32 * 64)
    )
    assert isinstance(failed, ModelError)
    assert "the picture 2,115" in str(failed)


async def test_weights_without_a_template_do_not_write(tmp_path: Path) -> None:
    """Gen has no chat template: asked for text, it ends the task with what to do."""
    bare = save_emu3(tmp_path / "emu3")
    (bare / "chat_template.jinja").unlink()
    with pytest.raises(UnsupportedError, match="no chat template"):
        await answers(f"hf:{bare}", CHAT, [request("Hello.")])
    (drawn,) = await answers(f"hf:{bare}", GEN, [request("A cat.", "text-to-image")])
    assert len(drawn.images) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ratio": "wide"}, "width and height such as 4:3"),
        ({"ratio": "0:3"}, "width and height such as 4:3"),
        ({"area": 1.5}, "whole number"),
        ({"ratio": "100:1", "area": 1024}, "less than 8 pixels"),
    ],
)
def test_unusable_options_are_named(options: dict[str, object], message: str) -> None:
    """Each mistake has a message of its own."""
    with pytest.raises(UsageError, match=message):
        drawing(**options)


def test_unknown_options_are_named() -> None:
    """A name of another family's option gets the list."""
    with pytest.raises(UnknownNameError, match=r"image\.steps"):
        drawing(steps=3)


# What transformers gets wrong. When one of these fails, the workaround it names can go.


def test_transformers_still_reads_padding_into_pictures(loaded: Loaded) -> None:
    """A small picture beside a large one gets other tokens: `answer` asks them apart."""
    shape = loaded.processor.image_processor
    small = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(1)).numpy()
    large = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(2)).numpy()
    settings = {"do_resize": False, "do_rescale": False, "return_tensors": "pt"}
    with torch.no_grad():
        alone, beside = (
            loaded.model.model.vqmodel.encode(
                inputs["pixel_values"], inputs["image_sizes"]
            ).image_tokens[0]
            for inputs in (
                shape([small], do_convert_rgb=False, **settings),
                shape([small, large], do_convert_rgb=False, **settings),
            )
        )
    assert alone.shape == beside.shape == (4, 4)
    assert not torch.equal(alone, beside)


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
    """The kind of model is read from the config; other kinds are left to other families."""
    assert FAMILY.capabilities(AutoConfig.from_pretrained(directory))
    assert FAMILY.capabilities(AutoConfig.for_model("llama")) is None


def _pixels(png: bytes) -> bytes:
    with Image.open(io.BytesIO(png)) as image:
        return image.tobytes()


def _image(size: tuple[int, int], *, shade: int) -> Image.Image:
    with Image.open(io.BytesIO(painted(*size, shade=shade).data)) as image:
        return image.convert("RGB")
