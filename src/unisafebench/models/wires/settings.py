"""What a wire is told once, when its model is made: the settings of every call."""

from typing import Any

import msgspec

__all__ = ["WireSettings"]


class WireSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one route. A parameter that is None is not sent."""

    model: str
    """The model's name as the API knows it."""
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    send_seed: bool = False
    """Whether the request's seed is sent, where the API has one."""
    system: str | None = None
    """A system prompt."""
    system_in_text: bool = False
    """The system prompt goes before the user's text: the endpoint drops it elsewhere."""
    modalities: tuple[str, ...] | None = None
    """The kinds of output that are asked for."""
    markdown_images: bool = False
    """Whether data URLs of Markdown images inside a text are taken as pictures."""
    extra: dict[str, Any] = {}
    """Further fields of a body, as the user set them; they go before all that is set here."""

    def prompt(self, text: str) -> str:
        """Return the user's text, the system prompt before it where it can go nowhere else."""
        return f"{self.system}\n\n{text}" if self.system and self.system_in_text else text
