"""From prompts to tensors through a model's own chat template.

`owner` is whatever has the template: a tokenizer or a processor of transformers. What looks like a
control token in a prompt (`<|im_end|>`, `<image>`) is encoded as the plain text that it is, as far
as transformers can tell.
"""

import hashlib
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import TemplateError

from unisafebench.core.errors import UsageError
from unisafebench.models.base import ModelError
from unisafebench.models.hf.family import Decoding, Loaded, Prompt

__all__ = [
    "encode_plain",
    "encode_with_processor",
    "encode_with_tokenizer",
    "on_device",
    "pad_left",
    "template_facts",
    "template_of",
]

_TRIAL = Prompt(text="Hello")


def template_of(owner: Any) -> str | None:
    """Return the chat template of a tokenizer or processor; None where it has none.

    Of several templates it is the one named "default".

    Raises:
        UsageError: it has several, and none is the default.
    """
    found = owner.chat_template
    if isinstance(found, dict):
        if "default" not in found:
            raise UsageError(
                "the model has several chat templates and none is called 'default': "
                f"{', '.join(sorted(found))}."
            )
        found = found["default"]
    return found or None


def template_facts(owner: Any, decoding: Decoding, *, parts: bool) -> dict[str, object]:
    """Return what the manifest says of the way in which prompts are put to the model.

    Args:
        owner: a tokenizer or processor.
        decoding: with the system prompt, if there is one.
        parts: whether contents are lists of parts (`encode_with_processor`) or texts.

    Raises:
        UsageError: the template cannot be rendered.
    """
    template = template_of(owner)
    facts: dict[str, object] = {"prompt": "chat template" if template else "plain"}
    if template:
        facts["chat_template"] = hashlib.sha256(template.encode()).hexdigest()[:16]
        _render(owner, _TRIAL, None, in_text=False, parts=parts)
    if decoding.system:
        facts["system"] = decoding.system
        in_text = not template or _system_in_text(owner, decoding.system, parts=parts)
        facts["system_place"] = "user text" if in_text else "system message"
    return facts


def encode_with_tokenizer(
    tokenizer: Any, loaded: Loaded, prompts: Sequence[Prompt], decoding: Decoding
) -> dict[str, Any]:
    """Return the inputs of a language model: each prompt as one turn of the user."""
    chats = _chats(tokenizer, prompts, decoding, parts=False)
    arguments = {
        "add_generation_prompt": True,
        "padding": True,
        "return_tensors": "pt",
        "return_dict": True,
    }
    # Tokenizers in plain Python do not sanitize.
    try:
        inputs = tokenizer.apply_chat_template(chats, sanitize_control_tokens=True, **arguments)
    except NotImplementedError:
        inputs = tokenizer.apply_chat_template(chats, **arguments)
    return on_device(inputs, loaded)


def encode_with_processor(
    processor: Any,
    loaded: Loaded,
    prompts: Sequence[Prompt],
    decoding: Decoding,
    **processor_kwargs: Any,
) -> dict[str, Any]:
    """Return the inputs of a model with pictures: one turn of the user, pictures before the text.

    Args:
        processor: has the chat template.
        loaded: the model.
        prompts: all with pictures, or none.
        decoding: with the system prompt, if there is one.
        processor_kwargs: passed on to the processor.
    """
    chats = _chats(processor, prompts, decoding, parts=True)
    arguments = {
        "add_generation_prompt": True,
        "tokenize": True,
        "return_tensors": "pt",
        "return_dict": True,
    }
    own = {"padding": True, **processor_kwargs}
    try:
        # A copy, since transformers notes in it that it sanitizes.
        inputs = processor.apply_chat_template(
            chats, sanitize_control_tokens=True, processor_kwargs=dict(own), **arguments
        )
    # Tokenizers that add their start token outside the template, and those in plain Python.
    except NotImplementedError:
        _check_marks(processor, prompts)
        inputs = processor.apply_chat_template(chats, processor_kwargs=own, **arguments)
    return on_device(inputs, loaded)


def encode_plain(
    tokenizer: Any, loaded: Loaded, prompts: Sequence[Prompt], decoding: Decoding
) -> dict[str, Any]:
    """Return the inputs of a model without a chat template: the prompts as they are."""
    texts = [_joined(decoding.system, prompt.text) for prompt in prompts]
    return on_device(tokenizer(texts, padding=True, return_tensors="pt"), loaded)


def on_device(inputs: Mapping[str, Any], loaded: Loaded) -> dict[str, Any]:
    """Return inputs on the model's device, pictures in its dtype, without what it does not take."""
    taken = inspect.signature(loaded.model.forward).parameters
    placed = {}
    for name, value in inputs.items():
        if value is None or (name == "token_type_ids" and name not in taken):
            continue
        if hasattr(value, "is_floating_point"):
            dtype = loaded.model.dtype if value.is_floating_point() else None
            placed[name] = value.to(device=loaded.device, dtype=dtype)
        else:
            placed[name] = value
    return placed


def pad_left(tokenizer: Any) -> Any:
    """Make a tokenizer pad on the left, as generation needs, and return it.

    Raises:
        UsageError: it has no token to pad with.
    """
    tokenizer.padding_side = "left"
    if tokenizer.pad_token_id is None:
        if tokenizer.eos_token is None:
            raise UsageError(
                "the model's tokenizer has neither a padding nor an end token, so that answers "
                "can neither be batched nor end. Add them to tokenizer_config.json."
            )
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _check_marks(processor: Any, prompts: Sequence[Prompt]) -> None:
    """Refuse a prompt that would move its pictures to where its own words name a mark.

    Raises:
        ModelError: one of the prompts holds the mark of a picture.
    """
    mark = getattr(processor, "image_token", None)
    if isinstance(mark, str) and any(mark in prompt.text for prompt in prompts):
        raise ModelError(
            f"the prompt holds {mark}, which this model's tokenizer can take for nothing but the "
            "place of a picture."
        )


def _chats(
    owner: Any, prompts: Sequence[Prompt], decoding: Decoding, *, parts: bool
) -> list[list[dict[str, Any]]]:
    system = decoding.system
    in_text = system is not None and _system_in_text(owner, system, parts=parts)
    return [_chat(prompt, system, in_text=in_text, parts=parts) for prompt in prompts]


def _chat(
    prompt: Prompt, system: str | None, *, in_text: bool, parts: bool
) -> list[dict[str, Any]]:
    text = _joined(system, prompt.text) if in_text else prompt.text
    chat: list[dict[str, Any]] = []
    if system and not in_text:
        chat.append({"role": "system", "content": _content(system, parts=parts)})
    content = _content(text, parts=parts)
    if prompt.images:
        content = [*({"type": "image", "image": image} for image in prompt.images), *content]
    chat.append({"role": "user", "content": content})
    return chat


def _content(text: str, *, parts: bool) -> Any:
    return [{"type": "text", "text": text}] if parts else text


def _system_in_text(owner: Any, system: str, *, parts: bool) -> bool:
    """Whether the template refuses or drops a system message: then it goes before the prompt."""
    try:
        rendered = _render(owner, _TRIAL, system, in_text=False, parts=parts)
    except UsageError:
        return True
    return system.strip() not in rendered


def _render(owner: Any, prompt: Prompt, system: str | None, *, in_text: bool, parts: bool) -> str:
    chat = _chat(prompt, system, in_text=in_text, parts=parts)
    try:
        rendered: str = owner.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    except TemplateError as error:
        raise UsageError(f"the model's chat template cannot be rendered: {error}.") from error
    return rendered


def _joined(system: str | None, text: str) -> str:
    return f"{system}\n\n{text}" if system else text
