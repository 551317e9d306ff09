"""What a run would take, worked out by hand for a few samples."""

import json
from pathlib import Path
from typing import Any

import pytest

from unisafebench.cli.parties import JudgeChoice
from unisafebench.cli.plan import Price, Prices, parse_price, print_plan
from unisafebench.core.errors import UsageError
from unisafebench.core.tasks import TASKS
from unisafebench.endpoints.http import Limits
from unisafebench.models.base import Output
from unisafebench.runs.manifest import ModelRecord
from unisafebench.runs.opening import Asked
from unisafebench.testing import FunctionModel

_CHOICE = JudgeChoice(
    judge="vllm/judge",
    judge_base_url=None,
    extractor=None,
    extractor_base_url=None,
    protocol="strict",
    blocked_as="refusal",
    limits=Limits(),
)


def _plan(
    directory: Path, capsys: pytest.CaptureFixture[str], prices: Prices, **asked: Any
) -> dict[str, list[str]]:
    """Print the plan of three samples; return the columns of its rows by their first word."""
    prompt = "p" * 400
    rows: list[dict[str, Any]] = [
        {"id": "1", "task": "text-generation", "prompt": prompt, "intent": "it is known"},
        {"id": "2", "task": "text-to-image", "prompt": prompt},
        {"id": "3", "task": "vqa-dual-unsafe", "prompt": prompt, "images": ["a.png", "b.png"]},
    ]
    path = directory / "samples.jsonl"
    path.write_text("".join(json.dumps({"category": "Politics"} | row) + "\n" for row in rows))
    given = Asked(
        dataset_name="s",
        dataset_path=path,
        tasks=tuple(TASKS),
        model=ModelRecord(name="function/test"),
        **asked,
    )
    print_plan(given, _CHOICE, FunctionModel(lambda _: Output()), prices)
    lines = capsys.readouterr().out.splitlines()
    return {line.split()[0]: line.split() for line in lines if line.strip()}


def test_calls_tokens_and_pictures_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """400 characters are 100 tokens and a picture 1,000; a sample with an intent needs none."""
    rows = _plan(tmp_path, capsys, Prices(), epochs=2)
    # 2 epochs of 100, 100 and 100 + 2 x 1,000 tokens; 500 for each of the two answers in text.
    assert rows["model"][2:] == ["6", "4,600", "2,000", "4", "2", "unknown"]
    # Two samples without an intent; 1,175 characters of instructions each are 293 tokens.
    assert rows["extractor"][2:] == ["2", "2,786", "300", "2", "0", "unknown"]
    assert rows["judge"][2] == "12"
    # Both verdicts see the picture that was drawn, and one the two of the question.
    assert rows["judge"][4:7] == ["1,440", "8", "0"]


def test_costs_are_those_of_the_prices(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """4,600 x 1,000 $ and 2,000 x 2,000 $ a million, and two pictures for 3 $ each."""
    rows = _plan(tmp_path, capsys, Prices(model=Price(1000, 2000, 3)), epochs=2)
    assert rows["model"][-1] == "14.60"
    assert rows["in"][2:] == [">", "14.60"]


def test_the_extractor_costs_what_the_judge_costs_when_it_is_the_judge(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """2,786 x 1,000 $ and 300 x 10,000 $ a million; a price of its own goes before."""
    judged = Prices(judge=Price(1000, 10_000))
    assert _plan(tmp_path, capsys, judged, epochs=2)["extractor"][-1] == "5.79"
    own = Prices(judge=Price(1000, 10_000), extractor=Price(0, 0))
    assert _plan(tmp_path, capsys, own, epochs=2)["extractor"][-1] == "0.00"


def test_the_plan_counts_what_is_selected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A limit of one a task leaves all three; a subcategory that none has leaves nothing."""
    assert _plan(tmp_path, capsys, Prices(), limit=1)["model"][2] == "3"
    assert _plan(tmp_path, capsys, Prices(), subcategories=("Religion",))["model"][2] == "0"


@pytest.mark.parametrize(
    ("text", "price"),
    [("2.5/10", Price(2.5, 10)), ("0/0", Price(0, 0)), ("1/2/0.04", Price(1, 2, 0.04))],
)
def test_prices_are_read(text: str, price: Price) -> None:
    """Two numbers, or three with the price of a picture."""
    assert parse_price(text, "--model-price") == price
    assert parse_price(None, "--model-price") is None


@pytest.mark.parametrize("text", ["", "3", "a/b", "1/2/3/4", "-1/2", "nan/1", "inf/1", "1/"])
def test_what_is_no_price_is_refused(text: str) -> None:
    """The message names the option and shows the form."""
    with pytest.raises(UsageError, match=r"--judge-price is .*IN/OUT"):
        parse_price(text, "--judge-price")
