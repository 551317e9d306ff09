"""From result files of any known tool to one table of utility scores."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from unisafebench.core.errors import DataError, UnknownNameError, UsageError
from unisafebench.utility import harness, inspect_logs, lighteval, own, vlmevalkit
from unisafebench.utility.documents import Document, load
from unisafebench.utility.mapping import suggestion
from unisafebench.utility.scores import (
    Entry,
    Measure,
    Reading,
    Score,
    Skipped,
    figure_of,
    problem_of,
)

__all__ = ["FORMS", "UtilityTable", "read_utility"]

T = TypeVar("T")

FORMS: tuple[str, ...] = (
    "lm-evaluation-harness: results_*.json (0.4 or later)",
    "lmms-eval: *_results.json",
    "lighteval: results_*.json",
    "Inspect: logs, .eval or .json",
    "VLMEvalKit: *_acc.csv, *_score.csv, *_score.json of OCRBench, status.json",
    "our own form: TOML, JSON or CSV with model, task, score, metric, source",
)
"""What can be read, in words."""

_PERCENT = ":percent"


class UtilityTable(msgspec.Struct, frozen=True, kw_only=True):
    """The scores of all files: those that stand for a task, and all that was left out."""

    scores: tuple[Score, ...]
    """Mapped to tasks; no two of one model stand for the same task."""
    unmapped: tuple[Score, ...]
    """Read, but the user named no task for their benchmark."""
    skipped: tuple[Skipped, ...]

    @property
    def models(self) -> tuple[str, ...]:
        """The models of the mapped scores, in the order of the files."""
        return tuple(dict.fromkeys(score.model for score in self.scores))

    def of(self, model: str, task: str) -> Score | None:
        """Return the score of a model that stands for a task, if there is one."""
        for score in self.scores:
            if score.model == model and task in score.tasks:
                return score
        return None

    def remarks(self) -> tuple[str, ...]:
        """Return a line for each note on a score, score without a task, and part left out."""
        lines = [
            f"{score.benchmark} of {score.model}: {note}"
            for score in self.scores
            for note in score.notes
        ]
        for score in self.unmapped:
            near = suggestion(score.benchmark)
            hint = f"; it could be {score.benchmark}={near}" if near else ""
            lines.append(
                f"{score.benchmark} of {score.model} stands for no task (--utility-map{hint})"
            )
        lines += [f"{part.benchmark} in {part.file}: {part.reason}" for part in self.skipped]
        return tuple(lines)


class _Source(msgspec.Struct, frozen=True):
    model: str | None
    document: Document


def read_utility(
    paths: Sequence[str | Path],
    mapping: Mapping[str, tuple[str, ...]] | None = None,
    metrics: Mapping[str, str] | None = None,
) -> UtilityTable:
    """Read utility files and bring their scores to one form.

    Args:
        paths: the files; `MODEL=FILE` gives all scores of the file to that model.
        mapping: benchmark to ids of tasks, as `parse_mapping` returns it; maps inside files of
            our own form are joined to it.
        metrics: benchmark to metric, "" for all that have the metric, as `parse_metrics` returns
            it. A metric is a name ("acc") or a full key ("acc,none"); with ":percent" at its end
            it is read as a percentage. Without it the tool's main figure is taken.

    Raises:
        DataError: a file is in no known form or damaged; a mapped score is out of range or has no
            such metric; two scores of a model stand for one task; a file is given twice.
        UnknownNameError: the map or the metrics name a benchmark that no file has.
        UsageError: two maps disagree.
    """
    sources = [_source(path) for path in paths]
    _refuse_repeated(sources)
    wanted = dict(metrics or {})
    readings: list[tuple[_Source, Reading]] = []
    tasks = dict(mapping or {})
    aliases: dict[str, str] = {}
    # Our own form first: its maps say what the benchmarks of the others are.
    for source in sorted(sources, key=lambda each: not own.is_own(each.document)):
        reading = _read(source, tuple(tasks))
        readings.append((source, reading))
        _join(tasks, reading.mapping, source.document.path, "map")
        _join(aliases, reading.models, source.document.path, "models")
    readings.sort(key=lambda pair: sources.index(pair[0]))
    _check_names(readings, tasks, wanted)
    scores: list[Score] = []
    skipped: list[Skipped] = []
    for source, reading in readings:
        for entry in reading.entries:
            stands_for = entry.tasks or _lookup(tasks, entry) or ()
            found = _score(entry, source, reading, stands_for, wanted, aliases)
            if isinstance(found, Score):
                scores.append(found)
            else:
                skipped.append(found)
    _refuse_ambiguous(scores)
    return UtilityTable(
        scores=tuple(score for score in scores if score.tasks),
        unmapped=tuple(score for score in scores if not score.tasks),
        skipped=tuple(skipped),
    )


def _source(given: str | Path) -> _Source:
    path = Path(given)
    model = None
    if isinstance(given, str) and "=" in given and not path.exists():
        name, _, rest = given.partition("=")
        model, path = name.strip(), Path(rest)
        if not model or not rest:
            raise UsageError(f"--utility {given!r} is neither a file nor of the form MODEL=FILE.")
    return _Source(model, load(path, inspect_logs.MEMBERS))


def _read(source: _Source, benchmarks: Iterable[str]) -> Reading:
    document = source.document
    if vlmevalkit.is_vlmevalkit(document):
        return vlmevalkit.read_vlmevalkit(document, source.model, benchmarks)
    readers: tuple[tuple[Callable[[Document], bool], Callable[[Document], Reading]], ...] = (
        (harness.is_lmms_eval, harness.read_lmms_eval),
        (harness.is_lm_eval, harness.read_lm_eval),
        (lighteval.is_lighteval, lighteval.read_lighteval),
        (inspect_logs.is_inspect, inspect_logs.read_inspect),
        (own.is_own, own.read_own),
    )
    for recognised, read in readers:
        if recognised(document):
            return read(document)
    raise DataError(
        "this is no result file of a tool that is known here.",
        path=document.path,
        remedy="\n  ".join(("These are:", *FORMS)),
    )


def _score(
    entry: Entry,
    source: _Source,
    reading: Reading,
    tasks: tuple[str, ...],
    metrics: Mapping[str, str],
    aliases: Mapping[str, str],
) -> Score | Skipped:
    path = source.document.path
    in_file = entry.model
    name = source.model or in_file
    if name is None:
        raise DataError(
            "the file does not name its model.", path=path, remedy=f"Give it as MODEL={path}"
        )
    measure, percent, problem = _choose(entry, metrics)
    if measure is None or problem:
        if tasks:
            raise DataError(f"{entry.benchmark}: {problem}.", path=path)
        return Skipped(file=str(path), benchmark=entry.benchmark, reason=problem)
    return Score(
        model=aliases.get(name, name),
        model_in_file=in_file or name,
        benchmark=entry.benchmark,
        tasks=tasks,
        metric=measure.key,
        n=measure.n,
        tool=reading.tool,
        tool_version=reading.version,
        fewshot=entry.fewshot,
        file=str(path),
        sha256=source.document.sha256,
        source=entry.source,
        notes=entry.notes,
        other_metrics=tuple(each.key for each in entry.measures if each is not measure),
        **msgspec.structs.asdict(figure_of(measure, percent=percent)),
    )


def _choose(entry: Entry, metrics: Mapping[str, str]) -> tuple[Measure | None, bool, str]:
    """Return the figure to take, whether it is forced to be a percentage, and what is wrong."""
    if not entry.measures:
        return None, False, entry.problem
    asked = metrics.get(entry.benchmark) or metrics.get(entry.short)
    wanted = (asked or metrics.get("", "")).removesuffix(_PERCENT)
    percent = (asked or metrics.get("", "")).endswith(_PERCENT)
    matches = [each for each in entry.measures if wanted in (each.key, each.name)]
    if asked and not matches:
        there = ", ".join(each.key for each in entry.measures)
        return None, False, f"it has no metric {wanted!r}, but {there}"
    measure = matches[0] if matches else entry.measures[0]
    percent = percent and bool(matches)
    return measure, percent, problem_of(measure, percent=percent)


def _lookup(by_benchmark: Mapping[str, tuple[str, ...]], entry: Entry) -> tuple[str, ...] | None:
    return by_benchmark.get(entry.benchmark) or by_benchmark.get(entry.short)


def _join(known: dict[str, T], more: Mapping[str, T], path: Path, what: str) -> None:
    for name, value in more.items():
        if known.setdefault(name, value) != value:
            raise UsageError(f"{path}: its [{what}] says of {name!r} something else than before.")


def _check_names(
    readings: Sequence[tuple[_Source, Reading]],
    tasks: Mapping[str, tuple[str, ...]],
    metrics: Mapping[str, str],
) -> None:
    """Refuse names of benchmarks and metrics that no file has: they are spelled wrong."""
    entries = [entry for _, reading in readings for entry in reading.entries]
    names = dict.fromkeys(name for e in entries for name in (e.benchmark, e.short) if name)
    for name in (*tasks, *(name for name in metrics if name)):
        if name not in names:
            raise UnknownNameError("benchmark", name, names or ("none",), where="utility")
    default = metrics.get("", "").removesuffix(_PERCENT)
    known = dict.fromkeys(n for e in entries for m in e.measures for n in (m.name, m.key))
    if default and default not in known:
        raise UnknownNameError("metric", default, known or ("none",), where="utility")


def _refuse_repeated(sources: Sequence[_Source]) -> None:
    met: dict[str, Path] = {}
    for source in sources:
        document = source.document
        if document.sha256 in met:
            raise DataError(
                f"it has the same content as {met[document.sha256]}.",
                path=document.path,
                remedy="Give each file once.",
            )
        met[document.sha256] = document.path


def _refuse_ambiguous(scores: Iterable[Score]) -> None:
    met: dict[tuple[str, str], Score] = {}
    for score in scores:
        for task in score.tasks:
            other = met.setdefault((score.model, task), score)
            if other is not score:
                raise DataError(
                    f"two scores of {score.model} stand for {task}: {other.benchmark} "
                    f"({other.file}) and {score.benchmark}.",
                    path=score.file,
                    remedy="Map one of them only.",
                )
