"""The seeds of samples: a run has one, and each of its samples one of its own."""

import hashlib

from unisafebench.models.base import Request

__all__ = ["seed_of"]


def seed_of(request: Request) -> int:
    """Return a seed of the sample's own: with one for all, their random numbers would agree.

    It depends on the run's seed, which differs by epoch, on the task and on the sample's id.
    """
    words = f"{request.seed}\0{request.task.id}\0{request.sample.id}"
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:6], "big")
