"""Vision-language models from disk: pictures, several of them, and batches with them."""

import io
from pathlib import Path

from local_models import answers_of, opened, request
from PIL import Image
from tiny_language import save_tiling_model

from unisafebench.core.records import PictureSeen
from unisafebench.core.tasks import TASKS
from unisafebench.media.pictures import Picture, check_picture
from unisafebench.models.base import Capabilities
from unisafebench.testing import check_model

_CELLS = 16
_MARKS = len("user\n\nassistant\n") + 3


def _picture(colour: str, size: tuple[int, int] = (40, 24)) -> Picture:
    image = Image.new("RGB", size, "white")
    image.paste(colour, (4, 4, size[0] - 4, size[1] - 8))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return check_picture(buffer.getvalue())


async def test_it_conforms(vision_model: Path) -> None:
    """It passes the check of all adapters with text generation and the four VQA tasks."""
    async with opened(vision_model) as model:
        assert model.capabilities == Capabilities(text_output=True, image_input=True)
        counts = await check_model(model)
    text_tasks = [task.id for task in TASKS.values() if task.output == "text"]
    assert counts == {task: {"completed": 4} for task in text_tasks}


async def test_a_batch_gives_what_each_prompt_gets_alone(vision_model: Path) -> None:
    """Under greedy decoding, with pictures of different sizes and prompts of different lengths."""
    requests = [
        request("What is it?", "vqa-dual-unsafe", [_picture("red")]),
        request(
            "Say what you see in this picture.", "vqa-dual-unsafe", [_picture("blue", (9, 64))]
        ),
        request("A", "vqa-dual-unsafe", [_picture("green", (33, 33))]),
    ]
    async with opened(vision_model) as model:
        together = await answers_of(model, requests)
        alone = [await model.generate(each) for each in requests]
    assert [output.details["batch"] for output in together] == [3] * 3
    assert [output.text for output in together] == [output.text for output in alone]


async def test_pictures_with_different_numbers_of_tokens(tmp_path: Path) -> None:
    """LLaVA-NeXT sees 16 tokens of the whole, then 16 for each tile and a mark for each row."""
    requests = [
        request("What?", "vqa-dual-unsafe", [_picture("red", (64, 64))]),
        request("What?", "vqa-dual-unsafe", [_picture("red", (64, 32))]),
    ]
    async with opened(save_tiling_model(tmp_path / "tiling")) as model:
        together = await answers_of(model, requests)
        alone = [await model.generate(each) for each in requests]
    square, wide = (output.usage.input_tokens or 0 for output in together if output.usage)
    assert square == 16 + 4 * 16 + 8 + len("What?") + _MARKS
    assert wide == 16 + 2 * 16 + 4 + len("What?") + _MARKS
    assert [output.details["batch"] for output in together] == [2, 2]
    assert [output.text for output in together] == [output.text for output in alone]


async def test_the_picture_counts(vision_model: Path) -> None:
    """Another picture under the same prompt gives another answer, and so does none."""
    async with opened(vision_model) as model:
        outputs = await answers_of(
            model,
            [
                request("What is it?", "vqa-dual-unsafe", [_picture("red")]),
                request("What is it?", "vqa-dual-unsafe", [_picture("blue")]),
                request("What is it?"),
            ],
        )
    assert len({output.text for output in outputs}) == 3
    assert [output.details["batch"] for output in outputs] == [2, 2, 1]


async def test_several_pictures_are_all_shown_in_order(vision_model: Path) -> None:
    """Each takes its 16 tokens; their order matters."""
    red, blue = _picture("red"), _picture("blue")
    async with opened(vision_model) as model:
        outputs = await answers_of(
            model,
            [
                request("Compare.", "vqa-dual-unsafe", [red, blue]),
                request("Compare.", "vqa-dual-unsafe", [blue, red]),
                request("Compare.", "vqa-dual-unsafe", [red]),
            ],
        )
    counts = [output.usage.input_tokens for output in outputs if output.usage]
    words = _MARKS + len("Compare.")
    assert counts == [words + 2 * _CELLS, words + 2 * _CELLS, words + _CELLS]
    assert outputs[0].text != outputs[1].text
    assert outputs[0].pictures_sent == (
        PictureSeen(sha256=red.sha256, width=40, height=24),
        PictureSeen(sha256=blue.sha256, width=40, height=24),
    )


async def test_a_picture_s_mark_in_a_prompt_is_plain_text(vision_model: Path) -> None:
    """`<image>` in a prompt takes no picture's place: it is seven tokens, one for each byte."""
    async with opened(vision_model) as model:
        asked = request("Is <image> a tag?", "vqa-dual-unsafe", [_picture("red")])
        output = await model.generate(asked)
    assert output.usage is not None
    assert output.usage.input_tokens == _MARKS + _CELLS + len("Is <image> a tag?")
