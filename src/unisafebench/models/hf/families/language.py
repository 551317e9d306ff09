"""Language models: text in, text out."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from unisafebench.core.errors import UsageError
from unisafebench.models.base import Capabilities, ModelError
from unisafebench.models.hf.chat import (
    encode_plain,
    encode_with_tokenizer,
    pad_left,
    template_facts,
    template_of,
)
from unisafebench.models.hf.family import Answers, Decoding, Family, Loaded, Prompt, Source
from unisafebench.models.hf.generating import answer_text
from unisafebench.models.hf.kinds import is_made_for
from unisafebench.models.hf.loading import load_weights, reading

__all__ = ["FAMILY"]


class _LanguageFamily:
    """`AutoModelForCausalLM` and its tokenizer's chat template; without one, the bare prompt."""

    name = "causal language model"

    def capabilities(self, config: Any) -> Capabilities | None:
        """See `Family`."""
        fits = is_made_for(config, "AutoModelForCausalLM", MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
        return Capabilities() if fits else None

    def drawing(self, _config: Any, _options: Mapping[str, Any]) -> Mapping[str, Any]:
        """See `Family`."""
        raise UsageError(f"a {self.name} draws no pictures.")

    def load_processor(self, source: Source) -> Any:
        """Return the tokenizer."""
        with reading(source.path, source.revision):
            tokenizer = AutoTokenizer.from_pretrained(
                source.path,
                revision=source.revision,
                trust_remote_code=source.trust_remote_code,
            )
        return pad_left(tokenizer)

    def facts(self, _config: Any, processor: Any, decoding: Decoding) -> Mapping[str, Any]:
        """See `Family`."""
        return template_facts(processor, decoding, parts=False)

    def load_model(self, source: Source) -> Any:
        """See `Family`."""
        return load_weights(AutoModelForCausalLM, source)

    def answer(self, loaded: Loaded, prompts: Sequence[Prompt], decoding: Decoding) -> Answers:
        """See `Family`."""
        tokenizer = loaded.processor
        encoder = encode_with_tokenizer if template_of(tokenizer) else encode_plain
        encode = partial(encoder, tokenizer, loaded, decoding=decoding)
        return answer_text(loaded, prompts, decoding, encode=encode, tokenizer=tokenizer)

    def draw(self, loaded: Loaded, _prompts: Sequence[Prompt], _decoding: Decoding) -> Answers:
        """See `Family`."""
        raise ModelError(f"{loaded.name} draws no pictures.")


FAMILY: Family = _LanguageFamily()
