"""Prompts that hold a mark of the model's own, such as `<image>`, with processors that miscount."""

from typing import Any

__all__ = ["without_recount"]


def without_recount(processor: Any) -> Any:
    """Make a processor take it that there is a mark for each picture, and return it.

    A mark in a prompt is the text that it is (`sanitize_control_tokens`). Up to transformers 5.24,
    processors that hand on their arguments sorted by modality (those of Janus and Emu3) lose that
    setting where marks are counted, and refuse the prompt as one that lacks a picture. Where marks
    in prompts are no plain text they must be counted: the pictures after them would be mixed up.
    """
    recount = processor.validate_inputs

    def check(**arguments: Any) -> None:
        for_text = arguments.get("text_kwargs") or {}
        if not for_text.get("sanitize_control_tokens"):
            recount(**arguments)

    processor.validate_inputs = check
    return processor
