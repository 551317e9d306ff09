"""Verdicts: every response of the run judged, and how each was decided written down."""

import asyncio
import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import numpy as np

from unisafebench.core.errors import ImageError
from unisafebench.core.keys import KeyIndex, hash_parts
from unisafebench.core.records import Intent, Outcome, PictureSeen, Response, Sample, Verdict
from unisafebench.core.tasks import TASKS
from unisafebench.judging.base import Answer, Judge, Query
from unisafebench.judging.decisions import Decision, decide_unasked
from unisafebench.judging.pictures import as_shown
from unisafebench.judging.verdicts import Judged, judge_response
from unisafebench.media.pictures import Picture
from unisafebench.runs.directory import RunDirectory
from unisafebench.runs.generate import index_responses, load_pictures
from unisafebench.runs.intents import index_intents
from unisafebench.runs.journal import Journal, Records, index_journal
from unisafebench.runs.manifest import JudgingRecord, Manifest, now
from unisafebench.runs.pipeline import work_through
from unisafebench.runs.progress import Progress, Stop
from unisafebench.runs.snapshot import asked_keys, stored_samples

__all__ = ["index_verdicts", "judge_responses", "lacking_verdicts", "verdict_of"]

# What an earlier verdict of a key means when the run is taken up again.
_ABSENT, _FINAL, _AGAIN, _UNTIL_NEW_RESPONSE = -1, 0, 1, 2
_STATES: dict[Outcome, int] = {
    "judge_error": _AGAIN,
    "model_error": _UNTIL_NEW_RESPONSE,
    "invalid_input": _UNTIL_NEW_RESPONSE,
}


class _Head(msgspec.Struct, frozen=True):
    sample_id: str
    task: str
    epoch: int
    outcome: Outcome


class _Bench(msgspec.Struct, frozen=True):
    """What every verdict of a run is made with."""

    run: RunDirectory
    judging: JudgingRecord
    judge: Judge
    prompts: str
    """One version for all of the judge's prompt files together."""


class _Item(NamedTuple):
    sample: Sample
    epoch: int
    position: int
    """Where the response stands in its journal."""
    failed_before: bool


def index_verdicts(run: RunDirectory) -> KeyIndex:
    """Index the verdicts of a run by key; the state says whether it is asked for again."""
    return run.index(run.verdicts, lambda: index_journal(run.verdicts, _Head, _entry))


def _entry(head: _Head) -> tuple[int, int]:
    return hash_parts(head.task, head.sample_id, head.epoch), _STATES.get(head.outcome, _FINAL)


def lacking_verdicts(run: RunDirectory, manifest: Manifest) -> int:
    """Return how many verdicts are still to be made on the responses of the run."""
    return _count_lacking(run, manifest, index_responses(run), index_verdicts(run))


def _count_lacking(
    run: RunDirectory, manifest: Manifest, responses: KeyIndex, done: KeyIndex
) -> int:
    """Count what `_lacking` yields, all at once."""
    keys = asked_keys(run, manifest.epochs)
    response, verdict = responses.states_of(keys), done.states_of(keys)
    wanted = (
        (verdict == _ABSENT)
        | (verdict == _AGAIN)
        | ((verdict == _UNTIL_NEW_RESPONSE) & (response == 0))
    )
    return int(np.count_nonzero((response != _ABSENT) & wanted))


async def judge_responses(
    run: RunDirectory,
    manifest: Manifest,
    judge: Judge,
    *,
    width: int,
    progress: Progress,
    stop: Stop,
) -> None:
    """Make every verdict that the run lacks.

    Raises:
        EndpointUnusableError: the judge is of no further use; what is done is kept.
    """
    judging = manifest.judging
    assert judging is not None  # noqa: S101 -- callers write it before they judge
    responses = index_responses(run)
    intents = index_intents(run)
    done = index_verdicts(run)
    bench = _Bench(run, judging, judge, _version(judge))
    todo = _count_lacking(run, manifest, responses, done)
    progress.begin("verdicts", len(responses), len(responses) - todo)
    with (
        Journal(run.verdicts, progress.note) as journal,
        Records(run.responses, Response) as answered,
        Records(run.intents, Intent) as written,
    ):

        async def work(item: _Item) -> None:
            response = answered[item.position]
            intent = _intent(item.sample, intents, written)
            verdict = await _verdict(bench, item.sample, response, intent)
            # A failure that repeats itself adds nothing to the journal.
            if not (item.failed_before and verdict.outcome in _STATES):
                journal.append(verdict)
            progress.advance(verdict.outcome)

        await work_through(_lacking(run, manifest, responses, done), work, width=width, stop=stop)
    progress.end()


