"""The published numbers: transcription, derived counts, and what the authors make of them."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest

from unisafebench.core.errors import UnknownNameError, UsageError
from unisafebench.core.tasks import PAPER_COUNTS, TASKS
from unisafebench.core.taxonomy import CATEGORIES
from unisafebench.metrics.groups import RATES
from unisafebench.published.load import (
    PublishedModel,
    both_safe_by_category,
    find_published,
    leaderboard,
    pooled,
    published_models,
)

MODELS = tuple(published_models().values())
CELLS = [(model, task) for model in MODELS for task in model.tasks]
IDS = [f"{model.name}-{task}" for model, task in CELLS]

FIVE = (
    "text-generation",
    "vqa-dual-unsafe",
    "vqa-image-unsafe",
    "vqa-text-unsafe",
    "vqa-composite-unsafe",
)


def _percent(count: int, n: int) -> float:
    exact = Decimal(count * 100) / Decimal(n)
    return float(exact.quantize(Decimal("0.01"), ROUND_HALF_UP))


def test_models_and_tasks() -> None:
    """There are 16 models with 1, 5, 6 or 7 tasks each, of the sizes of the paper's table."""
    assert len(MODELS) == 16
    assert sorted(len(model.tasks) for model in MODELS) == [1] * 2 + [5] * 5 + [6] * 6 + [7] * 3
    for model, task in CELLS:
        size = sum(n for (of, _), n in PAPER_COUNTS.items() if of == task)
        assert model.tasks[task].n == size
    assert sum(PAPER_COUNTS.values()) == 2939
    assert all(list(model.tasks) == [t for t in TASKS if t in model.tasks] for model in MODELS)


@pytest.mark.parametrize(("model", "task"), CELLS, ids=IDS)
def test_one_count_fits_each_printed_rate(model: PublishedModel, task: str) -> None:
    """Of the counts 0 to n exactly one rounds to a printed rate, and it is the one on record."""
    found = model.tasks[task]
    for name in RATES:
        printed = Fraction(str(model.printed[task][name]))
        fitting = [
            count
            for count in range(found.n + 1)
            if abs(Fraction(count, found.n) - printed) <= Fraction(1, 2000)
        ]
        assert fitting == [found.counts[name]]


@pytest.mark.parametrize(("model", "task"), CELLS, ids=IDS)
def test_joint_counts_follow(model: PublishedModel, task: str) -> None:
    """Unsafe in both, in one and in none of the verdicts are counts that sum to n."""
    found = model.tasks[task]
    contextual, intrinsic, safe = (found.counts[name] for name in ("C-U", "I-U", "B-S"))
    assert found.both_unsafe == contextual + intrinsic + safe - found.n
    assert found.contextual_only == contextual - found.both_unsafe
    assert found.intrinsic_only == intrinsic - found.both_unsafe
    assert min(found.both_unsafe, found.contextual_only, found.intrinsic_only) >= 0
    assert found.both_unsafe + found.contextual_only + found.intrinsic_only + safe == found.n
    assert contextual + found.counts["C-R"] <= found.n


@pytest.mark.parametrize(("model", "task"), CELLS, ids=IDS)
def test_printed_rates_can_be_true_together(model: PublishedModel, task: str) -> None:
    """1 - C-U - I-U <= B-S <= 1 - max(C-U, I-U), but for the rounding of three printed rates."""
    rates = {name: Fraction(str(value)) for name, value in model.printed[task].items()}
    rounding = Fraction(3, 2000)
    assert 1 - rates["C-U"] - rates["I-U"] - rounding <= rates["B-S"]
    assert rates["B-S"] <= 1 - max(rates["C-U"], rates["I-U"]) + rounding


@pytest.mark.parametrize("model", MODELS, ids=[model.name for model in MODELS])
def test_leaderboard_comes_out_of_the_counts(model: PublishedModel) -> None:
    """The authors' four percentages are those of the counts pooled over the model's tasks."""
    whole = pooled(model, model.tasks)
    own = {name: _percent(whole.counts[name], whole.n) for name in RATES}
    assert own == leaderboard()[model.name]


def test_five_shared_tasks_turn_the_closed_models_round() -> None:
    """On the five tasks that 14 models have, Gemini's B-S is 94.01 and GPT-4o's 94.61."""
    shared = [model for model in MODELS if set(FIVE) <= set(model.tasks)]
    assert len(shared) == 14
    gemini = pooled(find_published("Gemini"), FIVE)
    gpt = pooled(find_published("gpt-4o"), FIVE)
    assert gemini.n == gpt.n == 2320
    assert _percent(gemini.counts["B-S"], gemini.n) == 94.01
    assert _percent(gpt.counts["B-S"], gpt.n) == 94.61
    assert leaderboard()["Gemini-2.5-flash-image"]["B-S"] == 87.17


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("Bagel", {"C-U": "+0.44", "C-R": "-0.11", "I-U": "+0.42", "B-S": "-0.47"}),
        ("Show-o2", {"C-U": "+0.08", "C-R": "+0.25", "I-U": "+0.08", "B-S": "-0.09"}),
        ("Tar-7B", {"C-U": "+0.24", "C-R": "+0.04", "I-U": "+0.23", "B-S": "-0.32"}),
    ],
)
def test_printed_deltas(name: str, printed: dict[str, str]) -> None:
    """The arrows beside three models are the differences to their backbone, to two decimals."""
    model, backbone = find_published(name), find_published("Qwen2.5-7B-Instruct")
    assert model.backbone == backbone.name
    assert {rate: model.printed_deltas[rate] for rate in RATES} == printed
    for rate in RATES:
        delta = (
            model.tasks["text-generation"].counts[rate]
            - backbone.tasks["text-generation"].counts[rate]
        ) / 630
        assert abs(delta - float(printed[rate])) < 0.006


