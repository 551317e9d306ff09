"""`--dry-run`: how many calls, tokens and pictures a run would take."""

import click

from unisafebench.cli.parties import JudgeChoice
from unisafebench.datasets.samples import check_samples, read_samples
from unisafebench.runs.opening import Asked

__all__ = ["print_plan"]

_CHARACTERS_A_TOKEN = 4
_RULES_TOKENS = 900
"""Tokens of fixed rules in one call of a prompted judge, about."""


def print_plan(asked: Asked, choice: JudgeChoice) -> None:
    """Print what the run would take; the data set is checked, nothing is sent or written."""
    check_samples(asked.dataset_path)
    samples = intents = pictures = characters = 0
    counts: dict[str, int] = {}
    for sample in filter(asked.keeps, read_samples(asked.dataset_path)):
        counts[sample.task] = counts.get(sample.task, 0) + 1
        if asked.limit is not None and counts[sample.task] > asked.limit:
            continue
        samples += 1
        intents += sample.intent is None
        pictures += len(sample.images)
        characters += len(sample.prompt)
    responses = samples * asked.epochs
    click.echo(
        f"Tasks:            {', '.join(asked.tasks)}\n"
        f"Not supported:    {', '.join(asked.not_supported) or 'none'}\n"
        f"Samples:          {samples} with {pictures} input pictures, {asked.epochs} epoch(s)\n"
        f"Model calls:      {responses} (about {characters // _CHARACTERS_A_TOKEN:,} prompt "
        "tokens, pictures not counted)\n"
        f"Extractor calls:  {intents} by {choice.extractor or choice.judge}\n"
        f"Judge calls:      {2 * responses} by {choice.judge} (about "
        f"{2 * responses * _RULES_TOKENS:,} tokens of rules, and twice the responses)\n"
        "Retries and the judge's probe come on top."
    )
