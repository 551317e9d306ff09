"""Vision-language models: text and pictures in, text out."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from transformers import AutoModelForImageTextToText, AutoProcessor
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

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
from unisafebench.models.hf.kinds import is_made_for
from unisafebench.models.hf.loading import load_weights, reading

__all__ = ["FAMILY"]


class _VisionFamily:
    """`AutoModelForImageTextToText` and its processor's chat template; several pictures too."""

    name = "vision-language model"

    def capabilities(self, config: Any) -> Capabilities | None:
        """See `Family`."""
        names = MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
        fits = is_made_for(config, "AutoModelForImageTextToText", names)
        return Capabilities(image_input=True) if fits else None

    def drawing(self, _config: Any, _options: Mapping[str, Any]) -> Mapping[str, Any]:
        """See `Family`."""
        raise UsageError(f"a {self.name} draws no pictures.")

    def load_processor(self, source: Source) -> Any:
        """Return the processor: tokenizer, image processor, chat template."""
        with reading(source.path, source.revision):
            processor = AutoProcessor.from_pretrained(
                source.path,
                revision=source.revision,
                trust_remote_code=source.trust_remote_code,
            )
        if not hasattr(processor, "tokenizer") or template_of(processor) is None:
            raise UsageError(
                f"{source.path} has no processor with a chat template, so that there is no telling "
                "where in a prompt its pictures belong. Add one as chat_template.jinja, or run "
                "the model's own code with exec:COMMAND."
            )
        pad_left(processor.tokenizer)
        return processor

    def facts(self, _config: Any, processor: Any, decoding: Decoding) -> Mapping[str, Any]:
        """See `Family`."""
        return template_facts(processor, decoding, parts=True)

    def load_model(self, source: Source) -> Any:
        """See `Family`."""
        return load_weights(AutoModelForImageTextToText, source)

    def answer(self, loaded: Loaded, prompts: Sequence[Prompt], decoding: Decoding) -> Answers:
        """See `Family`."""
        processor = loaded.processor
        encode = partial(encode_with_processor, processor, loaded, decoding=decoding)
        return answer_text(loaded, prompts, decoding, encode=encode, tokenizer=processor.tokenizer)

    def draw(self, loaded: Loaded, _prompts: Sequence[Prompt], _decoding: Decoding) -> Answers:
        """See `Family`."""
        raise ModelError(f"{loaded.name} draws no pictures.")


FAMILY: Family = _VisionFamily()
