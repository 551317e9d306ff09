"""What a family of models must offer, so that models of its kind run on the user's own machine.

A family is all that depends on the kind of model: what models of the kind can do, how a prompt
becomes tensors, how tokens become text or pictures. What all share (options, files, devices,
batching, errors, what is recorded) is done around it. Families hold no state: whatever belongs to
one model is in `Loaded`, and their functions are called in one worker thread, one batch at a time.

A family's module imports torch; this one does not.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec
from PIL import Image

from unisafebench.models.base import Capabilities, ModelError

__all__ = [
    "Answers",
    "Decoding",
    "Family",
    "Generated",
    "Loaded",
    "Prompt",
    "Source",
    "SpecialisedFamily",
]


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where a model's files are and how its weights are to be loaded."""

    path: str
    """A directory, or `organisation/model` on the hub."""
    revision: str | None = None
    """The full commit hash (a branch or tag is resolved when the model is opened); None for a
    directory."""
    trust_remote_code: bool = False
    dtype: str = "auto"
    """`auto` (what the files say), `float32`, `bfloat16` or `float16`."""
    device: str = "cpu"
    """A device that was found to be there: `cpu`, `cuda:0`, ..."""
    device_map: str | None = None
    """How accelerate spreads the layers (`auto`, ...); then `device` is where inputs go."""
    attn_implementation: str | None = None


class Decoding(msgspec.Struct, frozen=True, kw_only=True):
    """How answers are decoded. `temperature` 0 is greedy decoding."""

    max_tokens: int = 1024
    temperature: float = 0.0
    top_p: float | None = None
    system: str | None = None
    image: Mapping[str, Any] = {}
    """For pictures: what `Family.drawing` returned."""


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """One request as a family sees it: the prompt, pictures in RGB (upright, on white), a seed."""

    text: str
    images: tuple[Image.Image, ...] = ()
    seed: int = 0


class Generated(msgspec.Struct, frozen=True, kw_only=True):
    """What a model gave for one prompt. `images` are encoded as PNG.

    `text` is without the prompt and without special tokens. The tokens are those of the prompt
    (with what stands for its pictures, without padding) and those that the model made, with the
    one that ended the answer. `sent` are the parameters really used, the seed only where there was
    sampling.
    """

    text: str | None = None
    images: tuple[bytes, ...] = ()
    stop_reason: Literal["stop", "length"] | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    sent: Mapping[str, Any] = {}
    details: Mapping[str, Any] = {}


class Loaded(msgspec.Struct, kw_only=True):
    """A model with its weights in memory, and what belongs to it."""

    name: str
    """For messages."""
    config: Any
    """`transformers.PretrainedConfig`."""
    processor: Any
    """What `Family.load_processor` returned."""
    model: Any
    """What `Family.load_model` returned: in eval mode, on its device."""
    device: Any
    """`torch.device` on which inputs must be."""
    stopping: threading.Event
    """Set when the answer is no longer wanted: generation ends at the next token."""


Answers = Sequence[Generated | ModelError]
"""One for each prompt, in order; a `ModelError` ends that one only (it is too long, ...)."""


class Family(Protocol):
    """One kind of model."""

    @property
    def name(self) -> str:
        """What the kind is called, in lower case: "causal language model", "Janus", ..."""

    def capabilities(self, config: Any) -> Capabilities | None:
        """Return what a model with this config can do; None if it is not of this family.

        Told from what the config holds, never from the model's name.

        Args:
            config: `transformers.PretrainedConfig`; of remote code where that is trusted.
        """

    def drawing(self, config: Any, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return all that shapes pictures, for `Decoding.image` and the manifest.

        Only called for a model whose capabilities say that it draws.

        Args:
            config: the model's config.
            options: the user's `image.NAME` options, values read as JSON where they are JSON.

        Raises:
            UsageError: an option is unknown or unusable (UnknownNameError lists near matches).
        """

    def load_processor(self, source: Source) -> Any:
        """Read tokenizer, image processor and chat template: small files, no weights.

        Raises:
            UsageError: they are missing or unusable.
        """

    def facts(self, config: Any, processor: Any, decoding: Decoding) -> Mapping[str, Any]:
        """Return what more shapes the answers, for the manifest: JSON values only.

        Such as the hash of the chat template (`chat.template_facts`).

        Raises:
            UsageError: the model cannot be asked in the way that `decoding` wants.
        """

    def load_model(self, source: Source) -> Any:
        """Load the weights (`loading.load_weights`).

        Raises:
            UsageError: they are missing, incomplete or do not fit in memory.
        """

    def answer(self, loaded: Loaded, prompts: Sequence[Prompt], decoding: Decoding) -> Answers:
        """Answer prompts in text, as one batch. All have pictures, or none has.

        Whatever is raised here (out of memory, a broken sample) is handled by the caller, which
        tries smaller batches.
        """

    def draw(self, loaded: Loaded, prompts: Sequence[Prompt], decoding: Decoding) -> Answers:
        """Answer prompts in pictures, as one batch. All have pictures (editing), or none has.

        Only called for what the capabilities allow.
        """


@runtime_checkable
class SpecialisedFamily(Family, Protocol):
    """A family whose weights do only part of what their class can, which their files do not say."""

    def narrowed(self, *, text: bool | None, images: bool | None) -> Capabilities:
        """Return what the weights can do, as the user says with the options `text` and `images`.

        Args:
            text: whether they write. None: the user has not said.
            images: whether they draw. None: the user has not said.

        Raises:
            UsageError: the user has not said enough, or that they do neither.
        """
