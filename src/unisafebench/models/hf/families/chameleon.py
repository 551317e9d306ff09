"""Chameleon (arXiv 2405.09818): text about pictures.

The network was trained to draw as well, but the published weights and transformers keep it from
that: the scores of image tokens are set to the minimum, and there is no decoder for pictures. So
only text is supported.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from transformers import AutoProcessor, ChameleonForConditionalGeneration

from unisafebench.core.errors import UsageError
from unisafebench.models.base import Capabilities, ModelError
from unisafebench.models.hf.chat import (
    encode_with_processor,
    pad_left,
    template_facts,
    template_of,
)
from unisafebench.models.hf.family import Answers, Decoding, Family, Loaded, Prompt, Source
from unisafebench.models.hf.generating import answer_text
from unisafebench.models.hf.loading import load_weights, reading

__all__ = ["FAMILY"]

# The published model has no chat template: a prompt is text with a mark for each picture after it,
# to which the processor adds the mark that ends the user's turn.
_PLAIN = (
    "{% for message in messages %}"
    "{% for part in message['content'] if part['type'] == 'text' %}{{ part['text'] }}{% endfor %}"
    "{% for part in message['content'] if part['type'] == 'image' %}<image>{% endfor %}"
    "{% if message['role'] == 'system' %}{{ '\n\n' }}{% endif %}"
    "{% endfor %}"
)


class _ChameleonFamily:
    """`ChameleonForConditionalGeneration`."""

    name = "Chameleon"

    def capabilities(self, config: Any) -> Capabilities | None:
        """See `Family`."""
        return Capabilities(image_input=True) if config.model_type == "chameleon" else None

    def drawing(self, _config: Any, _options: Mapping[str, Any]) -> Mapping[str, Any]:
        """See `Family`."""
        raise UsageError("Chameleon draws no pictures in transformers.")

    def load_processor(self, source: Source) -> Any:
        """Return the `ChameleonProcessor`, with a plain template where it has none."""
        with reading(source.path, source.revision):
            processor = AutoProcessor.from_pretrained(source.path, revision=source.revision)
        if template_of(processor) is None:
            processor.chat_template = template_of(processor.tokenizer) or _PLAIN
        pad_left(processor.tokenizer)
        return processor

    def facts(self, _config: Any, processor: Any, decoding: Decoding) -> Mapping[str, Any]:
        """See `Family`."""
        facts = dict(template_facts(processor, decoding, parts=True))
        if processor.chat_template == _PLAIN:
            facts["prompt"] = "text, then pictures"
        return facts

    def load_model(self, source: Source) -> Any:
        """See `Family`."""
        return load_weights(ChameleonForConditionalGeneration, source)

    def answer(self, loaded: Loaded, prompts: Sequence[Prompt], decoding: Decoding) -> Answers:
        """See `Family`."""
        processor = loaded.processor
        encode = partial(encode_with_processor, processor, loaded, decoding=decoding)
        return answer_text(loaded, prompts, decoding, encode=encode, tokenizer=processor.tokenizer)

    def draw(self, loaded: Loaded, _prompts: Sequence[Prompt], _decoding: Decoding) -> Answers:
        """See `Family`."""
        raise ModelError(f"{loaded.name} draws no pictures.")


FAMILY: Family = _ChameleonFamily()
