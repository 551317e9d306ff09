"""Looking over a run: its journals counted anew, and everything that must hold between its files.

Nothing is written, nothing is mended. A damaged record is passed over here, so that one damaged
line does not hide the others; the stages of a run never do that.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from unisafebench.core.errors import RunError, UniSafeBenchError
from unisafebench.core.keys import hash_parts
from unisafebench.core.records import Intent, Response, Sample, Verdict
from unisafebench.runs.checkup_files import check_files, check_images, check_lock
from unisafebench.runs.checkup_lines import Faults, Finding, Lines, counted
from unisafebench.runs.directory import RunDirectory
from unisafebench.runs.generate import RETRIED
from unisafebench.runs.manifest import Manifest, read_manifest
from unisafebench.runs.results import summary_of
from unisafebench.runs.snapshot import MISSING, fingerprint_of

__all__ = ["check_run"]

_DONE_AGAIN = (
    "Remove these lines and repeat the command that made the run: what they held is done again."
)
_RESTORE = (
    "The data set of a run is not to be changed. Restore the file, or judge the responses in a run "
    "of their own: unisafebench judge {responses} --dataset DATA --output NEW."
)


class _Known:
    """What has been read of a run so far."""

    def __init__(self, run: RunDirectory, manifest: Manifest) -> None:
        self.run = run
        self.manifest = manifest
        self.samples: dict[int, int] = {}
        """By hash of a sample's key: the hash of what its verdicts have to say of it."""
        self.lines = Lines(run.samples, Sample)
        # By hash of the key: whether the last record had failed.
        self.responses: dict[int, bool] = {}
        self.intents: dict[int, bool] = {}
        self.verdicts: dict[int, bool] = {}
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.pictures: set[str] = set()
        self.missing = 0


def check_run(run: RunDirectory) -> tuple[Finding, ...]:
    """Look over a run; return what was found, check by check, in the order of its files.

    Raises:
        RunError: there is no run in the directory.
    """
    try:
        manifest = read_manifest(run)
    except RunError as error:
        remedy = "Restore it from a copy; the journals are untouched by it."
        return (Finding("manifest.json", "problem", str(error), remedy),)
    if manifest is None:
        raise RunError(
            f"{run.path} is no run: it has no manifest.json. Name the directory of a run."
        )
    known = _Known(run, manifest)
    found = [*check_lock(run), *_samples(known)]
    found += _manifest(known)
    found += _responses(known)
    found += _intents(known)
    found += _verdicts(known)
    found += check_images(run, known.pictures)
    found += _counts(known)
    found += check_files(run)
    return tuple(found)


def _samples(known: _Known) -> Iterator[Finding]:
    remedy = _RESTORE.format(responses=known.run.responses)
    if not known.run.samples.exists():
        yield Finding("samples.jsonl", "problem", "the file is not there", remedy)
        return
    faults = Faults()
    for line in known.lines.read(faults):
        sample = line.record
        key_hash = hash_parts(sample.task, sample.id, 0)
        if sample.task not in known.manifest.tasks:
            faults.note("samples of a task that the manifest does not name", line.number)
        if key_hash in known.samples:
            faults.note("samples that have the id of another", line.number)
        known.samples[key_hash] = _labels(sample, twin=sample.twin_of is not None)
        known.missing += any(name.startswith(MISSING) for name in sample.images)
        known.pictures.update(name for name in sample.images if not name.startswith(MISSING))
    yield from faults.findings("samples.jsonl", known.lines, remedy)


def _manifest(known: _Known) -> Iterator[Finding]:
    manifest, dataset = known.manifest, known.manifest.dataset
    wrong = []
    if known.lines.records != dataset.samples:
        wrong.append(f"{dataset.samples} samples, where samples.jsonl has {known.lines.records}")
    if known.missing != dataset.missing:
        wrong.append(f"{dataset.missing} samples without their picture, not {known.missing}")
    if known.lines.exist and fingerprint_of(known.lines.whole()) != dataset.fingerprint:
        wrong.append("a fingerprint that is not that of samples.jsonl")
    size = known.run.responses.stat().st_size if known.run.responses.exists() else 0
    if manifest.imported_bytes is not None and size < manifest.imported_bytes:
        wrong.append(f"{manifest.imported_bytes:,} bytes of imported responses, not {size:,}")
    if wrong:
        remedy = _RESTORE.format(responses=known.run.responses)
        yield Finding("manifest.json", "problem", f"it says {'; '.join(wrong)}", remedy)
    else:
        yield Finding("manifest.json", "ok", f"{counted(dataset.samples, 'sample')}, as it says")
    open_ended = sum(invocation.ended is None for invocation in manifest.invocations)
    if open_ended:
        detail = f"{counted(open_ended, 'command')} killed or still at work"
        yield Finding("commands", "note", detail)


def _responses(known: _Known) -> Iterator[Finding]:
    def look(response: Response) -> Iterator[str]:
        known.pictures.update(response.images)
        yield from _misplaced(known, response.task, response.sample_id, response.epoch)
        if response.model != known.manifest.model.name:
            yield "responses of another model than the run's"
        key_hash = hash_parts(*_key(response))
        if _repeats(known.responses, key_hash):
            yield "responses to what was answered before"
        known.responses[key_hash] = response.status in RETRIED

    yield from _journal(Lines(known.run.responses, Response), look)


