"""Models behind a program of the user's own, started as a worker that speaks JSON Lines."""

from unisafebench.models.exec.model import ExecModel, create

__all__ = ["SUMMARY", "ExecModel", "create"]

SUMMARY = "A program of your own, in any language, that answers over stdin and stdout"
