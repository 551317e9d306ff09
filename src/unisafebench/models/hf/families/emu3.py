"""Emu3 (arXiv 2409.18869): text about pictures, or pictures from text.

The published weights do one of the two: Chat writes, Gen draws. Their configs are the same, so the
user says which they are. Pictures are drawn from a text alone: the processor takes no pictures for
drawing, so editing is not supported.
"""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from transformers import AutoProcessor, Emu3ForConditionalGeneration, LogitsProcessorList
from transformers.models.emu3.image_processing_emu3 import smart_resize

from unisafebench.core.errors import UsageError
from unisafebench.models.base import Capabilities, UnsupportedError
from unisafebench.models.hf.chat import (
    encode_with_processor,
    on_device,
    pad_left,
    template_facts,
    template_of,
)
from unisafebench.models.hf.families.image_options import ImageOptions
from unisafebench.models.hf.families.image_tokens import Allowed, GuidedSampler, gather, too_long
from unisafebench.models.hf.families.placeholders import without_recount
from unisafebench.models.hf.family import Answers, Decoding, Family, Loaded, Prompt, Source
from unisafebench.models.hf.generating import answer_text, greedy_config
from unisafebench.models.hf.loading import load_weights, reading

__all__ = ["FAMILY"]

# The authors' own settings, in the published code of arXiv 2409.18869.
_GUIDANCE = 3.0
_TOP_K = 2048
_AREA = 720 * 720
# What the processor of transformers takes for granted.
_CELL = 8
_ROW_END = "<|extra_200|>"
# The authors put the text before the picture's mark and nothing else.
_PLAIN = "{{ messages[0]['content'][0]['text'] }}"


