"""The options that say what a model behind an API takes and gives, where it may also draw."""

from unisafebench.core.errors import UsageError
from unisafebench.models.base import Capabilities
from unisafebench.models.options import Options

__all__ = ["read_capabilities"]


def read_capabilities(name: str, options: Options, *, draws: bool, drawing: str) -> Capabilities:
    """Return what the options `text`, `vision` and `editing` say; all three are yes unless set.

    Args:
        name: the model's name as the user wrote it, for messages.
        options: what the user set.
        draws: whether pictures are asked for.
        drawing: what to set so that they are, for messages.

    Raises:
        UsageError: the model would give neither text nor pictures.
    """
    writes = options.flag("text", default=True)
    sees = options.flag("vision", default=True)
    edits = options.flag("editing", default=True)
    if not writes and not draws:
        raise UsageError(f"{name} would give neither text nor pictures. {drawing}")
    return Capabilities(
        text_output=writes,
        image_input=sees,
        image_output=draws,
        image_editing=draws and sees and edits,
    )
