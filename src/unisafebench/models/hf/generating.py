"""From tensors to text: the part of generation that is alike for all families.

Guaranteed: a batch holds no more than its prompts, padded on the left and masked, so that with
greedy decoding each answer is the one that its prompt gets alone, up to rounding: sums of another
order may tip a tie between two tokens. Sampling draws from a generator of each prompt's own.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import msgspec
import torch
from transformers import GenerationConfig, StoppingCriteria, StoppingCriteriaList

from unisafebench.models.base import ModelError
from unisafebench.models.hf.family import Answers, Decoding, Generated, Loaded, Prompt
from unisafebench.models.hf.sampling import sampler, sent_parameters

__all__ = [
    "Encode",
    "answer_text",
    "context_length",
    "end_tokens",
    "generation_facts",
    "greedy_config",
    "stopping",
    "without_thinking",
]

Encode = Callable[[Sequence[Prompt]], Mapping[str, Any]]
"""Makes the inputs of `generate`: `input_ids` and `attention_mask` (batch x length, padded on the
left), pictures where there are some, all on the model's device."""

# Samplers' settings, which are the user's to give, and ways of decoding that are not offered.
_DECODING = (
    "do_sample",
    "temperature",
    "top_k",
    "top_p",
    "top_h",
    "min_p",
    "typical_p",
    "epsilon_cutoff",
    "eta_cutoff",
    "num_beams",
    "num_beam_groups",
    "num_return_sequences",
    "penalty_alpha",
    "max_length",
    "max_new_tokens",
    "max_time",
    "return_dict_in_generate",
    "output_scores",
    "output_logits",
    "output_attentions",
    "output_hidden_states",
)
_NO_SHAPE = ("_from_model_config", "transformers_version", "use_cache", "cache_implementation")
_THINKING = ("<think>", "</think>")
_LAST_TOKENS = 16


def greedy_config(model: Any, tokenizer: Any, max_tokens: int) -> GenerationConfig:
    """Return the model's own generation config, for greedy decoding of up to `max_tokens`.

    What its authors set stays (a repetition penalty, suppressed tokens), except sampling, beams
    and lengths. Generation ends at each of `end_tokens`.
    """
    config: GenerationConfig = copy.deepcopy(model.generation_config)
    for name in _DECODING:
        if getattr(config, name, None) is not None:
            setattr(config, name, None)
    config.do_sample = False
    config.num_beams = 1
    config.num_return_sequences = 1
    config.return_dict_in_generate = False
    config.max_new_tokens = max_tokens
    config.eos_token_id = sorted(end_tokens(model, tokenizer)) or None
    if config.pad_token_id is None:
        config.pad_token_id = tokenizer.pad_token_id
    return config


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Return the tokens that end an answer: those of the generation config and the tokenizer's.

    Some models' generation config names the token that ends a text, not the one that ends a turn.
    """
    named = model.generation_config.eos_token_id
    ends = named if isinstance(named, list) else [named]
    return frozenset(end for end in (*ends, tokenizer.eos_token_id) if end is not None)


def stopping(loaded: Loaded) -> StoppingCriteriaList:
    """Return what ends generation when the answer is no longer wanted."""
    return StoppingCriteriaList([_Stopping(loaded)])


def context_length(config: Any) -> int | None:
    """Return how many tokens, prompt and answer together, the model has positions for."""
    limit = getattr(config.get_text_config(), "max_position_embeddings", None)
    return limit if isinstance(limit, int) and limit > 0 else None


def generation_facts(config: GenerationConfig) -> dict[str, object]:
    """Return what a model's own generation config adds to decoding, for the manifest."""
    ids = {"bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id"}
    passed_over = {*_DECODING, *_NO_SHAPE, *ids}
    shown = {
        name: value
        for name, value in config.to_diff_dict().items()
        if name not in passed_over and isinstance(value, str | int | float | list | dict)
    }
    return {"generation_config": shown} if shown else {}