class _Emu3Family:
    """`Emu3ForConditionalGeneration`."""

    name = "Emu3"

    def capabilities(self, config: Any) -> Capabilities | None:
        """Return what the class can do; `narrowed` says what weights of it can do."""
        if config.model_type != "emu3":
            return None
        return Capabilities(text_output=True, image_input=True, image_output=True)

    def narrowed(self, *, text: bool | None, images: bool | None) -> Capabilities:
        """Return what the weights can do, as the user says.

        Args:
            text: whether they write. None: the user has not said.
            images: whether they draw. None: the user has not said.

        Raises:
            UsageError: the user has said neither, or that they do neither.
        """
        if text is None and images is None:
            raise UsageError(
                "Emu3 has weights that write (Chat) and others that draw (Gen), and its files do "
                "not say which they are. Say it: -M text=yes for the first, -M images=yes for the "
                "second."
            )
        writes = not images if text is None else text
        draws = not text if images is None else images
        if not writes and not draws:
            raise UsageError("text=no and images=no leave nothing that Emu3 could do.")
        return Capabilities(text_output=writes, image_input=writes, image_output=draws)

    def drawing(self, _config: Any, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return guidance, sampling and the size in tokens; each token is 8 x 8 pixels."""
        read = ImageOptions(options)
        found: dict[str, Any] = {
            "guidance": read.number("guidance", _GUIDANCE, low=0.0, high=100.0),
            "temperature": read.number("temperature", 1.0, low=0.0, high=10.0),
            "top_k": read.count("top_k", _TOP_K, low=0, high=1_000_000),
            "ratio": read.text("ratio", "1:1"),
            "area": read.count("area", _AREA, low=_CELL * _CELL, high=4_000_000),
            "negative_prompt": read.text("negative_prompt", ""),
        }
        read.finish()
        sides = re.fullmatch(r"([1-9]\d{0,3}):([1-9]\d{0,3})", str(found["ratio"]))
        if sides is None:
            raise UsageError(
                f"the option 'image.ratio' is {found['ratio']!r}; give width and height such as "
                "4:3."
            )
        width, height = (int(side) for side in sides.groups())
        if found["area"] * min(width / height, height / width) < _CELL * _CELL:
            raise UsageError(
                f"pictures of {found['area']} pixels with the sides {found['ratio']} are less "
                f"than {_CELL} pixels high or wide. Give a larger image.area."
            )
        return found

    def load_processor(self, source: Source) -> Any:
        """Return the `Emu3Processor`."""
        with reading(source.path, source.revision):
            processor = AutoProcessor.from_pretrained(source.path, revision=source.revision)
        pad_left(processor.tokenizer)
        return without_recount(processor)

    def facts(self, _config: Any, processor: Any, decoding: Decoding) -> Mapping[str, Any]:
        """See `Family`."""
        facts = dict(template_facts(processor, decoding, parts=True))
        if decoding.image:
            facts["image_prompt"] = "plain"
            rows, columns = _grid(processor, decoding)
            facts["image_size"] = [columns * _CELL, rows * _CELL]
        return facts

    def load_model(self, source: Source) -> Any:
        """See `Family`."""
        return load_weights(Emu3ForConditionalGeneration, source)

    def answer(self, loaded: Loaded, prompts: Sequence[Prompt], decoding: Decoding) -> Answers:
        """See `Family`; prompts whose pictures have other sizes are asked apart."""
        processor = loaded.processor
        if template_of(processor) is None:
            return [_no_template(loaded) for _ in prompts]
        encode = partial(encode_with_processor, processor, loaded, decoding=decoding)
        sizes = [_padded_size(processor, prompt) for prompt in prompts]
        answers: dict[int, Any] = {}
        # Up to transformers 5.24, smaller pictures are padded before they are encoded, which
        # changes their tokens: an answer would depend on what it is batched with.
        for size in dict.fromkeys(sizes):
            alike = [index for index, each in enumerate(sizes) if each == size]
            given = answer_text(
                loaded,
                [prompts[index] for index in alike],
                decoding,
                encode=encode,
                tokenizer=processor.tokenizer,
            )
            answers.update(zip(alike, given, strict=True))
        return [answers[index] for index in range(len(prompts))]

    def draw(self, loaded: Loaded, prompts: Sequence[Prompt], decoding: Decoding) -> Answers:
        """See `Family`."""
        model, processor = loaded.model, loaded.processor
        rows, columns = _grid(processor, decoding)
        drawn = rows * (columns + 1) + 3
        inputs = _encode_drawing(loaded, prompts, decoding)
        lengths = inputs["attention_mask"].sum(dim=1).tolist()
        if refused := too_long(loaded, max(lengths), drawn):
            if len(prompts) > 1:
                return [self.draw(loaded, [prompt], decoding)[0] for prompt in prompts]
            return [refused]
        # Not the guidance of transformers' own generate: it asks the model twice for each token.
        sampler = GuidedSampler(
            loaded, prompts, decoding, both_halves=True, allowed=_layout(loaded, rows, columns)
        )
        config = greedy_config(model, processor.tokenizer, drawn)
        config.guidance_scale = None
        with torch.inference_mode():
            sequences = model.generate(
                **inputs,
                generation_config=config,
                logits_processor=LogitsProcessorList([sampler]),
            )
            tokens = sequences[: len(prompts), inputs["input_ids"].shape[1] :]
            decoded = [
                model.decode_image_tokens(image_tokens=row[None], height=rows, width=columns)[0]
                for row in tokens
            ]
        return [
            gather(
                prompt,
                decoding,
                values.permute(1, 2, 0),
                processor.image_processor,
                tokens=(length, drawn),
                broken=broken,
            )
            for prompt, values, length, broken in zip(
                prompts, decoded, lengths, sampler.broken.tolist(), strict=False
            )
        ]


def _encode_drawing(
    loaded: Loaded, prompts: Sequence[Prompt], decoding: Decoding
) -> dict[str, Any]:
    """Return inputs of 2 x batch rows: the prompts, then the negative prompt for each."""
    system = f"{decoding.system}\n\n" if decoding.system else ""
    texts = [system + prompt.text for prompt in prompts]
    texts += [str(decoding.image["negative_prompt"])] * len(prompts)
    chats = [[{"role": "user", "content": [{"type": "text", "text": text}]}] for text in texts]
    drawn = {
        "padding": True,
        "return_for_image_generation": True,
        "ratio": decoding.image["ratio"],
        "image_area": decoding.image["area"],
    }
    arguments = {
        "chat_template": _PLAIN,
        "tokenize": True,
        "return_tensors": "pt",
        "return_dict": True,
    }
    render = loaded.processor.apply_chat_template
    # Copies, since `sanitize_control_tokens` is written into what is given.
    try:
        inputs = render(
            chats, sanitize_control_tokens=True, processor_kwargs=dict(drawn), **arguments
        )
    # Tokenizers that add tokens of their own around the text.
    except NotImplementedError:
        inputs = render(chats, processor_kwargs=dict(drawn), **arguments)
    # The size is part of the prompt; `generate` would take it for that of a picture given.
    inputs.pop("image_sizes")
    return on_device(inputs, loaded)


def _layout(loaded: Loaded, rows: int, columns: int) -> Allowed:
    """Return what may come where: rows of visual tokens, each with its end, then three marks."""
    tokenizer, vocabulary = loaded.processor.tokenizer, loaded.config.vocabulary_map
    visual = torch.tensor(loaded.model.vocabulary_mapping.image_tokens, device=loaded.device)
    row_end = torch.tensor([vocabulary[_ROW_END]], device=loaded.device)
    marks = [
        torch.tensor([mark], device=loaded.device)
        for mark in (tokenizer.eof_token_id, tokenizer.eoi_token_id, tokenizer.eos_token_id)
    ]

    def allowed(position: int) -> torch.Tensor:
        row, column = divmod(position, columns + 1)
        if row >= rows:
            return marks[position - rows * (columns + 1)]
        return row_end if column == columns else visual

    return allowed


def _grid(processor: Any, decoding: Decoding) -> tuple[int, int]:
    """Return how many rows and columns of image tokens a picture has."""
    rows, columns = processor.calculate_generate_size(
        decoding.image["ratio"], decoding.image["area"], processor.downsample_ratio
    )
    return int(rows), int(columns)


def _padded_size(processor: Any, prompt: Prompt) -> tuple[int, int]:
    """Return the height and width to which the pictures of one prompt are padded."""
    shape = processor.image_processor
    sizes = [
        smart_resize(
            image.height,
            image.width,
            factor=shape.spatial_factor,
            min_pixels=shape.min_pixels,
            max_pixels=shape.max_pixels,
        )
        for image in prompt.images
    ]
    return max((size[0] for size in sizes), default=0), max((size[1] for size in sizes), default=0)


def _no_template(loaded: Loaded) -> UnsupportedError:
    return UnsupportedError(
        f"{loaded.name} has no chat template, which weights of Emu3 that write have. If these "
        "draw, say -M images=yes instead of text=yes."
    )


FAMILY: Family = _Emu3Family()
