"""Janus and Janus-Pro (arXiv 2410.13848, 2501.17811): text about pictures, and pictures from text.

Pictures are drawn from a text alone: the loop that makes image tokens embeds no input pictures, so
editing is not supported.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
import torch
from transformers import (
    AutoProcessor,
    GenerationMixin,
    JanusForConditionalGeneration,
    LogitsProcessorList,
)

from unisafebench.core.errors import UsageError
from unisafebench.models.base import Capabilities
from unisafebench.models.hf.chat import (
    encode_with_processor,
    pad_left,
    template_facts,
    template_of,
)
from unisafebench.models.hf.families.image_options import ImageOptions
from unisafebench.models.hf.families.image_tokens import GuidedSampler, gather, too_long
from unisafebench.models.hf.families.placeholders import without_recount
from unisafebench.models.hf.family import Answers, Decoding, Family, Loaded, Prompt, Source
from unisafebench.models.hf.generating import answer_text, greedy_config
from unisafebench.models.hf.loading import load_weights, reading

__all__ = ["FAMILY"]

# The authors' own: guidance 5, temperature 1, every token (arXiv 2501.17811's published code).
_GUIDANCE = 5.0


class _JanusFamily:
    """`JanusForConditionalGeneration`."""

    name = "Janus"

    def capabilities(self, config: Any) -> Capabilities | None:
        """See `Family`."""
        if config.model_type != "janus":
            return None
        return Capabilities(image_input=True, image_output=True)

    def drawing(self, _config: Any, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return guidance and sampling (`top_k` 0 is every token); the size is the model's."""
        read = ImageOptions(options)
        found: dict[str, Any] = {
            "guidance": read.number("guidance", _GUIDANCE, low=0.0, high=100.0),
            "temperature": read.number("temperature", 1.0, low=0.0, high=10.0),
            "top_k": read.count("top_k", 0, low=0, high=1_000_000),
        }
        read.finish()
        return found

    def load_processor(self, source: Source) -> Any:
        """Return the `JanusProcessor`."""
        with reading(source.path, source.revision):
            processor = AutoProcessor.from_pretrained(source.path, revision=source.revision)
        if template_of(processor) is None:
            raise UsageError(
                f"{source.path} has no chat template. Add the one of the published Janus as "
                "chat_template.jinja."
            )
        pad_left(processor.tokenizer)
        return without_recount(processor)

    def facts(self, config: Any, processor: Any, decoding: Decoding) -> Mapping[str, Any]:
        """See `Family`."""
        facts = dict(template_facts(processor, decoding, parts=True))
        if processor.use_default_system_prompt:
            facts["default_system_prompt"] = (
                "the processor's, before prompts to be answered in text"
            )
        side = config.vision_config.image_size
        return {**facts, "image_size": [side, side]}

    def load_model(self, source: Source) -> Any:
        """Load the weights, and find in what is with them all that drawing needs."""
        model = load_weights(JanusForConditionalGeneration, source)
        _check_generation_config(model.generation_config, source)
        return model

    def answer(self, loaded: Loaded, prompts: Sequence[Prompt], decoding: Decoding) -> Answers:
        """See `Family`."""
        processor = loaded.processor
        writing: Any = _Writing(loaded.model)
        return answer_text(
            msgspec.structs.replace(loaded, model=writing),
            prompts,
            decoding,
            encode=partial(
                encode_with_processor, processor, loaded, decoding=decoding, generation_mode="text"
            ),
            tokenizer=processor.tokenizer,
        )

    def draw(self, loaded: Loaded, prompts: Sequence[Prompt], decoding: Decoding) -> Answers:
        """See `Family`."""
        model, processor = loaded.model, loaded.processor
        inputs = encode_with_processor(
            processor, loaded, prompts, decoding, generation_mode="image"
        )
        lengths: list[int] = inputs["attention_mask"].sum(dim=1).tolist()
        drawn = loaded.config.vision_config.num_image_tokens
        if refused := too_long(loaded, max(lengths), drawn):
            if len(prompts) > 1:
                return [self.draw(loaded, [prompt], decoding)[0] for prompt in prompts]
            return [refused]
        sampler = GuidedSampler(loaded, prompts, decoding, both_halves=False)
        with torch.inference_mode():
            tokens = model.generate(
                **inputs,
                generation_mode="image",
                generation_config=_drawing_config(loaded, drawn),
                logits_processor=LogitsProcessorList([sampler]),
            )
            # Up to transformers 5.24, decode_image_tokens keeps gradients unless told not to.
            # One picture at a time: decoding takes little time, and much memory for each.
            decoded = [model.decode_image_tokens(row[None])[0] for row in tokens]
        # In transformers 5.24 the processor's own way to pictures fails: with torchvision for
        # return_tensors="PIL.Image.Image", without it for what decode_image_tokens gives.
        return [
            gather(
                prompt,
                decoding,
                values,
                processor.image_processor,
                tokens=(length, drawn),
                broken=broken,
            )
            for prompt, values, length, broken in zip(
                prompts, decoded, lengths, sampler.broken.tolist(), strict=True
            )
        ]


class _Writing:
    """A Janus that only writes: `generate` as other models have it.

    Up to transformers 5.24, JanusForConditionalGeneration.generate drops the logits processors
    that it is given for text, sampling among them, and warns of its own guidance.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self.generation_config = model.generation_config

    def generate(self, **arguments: Any) -> torch.Tensor:
        """Return what the shared `generate` makes: batch x (prompt and answer)."""
        arguments["generation_config"].guidance_scale = None
        tokens: torch.Tensor = GenerationMixin.generate(self._model, **arguments)
        return tokens


def _drawing_config(loaded: Loaded, image_tokens: int) -> Any:
    """Return a config with which the loop for pictures does nothing of its own to the scores."""
    config = greedy_config(loaded.model, loaded.processor.tokenizer, image_tokens)
    # None would become 5; with more than 1 it guides by itself. Up to transformers 5.24 its loop
    # fails with 1 unless something else joins the halves of the batch, as our processor does.
    config.guidance_scale = 1.0
    return config


def _check_generation_config(config: Any, source: Source) -> None:
    """Refuse a model for which the loop for pictures would fail with a KeyError or TypeError."""
    lacking = [
        name for name in ("bos_token_id", "pad_token_id") if getattr(config, name, None) is None
    ]
    if "boi_token_id" not in (getattr(config, "generation_kwargs", None) or {}):
        lacking.append("generation_kwargs.boi_token_id")
    if lacking:
        raise UsageError(
            f"{source.path}: generation_config.json lacks {', '.join(lacking)}, without which "
            "Janus cannot draw. Take that file from the published model."
        )


FAMILY: Family = _JanusFamily()
