"""Unified models of transformers' own classes, as small as they can be, with random weights.

They are made by code in a tenth of a second and saved as any model is, tokenizer, image processor
and chat template with them, so that a test opens them from a directory like a user's model. What
they answer means nothing: half a million weights that were never trained.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    ChameleonConfig,
    ChameleonForConditionalGeneration,
    ChameleonProcessor,
    ChameleonVQVAEConfig,
    Emu3Config,
    Emu3ForConditionalGeneration,
    Emu3ImageProcessor,
    Emu3Processor,
    Emu3TextConfig,
    Emu3VQVAEConfig,
    GenerationConfig,
    JanusConfig,
    JanusForConditionalGeneration,
    JanusProcessor,
    JanusVisionConfig,
    JanusVQVAEConfig,
    LlamaConfig,
    PreTrainedTokenizerFast,
)
from transformers.models.chameleon.image_processing_pil_chameleon import ChameleonImageProcessorPil
from transformers.models.janus.image_processing_pil_janus import JanusImageProcessorPil

__all__ = ["byte_tokenizer", "save_chameleon", "save_emu3", "save_janus"]

_MARKS = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}
# Ten times the usual: with smaller weights every prompt gets almost the same answer.
_RANGE = 0.2
_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: "
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)


def byte_tokenizer(
    special: Sequence[str] = (), named: Mapping[str, str] | None = None
) -> PreTrainedTokenizerFast:
    """Return a tokenizer with one token for each byte, after `<pad> <s> </s>` and `special`.

    Args:
        special: Further special tokens, in the order of their ids from 3 on.
        named: Names under which some of them are attributes of the tokenizer.
    """
    tokens = [*_MARKS.values(), *special, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    inner = Tokenizer(models.BPE({token: index for index, token in enumerate(tokens)}, []))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens([*_MARKS.values(), *special])
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        padding_side="left",
        extra_special_tokens=dict(named or {}),
        **_MARKS,
    )


def save_janus(path: Path, *, start_token: bool = False) -> Path:
    """Save a Janus that draws 32 x 32 pixels in 16 tokens.

    Args:
        path: where to.
        start_token: whether the tokenizer puts `<s>` before every text.
    """
    tokenizer = byte_tokenizer(
        ["<image>", "<boi>", "<eoi>"],
        {"image_token": "<image>", "boi_token": "<boi>", "eoi_token": "<eoi>"},
    )
    if start_token:
        tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", _id(tokenizer, "<s>"))]
        )
    config = JanusConfig(
        text_config=_llama(tokenizer, positions=2048),
        vision_config=JanusVisionConfig(
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=4,
            image_size=32,
            patch_size=8,
            projection_dim=32,
            num_image_tokens=16,
            mlp_ratio=2,
            depth=1,
        ),
        vq_config=JanusVQVAEConfig(
            embed_dim=8,
            num_embeddings=64,
            latent_channels=32,
            base_channels=32,
            channel_multiplier=[1, 1, 1, 1],
            num_res_blocks=1,
            projection_dim=32,
            num_hidden_layers=1,
            image_token_embed_dim=32,
        ),
        image_token_id=_id(tokenizer, "<image>"),
        tie_word_embeddings=False,
    )
    model = _random(JanusForConditionalGeneration, config)
    model.generation_config = GenerationConfig(
        **_ids(tokenizer),
        generation_kwargs={"boi_token_id": _id(tokenizer, "<boi>")},
    )
    processor = JanusProcessor(
        JanusImageProcessorPil(size={"height": 32, "width": 32}, min_size=8),
        tokenizer,
        chat_template=_TEMPLATE,
        num_image_tokens=16,
    )
    return _save(path, model, processor)


def save_emu3(path: Path) -> Path:
    """Save an Emu3 whose pictures have one token for each 8 x 8 pixels."""
    visual = [f"<|visual token {index:06d}|>" for index in range(64)]
    marks = ["<|image start|>", "<|image end|>", "<|image token|>", "<|extra_201|>"]
    special = ["<image>", *marks, "<|extra_200|>", *visual]
    names = ("boi_token", "eoi_token", "image_wrapper_token", "eof_token")
    tokenizer = byte_tokenizer(
        special, {"image_token": "<image>", **dict(zip(names, marks, strict=True))}
    )
    text = Emu3TextConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        initializer_range=_RANGE,
        max_position_embeddings=2048,
        **_ids(tokenizer),
    )
    config = Emu3Config(
        text_config=text,
        vq_config=Emu3VQVAEConfig(
            codebook_size=64,
            embed_dim=4,
            latent_channels=4,
            base_channels=32,
            channel_multiplier=[1, 1, 1, 1],
            num_res_blocks=1,
            hidden_size=32,
            attn_resolutions=[],
        ),
        vocabulary_map={token: _id(tokenizer, token) for token in special},
        tie_word_embeddings=False,
    )
    model = _random(Emu3ForConditionalGeneration, config)
    model.generation_config = GenerationConfig(**_ids(tokenizer))
    processor = Emu3Processor(
        Emu3ImageProcessor(min_pixels=1024, max_pixels=4096), tokenizer, chat_template=_TEMPLATE
    )
    return _save(path, model, processor)


def save_chameleon(path: Path) -> Path:
    """Save a Chameleon that reads pictures of 32 x 32 pixels as 256 tokens."""
    # The published names of visual tokens spell the number in letters, 0 as A to 9 as J.
    visual = [
        "IMGIMG" + "".join(chr(ord("A") + int(digit)) for digit in str(index)) + "Z"
        for index in range(64)
    ]
    marks = ["<image>", "<racm3:break>", "<eoss>", "<reserved08706>"]
    tokenizer = byte_tokenizer([*marks, *visual], {"image_token": "<image>"})
    tokenizer.sep_token = "<reserved08706>"  # noqa: S105  # a mark of the published tokenizer
    config = ChameleonConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        initializer_range=_RANGE,
        max_position_embeddings=2048,
        vq_config=ChameleonVQVAEConfig(
            embed_dim=4,
            num_embeddings=64,
            latent_channels=4,
            resolution=32,
            base_channels=32,
            channel_multiplier=[1, 1],
            num_res_blocks=1,
            attn_resolutions=[],
        ),
        vocabulary_map={token: _id(tokenizer, token) for token in [*marks, *visual]},
        **_ids(tokenizer),
    )
    model = _random(ChameleonForConditionalGeneration, config)
    model.generation_config = GenerationConfig(**_ids(tokenizer))
    size = {"height": 32, "width": 32}
    processor = ChameleonProcessor(
        ChameleonImageProcessorPil(size={"shortest_edge": 32}, crop_size=size),
        tokenizer,
        image_seq_length=256,
    )
    return _save(path, model, processor)


def _llama(tokenizer: PreTrainedTokenizerFast, *, positions: int) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        initializer_range=_RANGE,
        max_position_embeddings=positions,
        **_ids(tokenizer),
    )


def _random(kind: Any, config: Any) -> Any:
    """Return a model of the class with weights that are the same each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return kind(config).eval()


def _ids(tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    return {f"{name}_id": _id(tokenizer, token) for name, token in _MARKS.items()}


def _id(tokenizer: PreTrainedTokenizerFast, token: str) -> int:
    found = tokenizer.convert_tokens_to_ids(token)
    assert isinstance(found, int)
    return found


def _save(path: Path, model: Any, processor: Any) -> Path:
    model.save_pretrained(path)
    processor.save_pretrained(path)
    return path
