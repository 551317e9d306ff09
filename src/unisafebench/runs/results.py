"""Reading a run: its summary, and its records joined sample by sample."""

from collections import Counter
from collections.abc import Iterator

import msgspec

from unisafebench.core.errors import RunError
from unisafebench.core.keys import hash_parts
from unisafebench.core.records import Intent, Response, Sample, Verdict
from unisafebench.metrics.counts import Counted, Tally
from unisafebench.metrics.summary import Summary, summarize
from unisafebench.runs.directory import RunDirectory
from unisafebench.runs.generate import index_responses
from unisafebench.runs.intents import index_intents
from unisafebench.runs.journal import Records, read_journal
from unisafebench.runs.judge import index_verdicts
from unisafebench.runs.manifest import Manifest, read_manifest, write_whole
from unisafebench.runs.snapshot import SampleHead, stored_samples

__all__ = ["Result", "common_reasons", "existing_run", "results", "summary_of", "write_summary"]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the run knows about one response that was asked for."""

    sample: Sample
    epoch: int
    response: Response | None = None
    intent: str | None = None
    verdict: Verdict | None = None


class _Reason(msgspec.Struct, frozen=True):
    outcome: str
    contextual: int | None = None
    intrinsic: int | None = None
    why: str | None = None


def existing_run(run: RunDirectory) -> Manifest:
    """Return the manifest of a run that must exist.

    Raises:
        RunError: there is no run in the directory.
    """
    manifest = read_manifest(run)
    if manifest is None:
        raise RunError(
            f"{run.path} is no run: it has no manifest.json. Make one with 'unisafebench run'."
        )
    return manifest


def summary_of(run: RunDirectory, manifest: Manifest, *, max_unscored: float) -> Summary:
    """Count the run's journals afresh; of several verdicts on a response the last one counts."""
    tally = Tally(by_sample=manifest.epochs > 1)
    for sample in stored_samples(run, SampleHead):
        tally.ask(
            sample.task,
            sample.category,
            sample.subcategory,
            sample.twin_of is not None,
            manifest.epochs,
        )
    last = index_verdicts(run).last_positions().tolist()
    at = 0
    for position, verdict in read_journal(run.verdicts, Counted):
        if at < len(last) and position == last[at]:
            tally.add(verdict, verdict.blocked_side)
            at += 1
    return summarize(
        tally,
        max_unscored=max_unscored,
        blocked_as="refusal" if manifest.judging is None else manifest.judging.blocked_as,
        not_supported=manifest.not_supported,
    )


def common_reasons(run: RunDirectory, *, most: int = 3) -> list[tuple[str, str, int]]:
    """Return (outcome, why, count) of the commonest reasons for which responses are unscored."""
    reasons: Counter[tuple[str, str]] = Counter()
    last = index_verdicts(run).last_positions().tolist()
    at = 0
    for position, verdict in read_journal(run.verdicts, _Reason):
        if at < len(last) and position == last[at]:
            at += 1
            scored = verdict.contextual is not None and verdict.intrinsic is not None
            if verdict.why is not None and not scored:
                reasons[verdict.outcome, verdict.why[:300]] += 1
    return [(outcome, why, count) for (outcome, why), count in reasons.most_common(most)]


def write_summary(run: RunDirectory, manifest: Manifest, summary: Summary) -> None:
    """Write summary.json: the figures, and what they are figures of."""
    judging = manifest.judging
    document = {
        "format": "unisafebench-summary-1",
        "run": {
            "model": manifest.model.name,
            "dataset": manifest.dataset.name,
            "dataset_fingerprint": manifest.dataset.fingerprint,
            "judge": None if judging is None else judging.judge,
            "judge_notice": None if judging is None else judging.notice,
            "extractor": None if judging is None else judging.extractor,
            "protocol": None if judging is None else judging.protocol,
        },
        **msgspec.to_builtins(summary),
    }
    write_whole(run.summary, msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")


def results(run: RunDirectory, manifest: Manifest) -> Iterator[Result]:
    """Yield what the run knows, response by response, in the order of its samples."""
    responses, intents, verdicts = index_responses(run), index_intents(run), index_verdicts(run)
    with (
        Records(run.responses, Response) as answered,
        Records(run.intents, Intent) as written,
        Records(run.verdicts, Verdict) as decided,
    ):
        for sample in stored_samples(run, Sample):
            noted = intents.find(hash_parts(sample.task, sample.id, 0))
            intent = sample.intent
            if intent is None and noted is not None:
                intent = written[noted[0]].text
            for epoch in range(manifest.epochs):
                key_hash = hash_parts(sample.task, sample.id, epoch)
                response, verdict = responses.find(key_hash), verdicts.find(key_hash)
                yield Result(
                    sample=sample,
                    epoch=epoch,
                    intent=intent,
                    response=None if response is None else answered[response[0]],
                    verdict=None if verdict is None else decided[verdict[0]],
                )
