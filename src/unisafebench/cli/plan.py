"""`--dry-run`: how many calls, tokens and pictures a run would take, and what that would cost."""

import click
import msgspec
from rich.console import Console
from rich.table import Table

from unisafebench.cli.parties import JudgeChoice
from unisafebench.core.errors import UsageError
from unisafebench.core.records import Sample
from unisafebench.core.tasks import TASKS
from unisafebench.datasets.samples import check_samples
from unisafebench.datasets.selection import selected
from unisafebench.judging.rubrics import prompt_text, rule_set
from unisafebench.models.base import Model, advice_on
from unisafebench.runs.opening import Asked

__all__ = ["Price", "Prices", "parse_price", "print_plan"]

_CHARACTERS_A_TOKEN = 4
# What no one can know before a run; printed with the estimate.
_PICTURE_TOKENS = 1000
_ANSWER_TOKENS = 500
_INTENT_TOKENS = 150
_VERDICT_TOKENS = 120


class Price(msgspec.Struct, frozen=True):
    """US dollars for a million tokens read and written, and for one picture made."""

    read: float
    written: float
    picture: float = 0.0


class Prices(msgspec.Struct, frozen=True, kw_only=True):
    """What the user says that the parties cost; None where nothing was said."""

    model: Price | None = None
    judge: Price | None = None
    extractor: Price | None = None


class _Use(msgspec.Struct):
    """What one party of a run would be asked and would answer."""

    calls: int = 0
    read: int = 0
    written: int = 0
    seen: int = 0
    made: int = 0

    def cost(self, price: Price | None) -> float | None:
        if price is None:
            return None
        tokens = self.read * price.read + self.written * price.written
        return tokens / 1e6 + self.made * price.picture


def parse_price(text: str | None, option: str) -> Price | None:
    """Read IN/OUT or IN/OUT/PICTURE.

    Raises:
        UsageError: it is not of this form.
    """
    if text is None:
        return None
    parts = text.split("/")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 3) or not all(0 <= number < 1e9 for number in numbers):
        raise UsageError(
            f"{option} is {text!r}; give US dollars as IN/OUT for a million tokens, with a third "
            "number for one picture made, for example 2.5/10 or 0.3/2.5/0.04."
        )
    return Price(*numbers)


def print_plan(asked: Asked, choice: JudgeChoice, model: Model, prices: Prices) -> None:
    """Print what the run would take; the data set is checked, nothing is sent or written."""
    check_samples(asked.dataset_path)
    answers, intents, verdicts = _Use(), _Use(), _Use()
    samples = pictures = 0
    rules = _rules_tokens(strict=choice.protocol == "strict")
    for sample in selected(asked.dataset_path, asked.selection):
        samples += 1
        pictures += len(sample.images)
        _add(sample, asked.epochs, rules, answers, intents, verdicts)
    console = Console(highlight=False, width=100, soft_wrap=True)
    console.print(
        f"Samples        {samples} with {pictures} input pictures, {asked.epochs} epoch(s)\n"
        f"Tasks          {', '.join(asked.tasks)}\n"
        f"Not supported  {', '.join(asked.not_supported) or 'none'}",
        markup=False,
    )
    advice = advice_on(model, map(TASKS.__getitem__, asked.not_supported))
    console.print(f"               {advice}\n" if advice else "", markup=False)
    extractor = choice.extractor or choice.judge
    parties = (
        ("model", model.name, answers, prices.model),
        ("extractor", extractor, intents, prices.extractor or _same(choice, prices)),
        ("judge", choice.judge, verdicts, prices.judge),
    )
    console.print(_table(parties))
    click.echo(
        f"\nTokens are estimates: one for {_CHARACTERS_A_TOKEN} characters, {_PICTURE_TOKENS:,} "
        f"for a picture,\n{_ANSWER_TOKENS} for an answer in text, {_INTENT_TOKENS} for an intent, "
        f"{_VERDICT_TOKENS} for a verdict.\nRetries and the judge's probe come on top."
    )


def _same(choice: JudgeChoice, prices: Prices) -> Price | None:
    """Return the judge's price for the extractor where they are one model."""
    return prices.judge if choice.extractor in (None, choice.judge) else None


def _table(parties: tuple[tuple[str, str, _Use, Price | None], ...]) -> Table:
    table = Table("Party", "Name", box=None, pad_edge=False)
    headings = ("Calls", "Tokens in", "Tokens out", "Pictures in", "Pictures out", "US$")
    for heading in headings:
        table.add_column(heading, justify="right")
    costs = []
    for party, name, use, price in parties:
        cost = use.cost(price)
        costs.append(cost)
        numbers = (use.calls, use.read, use.written, use.seen, use.made)
        table.add_row(party, name, *(f"{number:,}" for number in numbers), _money(cost))
    known = [cost for cost in costs if cost is not None]
    if known:
        # What has no price comes on top.
        sign = "" if len(known) == len(costs) else "> "
        table.add_row("in all", *[""] * 6, f"{sign}{_money(sum(known))}")
    return table


def _money(cost: float | None) -> str:
    return "unknown" if cost is None else f"{cost:,.2f}"


def _add(
    sample: Sample, epochs: int, rules: int, answers: _Use, intents: _Use, verdicts: _Use
) -> None:
    """Add what one sample takes to the use of each party."""
    draws = TASKS[sample.task].output == "image"
    words = len(sample.prompt) // _CHARACTERS_A_TOKEN
    seen = len(sample.images)
    question = words + seen * _PICTURE_TOKENS
    answer = _PICTURE_TOKENS if draws else _ANSWER_TOKENS
    answers.calls += epochs
    answers.read += epochs * question
    answers.written += 0 if draws else epochs * _ANSWER_TOKENS
    answers.seen += epochs * seen
    answers.made += epochs * draws
    if sample.intent is None:
        intents.calls += 1
        intents.read += len(prompt_text("intent")) // _CHARACTERS_A_TOKEN + question
        intents.written += _INTENT_TOKENS
        intents.seen += seen
    verdicts.calls += 2 * epochs
    # The intrinsic verdict sees the answer alone, the contextual one the question and intent too.
    verdicts.read += epochs * (rules + 2 * answer + question + _INTENT_TOKENS)
    verdicts.written += epochs * 2 * _VERDICT_TOKENS
    verdicts.seen += epochs * (2 * draws + seen)


def _rules_tokens(*, strict: bool) -> int:
    """Return the tokens of fixed rules in the two calls on one response."""
    contextual = rule_set("contextual-text", allowed=frozenset({0, 1, 2}), marks=strict)
    intrinsic = rule_set("intrinsic", allowed=frozenset({0, 1}), marks=False)
    return (len(contextual.rules) + len(intrinsic.rules)) // _CHARACTERS_A_TOKEN
