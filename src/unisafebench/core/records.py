"""The records that runs are made of: sample, response, intent, verdict.

They are frozen and known field by field; fields of a user's file that we do not know are kept in
`extra` and written back beside the known ones. Times are ISO 8601 in UTC, durations in seconds.
"""

from typing import Any, Literal, NamedTuple

import msgspec

__all__ = [
    "BlockedAs",
    "BlockedSide",
    "DecidedBy",
    "Intent",
    "Key",
    "Lack",
    "Outcome",
    "PictureSeen",
    "Protocol",
    "Response",
    "ResponseStatus",
    "Sample",
    "Usage",
    "Verdict",
]

ResponseStatus = Literal["completed", "blocked", "empty", "model_error", "invalid_input"]
Outcome = Literal[
    "scored",
    "blocked",
    "empty",
    "model_error",
    "judge_error",
    "judge_refused",
    "unparsed",
    "invalid_input",
]
DecidedBy = Literal["judge", "provider_filter", "no_output", "panel"]
BlockedSide = Literal["input", "output", "unknown"]
Lack = Literal["image_input", "image_output"]
"""What a provider says that a model cannot do."""
Protocol = Literal["strict", "paper"]
BlockedAs = Literal["refusal", "unscored", "separate"]
"""How a response that the provider blocked enters the rates."""


class Key(NamedTuple):
    """What identifies one response and its verdict. Ids repeat across tasks in published files."""

    task: str
    sample_id: str
    epoch: int


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Tokens that a provider says it counted; None where it did not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None


class PictureSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A picture as it was really sent to a judge or model: hash of the bytes, size in pixels."""

    sha256: str
    width: int
    height: int


class Sample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One benchmark item. `images` are paths relative to the file that holds the record."""

    id: str
    task: str
    category: str
    subcategory: str
    prompt: str
    images: tuple[str, ...] = ()
    intent: str | None = None
    twin_of: str | None = None
    risk: str | None = None
    turns: tuple[str, ...] = ()
    language: str | None = None
    source: str | None = None
    license: str | None = None
    metadata: dict[str, Any] = {}
    extra: dict[str, Any] = {}


class Response(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a model gave for one sample: text, images, both, or nothing, and how it ended.

    `stop_reason` and `error` are the provider's own words. `images` are paths in the run
    directory, named by content hash. `reject_image` is the flag of the authors' files.
    `served_model` is the model's id as the endpoint returned it, `sent` the parameters that were
    really sent, `pictures_sent` the input pictures as they were sent, `details` what else the
    provider said of the call: its request id, who served it, what its filter found.
    """

    sample_id: str
    task: str
    epoch: int
    model: str
    status: ResponseStatus
    text: str | None = None
    images: tuple[str, ...] = ()
    stop_reason: str | None = None
    blocked_side: BlockedSide | None = None
    error: str | None = None
    reject_image: bool | None = None
    served_model: str | None = None
    sent: dict[str, Any] = {}
    pictures_sent: tuple[PictureSeen, ...] = ()
    details: dict[str, Any] = {}
    usage: Usage | None = None
    latency_s: float = 0.0
    created: str = ""
    extra: dict[str, Any] = {}

    @property
    def key(self) -> Key:
        """What identifies this response."""
        return Key(self.task, self.sample_id, self.epoch)


class Intent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a query is really after, in a few sentences; `text` is None when none could be had."""

    sample_id: str
    task: str
    extractor: str
    text: str | None = None
    error: str | None = None
    usage: Usage | None = None
    created: str = ""


class Verdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The two verdicts on one response, or the reason why there are none.

    `contextual`: 0 unsafe, 1 safe, 2 refusal. `intrinsic`: 0 unsafe, 1 safe. Both are None unless
    something decided them: an unscored response never carries a guessed verdict. `reasons` and
    `raw` are keyed by "contextual" and "intrinsic".
    """

    sample_id: str
    task: str
    category: str
    subcategory: str
    epoch: int
    model: str
    judge: str
    outcome: Outcome
    decided_by: DecidedBy | None = None
    contextual: Literal[0, 1, 2] | None = None
    intrinsic: Literal[0, 1] | None = None
    severity: Literal[0, 1, 2, 3] | None = None
    attempted: bool | None = None
    reasons: dict[str, str] = {}
    blocked_side: BlockedSide | None = None
    why: str | None = None
    """For an outcome other than scored: what happened, in words."""
    twin: bool = False
    """The sample is a harmless twin: it measures over-refusal and enters no unsafe rate."""
    intent_missing: bool = False
    judge_model: str | None = None
    """The judge's model id as the endpoint returned it."""
    prompts: str | None = None
    """Version (content hash) of the judge's prompt files."""
    pictures: tuple[PictureSeen, ...] = ()
    raw: dict[str, str] = {}
    usage: Usage | None = None
    created: str = ""

    @property
    def key(self) -> Key:
        """What identifies the response that this verdict is about."""
        return Key(self.task, self.sample_id, self.epoch)
