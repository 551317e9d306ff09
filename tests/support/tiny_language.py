"""Language and vision-language models of transformers' own classes, as small as they can be.

Made by code with random weights and saved as any model is, tokenizer, image processor and chat
template with them, so that a test opens them from a directory like a user's model.
"""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    LlavaNextProcessor,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.llava_next.image_processing_pil_llava_next import (
    LlavaNextImageProcessorPil,
)

__all__ = [
    "CHAT",
    "POSITIONS",
    "save_classifier",
    "save_language_model",
    "save_tiling_model",
    "save_vision_model",
    "tiny_tokenizer",
]

POSITIONS = 512
"""Tokens, prompt and answer together, for which the models have room."""

CHAT = (
    "{% for message in messages %}<turn>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}</s>\n{% endfor %}"
    "{% if add_generation_prompt %}<turn>assistant\n{% endif %}"
)
"""Takes contents that are texts and contents that are lists of parts."""

_SPECIAL = ("<pad>", "<s>", "</s>", "<turn>", "<image>")
_CELLS = 16


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer with one token for each byte, and five special ones before them."""
    tokens = [*_SPECIAL, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    inner = Tokenizer(models.BPE({token: index for index, token in enumerate(tokens)}, []))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens(list(_SPECIAL))
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        **dict(zip(("pad_token", "bos_token", "eos_token"), _SPECIAL, strict=False)),
        extra_special_tokens={"image_token": "<image>"},
    )


def save_language_model(
    path: Path, *, template: str | None = CHAT, seed: int = 0, **generation: Any
) -> Path:
    """Save a Llama of 2 layers with 32 dimensions; `generation` goes to its generation config."""
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = template
    torch.manual_seed(seed)
    model = LlamaForCausalLM(_text_config(tokenizer))
    model.generation_config.update(**generation)
    return _save(path, model, tokenizer)


def save_classifier(path: Path) -> Path:
    """Save a Llama with the head of a classifier, which has no weights to write text with."""
    tokenizer = tiny_tokenizer()
    torch.manual_seed(0)
    return _save(path, LlamaForSequenceClassification(_text_config(tokenizer)), tokenizer)


def save_vision_model(path: Path, *, template: str | None = CHAT, seed: int = 0) -> Path:
    """Save a LLaVA that sees 32 x 32 pixels as 16 tokens."""
    tokenizer = tiny_tokenizer()
    config = LlavaConfig(
        vision_config=_vision_config(),
        text_config=_text_config(tokenizer),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=_CELLS,
        tie_word_embeddings=False,
    )
    torch.manual_seed(seed)
    model = LlavaForConditionalGeneration(config)
    processor = LlavaProcessor(
        CLIPImageProcessorPil(
            size={"height": 32, "width": 32}, crop_size={"height": 32, "width": 32}
        ),
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=template,
    )
    return _save(path, model, processor)


def save_tiling_model(path: Path) -> Path:
    """Save a LLaVA-NeXT, which sees a picture whole and in tiles: how many tokens differs."""
    tokenizer = tiny_tokenizer()
    grids = [[32, 64], [64, 32], [64, 64]]
    config = LlavaNextConfig(
        vision_config=_vision_config(),
        text_config=_text_config(tokenizer),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_grid_pinpoints=grids,
        tie_word_embeddings=False,
    )
    torch.manual_seed(0)
    model = LlavaNextForConditionalGeneration(config)
    processor = LlavaNextProcessor(
        LlavaNextImageProcessorPil(
            size={"shortest_edge": 32},
            crop_size={"height": 32, "width": 32},
            image_grid_pinpoints=grids,
        ),
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=CHAT,
    )
    return _save(path, model, processor)


def _vision_config() -> CLIPVisionConfig:
    return CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=32,
        patch_size=8,
        projection_dim=32,
    )


def _text_config(tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=POSITIONS,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        initializer_range=0.5,
        tie_word_embeddings=False,
    )


def _save(path: Path, model: Any, processor: Any) -> Path:
    model.save_pretrained(path)
    processor.save_pretrained(path)
    return path
