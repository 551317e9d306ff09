"""Pictures in the form in which judges and extractors see them.

They get what a model gets of the same file: the first frame, upright, with 8 bits a sample. Judge
and model would else be shown two different pictures, since servers read such files differently.
"""

from collections.abc import Iterable

from unisafebench.media.fitting import fit_picture
from unisafebench.media.pictures import Picture

__all__ = ["as_shown"]

# What chat endpoints take as it is.
_ACCEPTED = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})


def as_shown(pictures: Iterable[Picture]) -> tuple[Picture, ...]:
    """Return the pictures as they are shown; most are the same, none is scaled.

    Raises:
        ImageError: one of them cannot be converted.
    """
    return tuple(fit_picture(picture, accepts=_ACCEPTED) for picture in pictures)
