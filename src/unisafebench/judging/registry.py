"""The judges that come with the package; every other name is a model behind an endpoint."""

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType

from unisafebench.judging.base import Extractor, Judge

__all__ = ["EMBEDDED", "embedded"]

EMBEDDED: Mapping[str, str] = MappingProxyType(
    {"builtin": "unisafebench.judging.builtin.pair:create_pair"}
)
"""Name of each embedded judge -> module:function that makes it together with its extractor."""


def embedded(name: str) -> tuple[Judge, Extractor] | None:
    """Return the embedded judge of this name with its extractor, or None when there is none.

    Raises:
        MissingExtraError: it needs a module that is not installed.
    """
    target = EMBEDDED.get(name)
    if target is None:
        return None
    module, function = target.split(":")
    create: Callable[[], tuple[Judge, Extractor]] = getattr(import_module(module), function)
    return create()
