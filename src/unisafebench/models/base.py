"""What every adapter offers: a name, its capabilities, and `generate`.

An adapter knows nothing of judging, journals or files: it gets a request with checked pictures
and returns what the model gave. A request that fails raises `EndpointError`; a refusal or a block
is an answer, not an error.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import msgspec

from unisafebench.core.errors import UniSafeBenchError
from unisafebench.core.records import BlockedSide, PictureSeen, ResponseStatus, Sample, Usage
from unisafebench.core.tasks import Task
from unisafebench.media.pictures import Picture

__all__ = [
    "Adviser",
    "Capabilities",
    "Model",
    "ModelError",
    "Output",
    "Reporter",
    "Request",
    "Surveyor",
    "UnsupportedError",
    "advice_on",
]


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a model can take and give; known before a run starts."""

    text_output: bool = True
    image_input: bool = False
    image_output: bool = False
    image_editing: bool = False
    multi_turn: bool = False
    """Whether further user turns of a sample are put to it; a sample that has some is else left."""

    def supports(self, task: Task) -> bool:
        """Whether a model with these capabilities can do the task at all."""
        if task.output == "image":
            return self.image_editing if task.image_input else self.image_output
        return self.text_output and (self.image_input or not task.image_input)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One sample to answer, its pictures already read and checked."""

    sample: Sample
    task: Task
    pictures: tuple[Picture, ...] = ()
    epoch: int = 0
    seed: int = 0


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """What a model gave. `images` are encoded pictures (PNG, JPEG, ...), not yet checked.

    `status` says only what the adapter knows from the provider: "completed", "blocked" (with the
    side and the provider's reason) or "invalid_input". Whether a completed output is empty or
    holds a placeholder is found out by the caller.
    """

    text: str | None = None
    images: tuple[bytes, ...] = ()
    status: ResponseStatus = "completed"
    stop_reason: str | None = None
    blocked_side: BlockedSide | None = None
    error: str | None = None
    usage: Usage | None = None
    served_model: str | None = None
    """The model's id as the endpoint returned it."""
    sent: dict[str, Any] = {}
    """The parameters that were really sent: neither the prompt nor pictures, never a key."""
    pictures_sent: tuple[PictureSeen, ...] = ()
    details: dict[str, Any] = {}
    """What else the provider said of the call: request id, who served it, what a filter found."""
    reject_image: bool | None = None
    """The flag of the authors' files; only recorded answers have it."""


class ModelError(UniSafeBenchError):
    """The model failed on this request; the response is recorded as model_error."""

    exit_code = 3


class UnsupportedError(ModelError):
    """The endpoint says that its model cannot do this task at all (it has no vision, ...).

    The rest of the task is then not asked, since every further answer would be the same.
    """


@runtime_checkable
class Model(Protocol):
    """A system under test behind its adapter."""

    @property
    def name(self) -> str:
        """`provider/name`, as the user wrote it."""

    @property
    def capabilities(self) -> Capabilities:
        """What the model can take and give."""

    @property
    def settings(self) -> Mapping[str, object]:
        """Everything that shapes its answers, for the manifest; never a key."""

    async def generate(self, request: Request) -> Output:
        """Answer one sample.

        Raises:
            ModelError: the model failed on this request.
            UnsupportedError: it can do no request of this task.
            EndpointError: the endpoint failed, after retries.
        """

    async def aclose(self) -> None:
        """Release connections, processes and memory."""


@runtime_checkable
class Adviser(Protocol):
    """What a model may offer besides: to say how a task that it does not support is opened."""

    def advice(self, task: Task) -> str | None:
        """Return what to set for a task beyond its capabilities; None when nothing would help."""


@runtime_checkable
class Reporter(Protocol):
    """What a model may offer besides: logs of its own, and notices while it runs."""

    async def report_to(self, directory: Path, note: Callable[[str], None]) -> None:
        """Keep logs below the directory of the run from now on, and give notices to `note`."""


@runtime_checkable
class Surveyor(Protocol):
    """What a model may offer besides: to say before a run what it has for its samples."""

    def survey(self, samples: Iterable[Sample], epochs: int) -> Sequence[str]:
        """Return what the user should know, a line each; called before the first request.

        Raises:
            DataError: it cannot answer these samples as they are.
        """


def advice_on(model: Model, tasks: Iterable[Task]) -> str | None:
    """Return what to set for those tasks that a model does not support; None if nothing helps."""
    if not isinstance(model, Adviser):
        return None
    lacking = (task for task in tasks if not model.capabilities.supports(task))
    told = dict.fromkeys(model.advice(task) for task in lacking)
    return " ".join(words for words in told if words) or None