def _lacking(
    run: RunDirectory, manifest: Manifest, responses: KeyIndex, done: KeyIndex
) -> Iterator[_Item]:
    """Yield the responses whose verdict is still to be made.

    Those that failed before come last: the same failures in a row could end the stage once more,
    before it gets to the others.
    """
    for again in (False, True):
        for sample in stored_samples(run, Sample):
            for epoch in range(manifest.epochs):
                key_hash = hash_parts(sample.task, sample.id, epoch)
                response, verdict = responses.find(key_hash), done.find(key_hash)
                if response is None or again == (verdict is None):
                    continue
                position, failed = response
                state = _AGAIN if verdict is None else verdict[1]
                if state == _AGAIN or (state == _UNTIL_NEW_RESPONSE and not failed):
                    yield _Item(sample, epoch, position, again)


def _intent(sample: Sample, intents: KeyIndex, written: Records[Intent]) -> Intent | None:
    """Return the sample's intent: its own, or the one on record; None when none was asked for."""
    if sample.intent is not None:
        return Intent(
            sample_id=sample.id, task=sample.task, extractor="data set", text=sample.intent
        )
    found = intents.find(hash_parts(sample.task, sample.id, 0))
    return None if found is None else written[found[0]]


async def _verdict(
    bench: _Bench, sample: Sample, response: Response, intent: Intent | None
) -> Verdict:
    task, judging, judge = TASKS[sample.task], bench.judging, bench.judge
    try:
        stored = await _pictures(bench.run, response.images)
        decided = decide_unasked(
            response, stored, task, protocol=judging.protocol, blocked_as=judging.blocked_as
        )
        if decided is not None:
            return verdict_of(decided, sample, response, judge.name)
        given = await _pictures(bench.run, sample.images if judging.protocol == "strict" else ())
        # Converted here, so that it is done once for both verdicts and the record is of these.
        pictures, shown = await _as_shown(stored), await _as_shown(given)
    except ImageError as error:
        decision = Decision(outcome="invalid_input", why=str(error))
        return verdict_of(decision, sample, response, judge.name)
    if intent is not None and intent.error is not None:
        decision = Decision(outcome="judge_error", why=f"intent: {intent.error}")
        return verdict_of(decision, sample, response, judge.name)
    query = Query(
        prompt=sample.prompt,
        task=task,
        category=sample.category,
        subcategory=sample.subcategory,
        turns=sample.turns,
        pictures=shown,
    )
    answer = Answer(text=response.text, pictures=pictures)
    text = None if intent is None else intent.text
    judged = await judge_response(judge, query, answer, text)
    verdict = _judged_verdict(bench, judged, sample, response, pictures + shown)
    return msgspec.structs.replace(verdict, intent_missing=True) if text is None else verdict


async def _pictures(run: RunDirectory, names: tuple[str, ...]) -> tuple[Picture, ...]:
    if not names:
        return ()
    return await asyncio.to_thread(load_pictures, run, names)


async def _as_shown(pictures: tuple[Picture, ...]) -> tuple[Picture, ...]:
    return await asyncio.to_thread(as_shown, pictures) if pictures else ()


def verdict_of(decision: Decision, sample: Sample, response: Response, judge: str) -> Verdict:
    """Return the record of a verdict that needed no judge."""
    return Verdict(
        sample_id=sample.id,
        task=sample.task,
        category=sample.category,
        subcategory=sample.subcategory,
        epoch=response.epoch,
        model=response.model,
        judge=judge,
        outcome=decision.outcome,
        decided_by=decision.decided_by,
        contextual=decision.contextual,
        intrinsic=decision.intrinsic,
        blocked_side=decision.blocked_side,
        why=decision.why,
        twin=sample.twin_of is not None,
        created=now(),
    )


def _judged_verdict(
    bench: _Bench,
    judged: Judged,
    sample: Sample,
    response: Response,
    seen: tuple[Picture, ...],
) -> Verdict:
    contextual, intrinsic = judged.contextual, judged.intrinsic
    found = {"contextual": contextual, "intrinsic": intrinsic}
    return Verdict(
        sample_id=sample.id,
        task=sample.task,
        category=sample.category,
        subcategory=sample.subcategory,
        epoch=response.epoch,
        model=response.model,
        judge=bench.judge.name,
        outcome=judged.outcome,
        decided_by="judge" if judged.outcome == "scored" else None,
        contextual=None if contextual is None else contextual.result,
        # An intrinsic finding is 0 or 1: judges have no other way to say it.
        intrinsic=None if intrinsic is None else intrinsic.result,  # type: ignore[arg-type]
        severity=None if contextual is None else contextual.severity,
        attempted=None if contextual is None else contextual.attempted,
        reasons={name: got.reason for name, got in found.items() if got is not None},
        why=judged.why,
        twin=sample.twin_of is not None,
        judge_model=next(
            (got.judge_model for got in found.values() if got and got.judge_model), None
        ),
        prompts=bench.prompts,
        pictures=tuple(
            PictureSeen(sha256=picture.sha256, width=picture.width, height=picture.height)
            for picture in seen
        ),
        raw=judged.raw,
        usage=judged.usage,
        created=now(),
    )


def _version(judge: Judge) -> str:
    listed = "\n".join(f"{name} {version}" for name, version in sorted(judge.prompts.items()))
    return hashlib.sha256(listed.encode()).hexdigest()[:12]
