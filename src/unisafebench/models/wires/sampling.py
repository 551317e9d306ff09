"""The options that every API with sampling has: how long, how random, under which system prompt."""

import msgspec

from unisafebench.models.options import Options
from unisafebench.models.wires.settings import WireSettings

__all__ = ["NOT_SET", "Sampling", "facts_of", "read_sampling"]

NOT_SET = "provider's default"
"""How settings say that a parameter is not sent."""

_MAX_TOKENS = 4096
_HOTTEST = 2.0


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """What the user chose; `pinned` are the parameters that were set on purpose.

    What is pinned is never left out because an endpoint does not take it: its error is shown.
    """

    max_tokens: int
    temperature: float | None
    top_p: float | None
    send_seed: bool
    system: str | None
    pinned: frozenset[str]

    @property
    def drawing_max_tokens(self) -> int | None:
        """The limit for pictures, which are counted in tokens too: only one that was set."""
        return self.max_tokens if "max_tokens" in self.pinned else None

    @property
    def drawing_temperature(self) -> float | None:
        """The temperature for pictures: only one that was set."""
        return self.temperature if "temperature" in self.pinned else None


def read_sampling(options: Options, *, seeded: bool = True) -> Sampling:
    """Return what the options say. The temperature is 0 unless set; "default" sends none.

    Args:
        options: what the user set.
        seeded: whether the API has a seed; where it has none, there is no such option.

    Raises:
        UsageError: one of them is unusable.
    """
    names = ("max_tokens", "temperature", "top_p", *(("seed",) if seeded else ()))
    pinned = frozenset(name for name in names if options.text(name) is not None)
    unset = options.text("temperature") == "default"
    return Sampling(
        max_tokens=options.count("max_tokens", _MAX_TOKENS),
        temperature=None if unset else options.number("temperature", 0.0, high=_HOTTEST),
        top_p=options.number("top_p", high=1.0),
        send_seed=seeded and options.flag("seed", default=True),
        system=options.text("system") or None,
        pinned=pinned,
    )


def facts_of(settings: WireSettings) -> dict[str, object]:
    """Return what shapes the answers of a route, for the manifest."""
    return {
        "model": settings.model,
        "max_tokens": NOT_SET if settings.max_tokens is None else settings.max_tokens,
        "temperature": NOT_SET if settings.temperature is None else settings.temperature,
        "top_p": NOT_SET if settings.top_p is None else settings.top_p,
        "seed": settings.send_seed,
        **({"system": settings.system} if settings.system else {}),
        **({"modalities": list(settings.modalities)} if settings.modalities else {}),
        **({"extra": settings.extra} if settings.extra else {}),
    }
