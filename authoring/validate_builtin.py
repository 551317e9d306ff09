"""Print how far the embedded judge agrees with human labels.

    python authoring/validate_builtin.py [--half tune|held-out|both] [--file NAME]

Each labelled file is cut in two by a hash of the row's id. The rules were improved by looking at
the `tune` half only; the `held-out` half is what may be reported. Rows that the judge abstains on
(script it does not read, nothing to read) are counted apart and never as right.
"""

import argparse
import asyncio
import gzip
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from unisafebench.core.tasks import TASKS
from unisafebench.judging.base import Answer, JudgeRefusedError, Query, UnparsedError
from unisafebench.judging.builtin.judge import BuiltinJudge

DATA = Path(__file__).parent.parent / "tests" / "data" / "judge-validation"
Half = Literal["tune", "held-out"]
Metric = Literal["contextual", "contextual binary", "refusal", "intrinsic"]
METRICS: dict[Metric, tuple[int, ...]] = {
    "contextual": (0, 1, 2),
    "contextual binary": (0, 1),
    "refusal": (1, 0),
    "intrinsic": (0, 1),
}
_FIELDS: dict[Metric, str] = {
    "contextual": "label_contextual",
    "contextual binary": "label_contextual_binary",
    "refusal": "label_refusal",
    "intrinsic": "label_intrinsic",
}


class Row(msgspec.Struct, frozen=True):
    """One labelled text; a label that is None is not asked for."""

    id: str
    response: str
    prompt: str | None = None
    label_contextual: int | None = None
    label_contextual_binary: int | None = None
    label_refusal: int | None = None
    label_intrinsic: int | None = None


class Judged(NamedTuple):
    """A row's verdicts; None where the judge abstained."""

    row: Row
    contextual: int | None
    intrinsic: int | None


class Line(NamedTuple):
    """One line of the table."""

    file: str
    metric: Metric
    n: int
    abstained: int
    accuracy: float
    kappa: float | None
    classes: tuple[tuple[int, float | None, float | None, int], ...]
    """For each class: its code, precision, recall and number of rows."""


def half_of(row_id: str) -> Half:
    """Return the half that a row belongs to."""
    even = hashlib.sha256(row_id.encode()).digest()[0] // 16 % 2 == 0
    return "tune" if even else "held-out"


def read_rows(path: Path, half: Half | None) -> Iterator[Row]:
    """Yield the rows of one half of a file, or all of them."""
    with gzip.open(path, "rb") as file:
        for line in file:
            row = msgspec.json.decode(line, type=Row)
            if half is None or half_of(row.id) == half:
                yield row


async def judge_row(judge: BuiltinJudge, row: Row) -> Judged:
    """Judge a row as a text-generation response; no row has an intent."""
    answer = Answer(text=row.response)
    query = Query(
        prompt=row.prompt or "",
        task=TASKS["text-generation"],
        category="Toxicity Content",
        subcategory="Illegal Activities",
    )
    try:
        intrinsic = await judge.intrinsic(answer)
        contextual = await judge.contextual(query, answer, None)
    except (JudgeRefusedError, UnparsedError):
        return Judged(row, None, None)
    return Judged(row, contextual.result, intrinsic.result)


def verdict_on(judged: Judged, metric: Metric) -> int | None:
    """Return what the judge says of one label, in the label's own codes."""
    if metric == "intrinsic" or judged.contextual is None:
        return judged.intrinsic
    if metric == "contextual":
        return judged.contextual
    if metric == "refusal":
        return int(judged.contextual == 2)
    return int(judged.contextual != 0)


def score(file: str, metric: Metric, judged: Iterable[Judged]) -> Line | None:
    """Compare the verdicts with the labels; None when no row has the label."""
    pairs: Counter[tuple[int, int]] = Counter()
    abstained = 0
    for one in judged:
        label = getattr(one.row, _FIELDS[metric])
        if label is None:
            continue
        verdict = verdict_on(one, metric)
        if verdict is None:
            abstained += 1
        else:
            pairs[label, verdict] += 1
    n = pairs.total()
    if n + abstained == 0:
        return None
    right = sum(count for (label, verdict), count in pairs.items() if label == verdict)
    classes = tuple(_class_line(pairs, code) for code in METRICS[metric])
    # Accuracy is over all labelled rows: an abstention is not right.
    accuracy = right / (n + abstained)
    return Line(file, metric, n, abstained, accuracy, cohen_kappa(pairs), classes)


def _class_line(
    pairs: Counter[tuple[int, int]], code: int
) -> tuple[int, float | None, float | None, int]:
    hits = pairs[code, code]
    said = sum(count for (_, verdict), count in pairs.items() if verdict == code)
    labelled = sum(count for (label, _), count in pairs.items() if label == code)
    precision = hits / said if said else None
    recall = hits / labelled if labelled else None
    return code, precision, recall, labelled


def cohen_kappa(pairs: Counter[tuple[int, int]]) -> float | None:
    """Return Cohen's kappa over the judged rows; None when they have fewer than two labels."""
    n = pairs.total()
    labels: Counter[int] = Counter()
    verdicts: Counter[int] = Counter()
    for (label, verdict), count in pairs.items():
        labels[label] += count
        verdicts[verdict] += count
    # With rows of one label only, kappa is 0 whatever the judge says.
    if len(labels) < 2:
        return None
    observed = sum(pairs[code, code] for code in labels) / n
    chance = sum(labels[code] * verdicts[code] for code in labels) / n**2
    return (observed - chance) / (1 - chance)


def table(lines: Iterable[Line]) -> str:
    """Return the lines as a Markdown table; precision / recall (rows) of each class."""
    head = (
        "| file | label | judged | abstained | accuracy | kappa | "
        "class: precision / recall (rows) |\n|---|---|--:|--:|--:|--:|---|\n"
    )
    return head + "".join(_table_line(line) for line in lines)


def _table_line(line: Line) -> str:
    names = {"refusal": {1: "refusal", 0: "other"}}.get(
        line.metric, {0: "unsafe", 1: "safe", 2: "refusal"}
    )
    if line.metric == "contextual binary":
        names = {0: "unsafe", 1: "not unsafe"}
    classes = "; ".join(
        f"{names[code]} {_share(precision)} / {_share(recall)} ({rows})"
        for code, precision, recall, rows in line.classes
        if precision is not None or rows
    )
    return (
        f"| {line.file} | {line.metric} | {line.n} | {line.abstained} | {line.accuracy:.3f} | "
        f"{_share(line.kappa)} | {classes} |\n"
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


async def validate(paths: Iterable[Path], half: Half | None) -> list[Line]:
    """Judge the rows of each file and return the lines of the table."""
    judge = BuiltinJudge()
    lines: list[Line] = []
    try:
        for path in paths:
            judged = [await judge_row(judge, row) for row in read_rows(path, half)]
            name = path.name.removesuffix(".jsonl.gz")
            scored = (score(name, metric, judged) for metric in METRICS)
            lines += [line for line in scored if line is not None]
    finally:
        await judge.aclose()
    return lines


def main() -> None:
    """Print the tables asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--half", choices=("tune", "held-out", "both"), default="both")
    parser.add_argument("--file", help="only the file of this name, without .jsonl.gz")
    arguments = parser.parse_args()
    paths = sorted(DATA.glob(f"{arguments.file or '*'}.jsonl.gz"))
    halves: tuple[Half, ...] = ("tune", "held-out")
    for half in halves if arguments.half == "both" else (arguments.half,):
        print(f"\n{half} half\n")
        print(table(asyncio.run(validate(paths, half))), end="")


if __name__ == "__main__":
    main()
