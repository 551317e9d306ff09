"""What differs between the libraries that run models here, in the words of their messages."""

import msgspec

__all__ = ["Library"]


class Library(msgspec.Struct, frozen=True, kw_only=True):
    """A library as users meet it."""

    provider: str
    """How its models' names begin: `hf`, `diffusers`."""
    spread: str
    """The device map that spreads a model over several GPUs."""
    own_code: str
    """What to say of files that need Python code of their own; `{path}` is where they are."""
    no_index: str | None = None
    """What to say where a file is missing that all its models have; `{wanted}` is the model."""

    @property
    def forms(self) -> str:
        """How its models are named."""
        own = self.provider
        return f"{own}/ORGANISATION/MODEL, {own}/./DIRECTORY or {own}:/DIRECTORY"
