"""The summary of a GitHub job: gates first, then rates, as Markdown."""

from collections.abc import Sequence

from unisafebench.exports.entries import Entry
from unisafebench.exports.escaping import markdown_text
from unisafebench.exports.markdown import markdown_rates, markdown_table
from unisafebench.exports.numbers import percent_with_interval
from unisafebench.metrics.gates import GateResult

__all__ = ["job_summary"]

_STATUS = {"passed": "passed", "tripped": "**TRIPPED**", "undecided": "**not decided**"}


def job_summary(checked: Sequence[tuple[Entry, Sequence[GateResult]]]) -> str:
    """Return the Markdown for entries and the results of their gates."""
    parts = ["## Uni-SafeBench"]
    for entry, results in checked:
        parts.append(_headline(entry))
        if results:
            parts.append(_gates(results))
    parts.append(markdown_rates([entry for entry, _ in checked]))
    return "\n\n".join(parts)


def _headline(entry: Entry) -> str:
    overall = entry.overall
    flaw = "" if overall.reportable else f", **not reportable**: {overall.reason}"
    figures = ", ".join(
        f"{rate} {percent_with_interval(overall.rates[rate]).replace('<', '&lt;')}"
        for rate in ("B-S", "C-U")
    )
    scored = f"over {overall.n:,} of {overall.asked:,} responses"
    return f"**{markdown_text(entry.name)}**: {figures} (percent, {scored}){flaw}"


def _gates(results: Sequence[GateResult]) -> str:
    rows = (
        [
            markdown_text(result.gate.text),
            _STATUS[result.status],
            markdown_text(" ".join(part for part in (result.message, result.basis) if part)),
        ]
        for result in results
    )
    return markdown_table(("gate", "result", "why"), rows, numbers_from=3)
