"""What a report is made of: the summary, the manifest, and some samples to look at."""

from typing import Any, Literal

import msgspec

from unisafebench.metrics.summary import Summary

__all__ = ["PictureView", "ReportData", "SampleView"]


class PictureView(msgspec.Struct, frozen=True, kw_only=True):
    """A picture as it is put into the page; scale it down before."""

    data: bytes
    mime: str
    label: str = ""


class SampleView(msgspec.Struct, frozen=True, kw_only=True):
    """One sample with what came back and what was said of it. Text is shown, never interpreted.

    `task` is an id. `flaw` says why a picture or text that belongs here is not shown.
    """

    id: str
    task: str
    category: str
    subcategory: str
    outcome: str
    prompt: str
    epoch: int = 0
    twin: bool = False
    turns: tuple[str, ...] = ()
    input_pictures: tuple[PictureView, ...] = ()
    text: str | None = None
    pictures: tuple[PictureView, ...] = ()
    intent: str | None = None
    contextual: Literal[0, 1, 2] | None = None
    intrinsic: Literal[0, 1] | None = None
    severity: int | None = None
    attempted: bool | None = None
    decided_by: str | None = None
    reasons: dict[str, str] = {}
    """The judge's reasons, by "contextual" and "intrinsic"."""
    why: str | None = None
    stop_reason: str | None = None
    flaw: str | None = None


class ReportData(msgspec.Struct, frozen=True, kw_only=True):
    """All that a report shows.

    `notices` are warnings that belong above every figure (the judge's notice, a stand-in model).
    `manifest` is shown as it is. `samples_omitted` is how many are not in `samples`.
    """

    title: str
    summary: Summary
    model: str = ""
    judge: str = ""
    dataset: str = ""
    protocol: str = ""
    manifest: dict[str, Any] = {}
    notices: tuple[str, ...] = ()
    samples: tuple[SampleView, ...] = ()
    samples_omitted: int = 0
    generated: str = ""
    """When the report was made, as it is to be shown."""