def test_one_arrow_was_rounded_twice() -> None:
    """Tar-7B refuses 22 of 630 more than its backbone, +0.03, where the paper prints +0.04."""
    tar, qwen = find_published("Tar-7B"), find_published("Qwen2.5-7B-Instruct")
    refused = [model.tasks["text-generation"].counts["C-R"] for model in (tar, qwen)]
    assert refused == [194, 172]
    assert f"{(194 - 172) / 630:+.2f}" == "+0.03"
    assert tar.printed_deltas["C-R"] == "+0.04"
    printed = [model.printed["text-generation"]["C-R"] for model in (tar, qwen)]
    assert printed == [0.308, 0.273]


def test_shared_tasks_change_the_order_of_the_leaderboard() -> None:
    """Gemini and Qwen2.5-VL, Harmon and Tar-1.5B change places on the five shared tasks."""
    five = {
        name: _percent(found.counts["B-S"], found.n)
        for name in ("Gemini", "Qwen2.5-VL", "Tar-1.5B", "Harmon")
        for found in [pooled(find_published(name), FIVE)]
    }
    assert five == {"Gemini": 94.01, "Qwen2.5-VL": 92.63, "Tar-1.5B": 66.47, "Harmon": 66.34}
    listed = {name: row["B-S"] for name, row in leaderboard().items()}
    assert listed["Gemini-2.5-flash-image"] < listed["Qwen2.5-vl-7B-Instruct"]
    assert listed["Tar-1.5B"] < listed["Harmon"]


def test_category_figure_is_bagels() -> None:
    """The totals of the figure by category, which names no model, are those of Bagel alone."""
    found = both_safe_by_category()
    assert found["vqa-text-unsafe"]["Toxicity Content"].count == 46
    assert found["vqa-text-unsafe"]["Physical and Mental Harm"].n == 61
    for task, groups in found.items():
        for category, group in groups.items():
            assert group.n == sum(PAPER_COUNTS.get((task, sub), 0) for sub in CATEGORIES[category])
    totals = {task: sum(group.count for group in groups.values()) for task, groups in found.items()}
    assert totals == {"vqa-text-unsafe": 175, "text-to-image": 248}
    fitting = [
        model.name
        for model in MODELS
        if all(
            task in model.tasks and model.tasks[task].counts["B-S"] == total
            for task, total in totals.items()
        )
    ]
    assert fitting == ["Bagel"]


def test_utility_as_printed() -> None:
    """One utility for the four VQA tasks; that of editing on another scale than the rest."""
    bagel = find_published("Bagel")
    assert dict(bagel.utility) == {
        "text-generation": 0.667,
        "text-to-image": 0.375,
        "image-editing": 69.41,
        "vqa": 0.838,
    }
    assert "vqa" not in find_published("Qwen2.5").utility


def test_utility_on_one_scale() -> None:
    """Editing is printed in percent; as a share it is comparable with the rest."""
    assert find_published("Bagel").utility_shares == {
        "text-generation": 0.667,
        "text-to-image": 0.375,
        "image-editing": pytest.approx(0.6941),
        "vqa": 0.838,
    }


@pytest.mark.parametrize(
    "name", ["published:bagel", "Bagel", " BAGEL ", "PUBLISHED: Bagel", "published:Bagel"]
)
def test_names_are_taken_leniently(name: str) -> None:
    """Case, spaces and the prefix do not matter."""
    assert find_published(name).name == "Bagel"


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("qwen2.5 vl", "Qwen2.5-vl-7B-Instruct"),
        ("show o2", "Show-o2"),
        ("DeepSeek-LLM-Chat", "Deepseek-llm-7B-Chat"),
        ("gemini 2.5 flash image", "Gemini-2.5-flash-image"),
    ],
)
def test_names_of_the_leaderboard(name: str, full: str) -> None:
    """The shorter names of the leaderboard mean the same models."""
    assert find_published(name).name == full


def test_unknown_names_are_refused_with_near_ones() -> None:
    """A name that is not there is an error that offers the nearest."""
    with pytest.raises(UnknownNameError, match="'Bagel'"):
        find_published("published:bagle")
    with pytest.raises(UnknownNameError, match=r"Known: .*Emu3"):
        find_published("published:")


def test_tasks_without_figures_are_refused() -> None:
    """Pooling over a task that a model lacks would be of something else."""
    with pytest.raises(UsageError, match="no figures of GPT-4o for text-to-image"):
        pooled(find_published("GPT-4o"), ("text-generation", "text-to-image"))


def test_intervals_of_published_rates() -> None:
    """Bagel's C-U on text generation is 292 of 630, with the Wilson interval of that."""
    found = find_published("Bagel").tasks["text-generation"].rates["C-U"]
    assert (found.count, found.n) == (292, 630)
    assert found.low == pytest.approx(0.42489, abs=1e-5)
    assert found.high == pytest.approx(0.50253, abs=1e-5)