def answer_text(
    loaded: Loaded,
    prompts: Sequence[Prompt],
    decoding: Decoding,
    *,
    encode: Encode,
    tokenizer: Any,
    **arguments: Any,
) -> Answers:
    """Answer prompts in text, as one batch.

    A prompt that leaves no room in the model's context is a `ModelError`; one that leaves less
    than asked for is answered alone, up to the room there is.

    Args:
        loaded: the model.
        prompts: what to answer; all with pictures, or none.
        decoding: how.
        encode: makes the inputs.
        tokenizer: the one that belongs to the inputs.
        arguments: passed on to the model's `generate`.
    """
    inputs = encode(prompts)
    lengths: list[int] = inputs["attention_mask"].sum(dim=1).tolist()
    room = decoding.max_tokens
    limit = context_length(loaded.config)
    if limit is not None and max(lengths) + decoding.max_tokens > limit:
        if len(prompts) > 1:
            alone = (
                answer_text(
                    loaded, [prompt], decoding, encode=encode, tokenizer=tokenizer, **arguments
                )
                for prompt in prompts
            )
            return [answers[0] for answers in alone]
        room = limit - lengths[0]
        if room < 1:
            return [_too_long(lengths[0], limit)]
    with torch.inference_mode():
        sequences = loaded.model.generate(
            **inputs,
            generation_config=greedy_config(loaded.model, tokenizer, room),
            logits_processor=sampler(prompts, decoding),
            stopping_criteria=stopping(loaded),
            **arguments,
        )
    if loaded.stopping.is_set():
        raise ModelError("generation was stopped.")
    ends = end_tokens(loaded.model, tokenizer)
    width = inputs["input_ids"].shape[1]
    answers = []
    for row, length, prompt in zip(sequences.tolist(), lengths, prompts, strict=True):
        opened = _opens_thinking(tokenizer, row[:width])
        read = _read(row[width:], ends, tokenizer, opened=opened)
        sent = sent_parameters(prompt, decoding, room)
        answers.append(msgspec.structs.replace(read, input_tokens=length, sent=sent))
    return answers


def without_thinking(text: str, *, opened: bool = False) -> tuple[str, str | None]:
    """Return an answer without the thinking before it, and the thinking where there was some.

    What a model thinks is no part of its answer; one that was cut off while still thinking is
    empty.

    Args:
        text: what the model wrote.
        opened: whether the prompt already ended with the tag that opens the thinking.
    """
    opening, closing = _THINKING
    if not opened and not text.lstrip().startswith(opening):
        return text, None
    thought, _, answer = text.partition(closing)
    return answer.lstrip("\n"), thought.replace(opening, "", 1).strip()


def _read(tokens: list[int], ends: frozenset[int], tokenizer: Any, *, opened: bool) -> Generated:
    ended = next((at for at, token in enumerate(tokens) if token in ends), None)
    kept = tokens if ended is None else tokens[:ended]
    text, thought = without_thinking(
        tokenizer.decode(kept, skip_special_tokens=True), opened=opened
    )
    return Generated(
        text=text,
        stop_reason="length" if ended is None else "stop",
        output_tokens=len(tokens) if ended is None else ended + 1,
        details={"thinking": thought} if thought else {},
    )


def _opens_thinking(tokenizer: Any, prompt: list[int]) -> bool:
    """Whether the template ended the prompt with the tag after which the model thinks."""
    end: str = tokenizer.decode(prompt[-_LAST_TOKENS:], skip_special_tokens=False)
    return end.rstrip().endswith(_THINKING[0])


def _too_long(length: int, limit: int) -> ModelError:
    return ModelError(
        f"the prompt is {length:,} tokens long, with what stands for its pictures; the model has "
        f"room for {limit:,}, prompt and answer together."
    )


class _Stopping(StoppingCriteria):
    """Ends every row once the answers are no longer wanted."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded

    def __call__(
        self, input_ids: torch.LongTensor, _scores: torch.FloatTensor, **_: Any
    ) -> torch.BoolTensor:
        """Return whether each row is done: batch."""
        wanted = not self._loaded.stopping.is_set()
        done = torch.full((input_ids.shape[0],), not wanted, device=input_ids.device)
        return cast("torch.BoolTensor", done)
