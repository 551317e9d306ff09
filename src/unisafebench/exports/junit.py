"""JUnit XML: a test case for each gate, and one for whether each task may be reported.

There is no one definition of the format. What is written is what the readers of CI systems have in
common: `testsuites` > `testsuite` > `testcase` > at most one of `failure`, `error`, `skipped`.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from unisafebench.exports.entries import Entry
from unisafebench.exports.escaping import xml_attribute, xml_text
from unisafebench.metrics.gates import GateResult

__all__ = ["junit"]


class _Case(NamedTuple):
    """One test case. `mark` is the element that says it did not succeed, if it did not."""

    part: str
    name: str
    mark: str = ""
    kind: str = ""
    message: str = ""
    details: str = ""


def junit(checked: Sequence[tuple[Entry, Sequence[GateResult]]]) -> str:
    """Return the document for entries and the results of their gates.

    A gate that tripped is a failure; one that is undecided, and a task that is not reportable, is
    an error, never a success. A task that the model does not support is skipped. The document
    holds no time, so the same run always gives the same bytes.
    """
    suites = [(entry.name, [*_gates(results), *_tasks(entry)]) for entry, results in checked]
    everything = [case for _, cases in suites for case in cases]
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    lines.append(f'<testsuites name="unisafebench" {_counts(everything)}>')
    for name, cases in suites:
        lines.append(f"  <testsuite name={xml_attribute(name)} {_counts(cases)}>")
        lines += [_case(name, case) for case in cases]
        lines.append("  </testsuite>")
    lines.append("</testsuites>")
    return "\n".join(lines) + "\n"


def _gates(results: Iterable[GateResult]) -> Iterator[_Case]:
    marks = {"passed": ("", ""), "tripped": ("failure", "gate"), "undecided": ("error", "gate")}
    for result in results:
        mark, kind = marks[result.status]
        yield _Case("gates", result.gate.text, mark, kind, result.message, result.basis)


def _tasks(entry: Entry) -> Iterator[_Case]:
    groups = dict(entry.tasks.items())
    for task, figures in groups.items():
        yield _reportable(task, figures.reportable, figures.reason, figures.n, figures.asked)
    if entry.summary is not None and entry.summary.twins is not None:
        for task, twins in entry.summary.twins.tasks.items():
            name = f"{task} (harmless twins)"
            yield _reportable(name, twins.reportable, twins.reason, twins.n, twins.asked)
    for task in entry.not_supported:
        yield _Case("reportable", task, "skipped", message="The model does not support the task.")


def _reportable(name: str, reportable: bool, reason: str | None, n: int, asked: int) -> _Case:
    scored = f"{n} of {asked} responses have both verdicts"
    if reportable:
        return _Case("reportable", name, details=scored)
    return _Case("reportable", name, "error", "not-reportable", f"{reason}.", scored)


def _case(suite: str, case: _Case) -> str:
    classname = f"unisafebench.{suite.replace('.', '_')}.{case.part}"
    opening = (
        f"    <testcase classname={xml_attribute(classname)} name={xml_attribute(case.name)}"
        ' time="0"'
    )
    if not case.mark:
        details = " ".join(part for part in (case.message, case.details) if part)
        inside = f"<system-out>{xml_text(details)}</system-out>"
    else:
        kind = f" type={xml_attribute(case.kind)}" if case.kind else ""
        details = f">{xml_text(case.details)}</{case.mark}>" if case.details else "/>"
        inside = f"<{case.mark} message={xml_attribute(case.message)}{kind}{details}"
    return f"{opening}>{inside}</testcase>"


def _counts(cases: Sequence[_Case]) -> str:
    def count(mark: str) -> int:
        return sum(case.mark == mark for case in cases)

    return (
        f'tests="{len(cases)}" failures="{count("failure")}" errors="{count("error")}"'
        f' skipped="{count("skipped")}" time="0"'
    )