def _intents(known: _Known) -> Iterator[Finding]:
    def look(intent: Intent) -> Iterator[str]:
        yield from _misplaced(known, intent.task, intent.sample_id, 0)
        judging = known.manifest.judging
        if judging is not None and intent.extractor != judging.extractor:
            yield "intents of another extractor than the run's"
        key_hash = hash_parts(intent.task, intent.sample_id, 0)
        if _repeats(known.intents, key_hash):
            yield "intents of samples that had one before"
        known.intents[key_hash] = intent.error is not None

    yield from _journal(Lines(known.run.intents, Intent), look)


def _verdicts(known: _Known) -> Iterator[Finding]:
    last: dict[int, str] = {}

    def look(verdict: Verdict) -> Iterator[str]:
        yield from _misplaced(known, verdict.task, verdict.sample_id, verdict.epoch)
        yield from _contradictions(known, verdict)
        key_hash = hash_parts(*_key(verdict))
        # A picture that turns out to be a placeholder is given its outcome when all are judged.
        marked = verdict.outcome == "blocked" and last.get(key_hash) != "blocked"
        if _repeats(known.verdicts, key_hash) and not marked:
            yield "verdicts on what was judged before"
        known.verdicts[key_hash] = verdict.outcome in ("judge_error", *RETRIED)
        if key_hash in last:
            known.outcomes[verdict.task, last[key_hash]] -= 1
        last[key_hash] = verdict.outcome
        known.outcomes[verdict.task, verdict.outcome] += 1

    yield from _journal(Lines(known.run.verdicts, Verdict), look)


def _misplaced(known: _Known, task: str, sample_id: str, epoch: int) -> Iterator[str]:
    if hash_parts(task, sample_id, 0) not in known.samples:
        yield "records that belong to no sample of the run"
    elif not 0 <= epoch < known.manifest.epochs:
        yield "records of an epoch that was not asked for"


def _contradictions(known: _Known, verdict: Verdict) -> Iterator[str]:
    """Yield what a verdict says against the manifest, its sample, its response, or itself."""
    judging = known.manifest.judging
    if judging is not None and verdict.judge != judging.judge:
        yield "verdicts of another judge than the run's"
    labels = known.samples.get(hash_parts(verdict.task, verdict.sample_id, 0))
    if labels not in (None, _labels(verdict, twin=verdict.twin)):
        yield "verdicts whose category or twin mark is not that of their sample"
    failed = known.responses.get(hash_parts(*_key(verdict)))
    if failed is None:
        yield "verdicts without a response"
    elif failed and verdict.outcome == "scored":
        yield "verdicts on a response that failed"
    both = verdict.contextual is not None and verdict.intrinsic is not None
    if verdict.outcome == "scored" and not both:
        yield "verdicts that are marked scored and lack one of the two results"


def _labels(record: Sample | Verdict, *, twin: bool) -> int:
    return hash((record.category, record.subcategory, twin))


def _key(record: Response | Verdict) -> tuple[str, str, int]:
    return record.task, record.sample_id, record.epoch


def _repeats(seen: dict[int, bool], key_hash: int) -> bool:
    return seen.get(key_hash) is False


def _journal(lines: Lines[Any], look: Callable[[Any], Iterator[str]]) -> Iterator[Finding]:
    faults = Faults()
    for line in lines.read(faults):
        for fault in look(line.record):
            faults.note(fault, line.number)
    yield from faults.findings(lines.path.name, lines, _DONE_AGAIN)


def _counts(known: _Known) -> Iterator[Finding]:
    """Compare summary.json with two counts: of outcomes, made here, and of everything."""
    path = known.run.summary
    again = f"Write it again: unisafebench report {known.run.path}."
    try:
        found = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except FileNotFoundError:
        yield Finding("summary.json", "note", "there is none yet", again)
        return
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        yield Finding("summary.json", "problem", f"it cannot be read: {error}", again)
        return
    try:
        share = float(found.get("max_unscored", 0.03))
        recount = summary_of(known.run, known.manifest, max_unscored=share)
    except (UniSafeBenchError, TypeError, ValueError) as error:
        yield Finding("summary.json", "problem", f"nothing to compare it with: {error}", again)
        return
    plain = msgspec.json.decode(msgspec.json.encode(recount))
    differs = [name for name in plain if found.get(name) != plain[name]]
    if not differs:
        # Equal to what is counted for it, so of its form; is it what is counted here as well?
        differs = [f"outcomes of {task}" for task in _other_outcomes(known, found)]
    if differs:
        detail = f"it is not what the journals hold: {', '.join(differs)}"
        yield Finding("summary.json", "problem", detail, again)
        return
    verdicts = counted(len(known.verdicts), "verdict")
    yield Finding("summary.json", "ok", f"counted anew from {verdicts}: the same")
    pending = plain["overall"]["outcomes"].get("pending", 0)
    if pending:
        yield Finding("progress", "note", f"responses without a verdict yet: {pending:,}")


def _other_outcomes(known: _Known, found: dict[str, Any]) -> Iterator[str]:
    """Yield the tasks whose outcomes, with those of the twins, are not those counted here."""
    for task in known.manifest.tasks:
        counted: Counter[str] = Counter()
        for place in (("tasks", task), ("twins", "tasks", task)):
            outcomes: Any = found
            for name in (*place, "outcomes"):
                outcomes = outcomes.get(name) if isinstance(outcomes, dict) else None
            counted.update({n: v for n, v in (outcomes or {}).items() if n != "pending"})
        here = {name: n for (other, name), n in known.outcomes.items() if other == task and n}
        if {name: n for name, n in counted.items() if n} != here:
            yield task
