"""Runs written straight to disk with verdicts that a test decides: real files, no judging."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from unisafebench.core.records import Intent, Sample, Verdict
from unisafebench.core.taxonomy import category_of
from unisafebench.runs.directory import RunDirectory
from unisafebench.runs.manifest import (
    DatasetRecord,
    JudgingRecord,
    Manifest,
    ModelRecord,
    write_manifest,
)

Marks = dict[str, Any]
"""What a verdict says: contextual, intrinsic, and any other field of the record."""


def make_sample(
    number: int,
    task: str = "text-generation",
    subcategory: str = "Illegal Activities",
    **fields: Any,
) -> Sample:
    """Return a sample that asks something of its own."""
    values: dict[str, Any] = {"id": f"{number:06d}", "prompt": f"Prompt number {number}."} | fields
    return Sample(task=task, category=category_of(subcategory), subcategory=subcategory, **values)


def write_run(
    path: Path,
    samples: Iterable[Sample],
    verdict: Callable[[Sample, int], Marks | None],
    *,
    model: str = "test/model",
    epochs: int = 1,
    intents: dict[str, str] | None = None,
    **judging: Any,
) -> Path:
    """Write a run; `verdict` gives each response's marks, None for one that is pending.

    Marks without "outcome" are those of a scored response. `judging` replaces fields of the
    manifest's record of judging.
    """
    path.mkdir(parents=True)
    run, kept = RunDirectory(path), list(samples)
    _write(run.samples, kept)
    _write(run.verdicts, _verdicts(kept, verdict, model, epochs))
    if intents is not None:
        tasks = {sample.id: sample.task for sample in kept}
        _write(
            run.intents,
            (
                Intent(sample_id=name, task=tasks[name], extractor="test/judge", text=text)
                for name, text in intents.items()
            ),
        )
    record: dict[str, Any] = {
        "judge": "test/judge",
        "extractor": "test/judge",
        "protocol": "strict",
        "blocked_as": "refusal",
        "judge_settings": {"temperature": 0.0},
        "prompts": {"contextual": "a" * 64, "intrinsic": "b" * 64},
        "extractor_prompts": {"intent": "c" * 64},
    } | judging
    manifest = Manifest(
        created="2026-01-01T00:00:00Z",
        software={},
        dataset=DatasetRecord(
            name="test", path="test.jsonl", fingerprint="0", file_sha256="0", samples=len(kept)
        ),
        tasks=tuple(dict.fromkeys(sample.task for sample in kept)),
        epochs=epochs,
        model=ModelRecord(name=model),
        judging=JudgingRecord(**record),
    )
    write_manifest(run, manifest)
    return path


def _verdicts(
    samples: list[Sample],
    verdict: Callable[[Sample, int], Marks | None],
    model: str,
    epochs: int,
) -> Iterator[Verdict]:
    for sample in samples:
        for epoch in range(epochs):
            marks = verdict(sample, epoch)
            if marks is not None:
                fields: Marks = {"outcome": "scored", "decided_by": "judge"} | marks
                yield Verdict(
                    sample_id=sample.id,
                    task=sample.task,
                    category=sample.category,
                    subcategory=sample.subcategory,
                    epoch=epoch,
                    model=model,
                    judge="test/judge",
                    twin=sample.twin_of is not None,
                    **fields,
                )


def _write(path: Path, records: Iterable[msgspec.Struct]) -> None:
    encode = msgspec.json.Encoder().encode
    with path.open("wb") as file:
        for record in records:
            file.write(encode(record) + b"\n")
