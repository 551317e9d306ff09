"""Comparisons whose differences were planted and are known by hand."""

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written_runs import Marks, make_sample, write_run

from unisafebench.comparisons.compare import Source, compare
from unisafebench.comparisons.families import Family
from unisafebench.comparisons.identity import ComparisonMismatchError
from unisafebench.comparisons.reading import read_run
from unisafebench.comparisons.result import Flip, RateDelta
from unisafebench.core.errors import UsageError
from unisafebench.core.records import Sample
from unisafebench.core.tasks import TASKS
from unisafebench.core.taxonomy import SUBCATEGORIES
from unisafebench.metrics.clustered import ClusteredDifference
from unisafebench.metrics.paired import PairedDifference, UnpairedDifference
from unisafebench.published.load import find_published

Decide = Callable[[Sample, int], Marks | None]

UNSAFE: Marks = {"contextual": 0, "intrinsic": 0}
SAFE: Marks = {"contextual": 1, "intrinsic": 1}
REFUSAL: Marks = {"contextual": 2, "intrinsic": 1}
FAILED: Marks = {"outcome": "judge_error", "decided_by": None}


def _source(path: Path, samples: Sequence[Sample], decide: Decide, **fields: Any) -> Source:
    run = read_run(write_run(path, samples, decide, **fields), path.name)
    return run.label, run


def _from(first_unsafe: int, end: int) -> Decide:
    """Return verdicts that are unsafe for the samples numbered first_unsafe to end - 1."""
    return lambda sample, _: UNSAFE if first_unsafe <= int(sample.id) < end else SAFE


def _paired(delta: RateDelta) -> PairedDifference:
    assert isinstance(delta.difference, PairedDifference)
    return delta.difference


def test_planted_differences_are_found_exactly(tmp_path: Path) -> None:
    """20 samples, 4 and 10 unsafe with 3 of them in common: 1 flips down, 7 flip up."""
    samples = [make_sample(number) for number in range(20)]
    first = _source(tmp_path / "a", samples, _from(0, 4))
    second = _source(tmp_path / "b", samples, _from(1, 11))
    found = compare([first, second])
    (pair,) = found.pairs
    assert (pair.first, pair.second, pair.mark) == ("a", "b", "paired")
    assert pair.shared_tasks == ("text-generation",)
    delta = pair.overall.rates["C-U"]
    assert (delta.first.count, delta.second.count, delta.first.n) == (4, 10, 20)
    difference = _paired(delta)
    assert difference.delta == pytest.approx(6 / 20)
    assert (difference.flipped_up, difference.flipped_down) == (7, 1)
    # Exact McNemar: 2 (C(8, 0) + C(8, 1)) / 2^8.
    assert difference.p_value == pytest.approx(18 / 256)
    assert difference.low < 0.3 < difference.high
    # Holm over C-U, C-R, I-U, B-S: three equal p-values and one of 1.
    assert delta.p_adjusted == pytest.approx(4 * 18 / 256)
    assert pair.overall.rates["C-R"].p_adjusted == 1
    assert _paired(pair.overall.rates["B-S"]).delta == pytest.approx(-6 / 20)
    assert pair.flips["C-U"].only_first == (Flip("text-generation", "000000"),)
    assert [flip.sample_id for flip in pair.flips["C-U"].only_second] == [
        f"{number:06d}" for number in range(4, 11)
    ]
    assert not found.incomplete


def test_only_samples_that_both_scored_are_compared(tmp_path: Path) -> None:
    """What one run left unscored is in neither rate, and counted."""
    samples = [make_sample(number) for number in range(10)]

    def half(sample: Sample, _: int) -> Marks:
        return FAILED if int(sample.id) < 5 else UNSAFE

    first = _source(tmp_path / "a", samples, _from(0, 5))
    second = _source(tmp_path / "b", samples, half)
    found = compare([first, second])
    delta = found.pairs[0].overall.rates["C-U"]
    assert (delta.first.count, delta.first.n) == (0, 5)
    assert (delta.second.count, delta.second.n) == (5, 5)
    left = found.pairs[0].overall.left_out
    assert left is not None
    assert left.unscored_second == {"judge_error": 5}
    assert found.incomplete
    assert any("Not reportable: text-generation of b" in caution for caution in found.cautions)


def test_groups_by_task_category_and_subcategory(tmp_path: Path) -> None:
    """Groups without a pair that is scored have no rate, N = 0, and no p-value."""
    samples = [
        make_sample(0, "text-generation", "Politics"),
        make_sample(1, "text-generation", "Religion"),
        make_sample(2, "text-to-image", "Religion"),
        make_sample(3, "image-editing", "Self-Harm"),
    ]
    first = _source(tmp_path / "a", samples, lambda *_: SAFE)
    second = _source(
        tmp_path / "b", samples, lambda sample, _: FAILED if sample.id == "000003" else UNSAFE
    )
    (pair,) = compare([first, second]).pairs
    sizes = {name: group.rates["C-U"].second.n for name, group in pair.tasks.items()}
    assert sizes == {"text-generation": 2, "text-to-image": 1, "image-editing": 0}
    assert {name: group.rates["C-U"].second.n for name, group in pair.categories.items()} == {
        "Physical and Mental Harm": 0,
        "Sensitive Topics": 3,
    }
    assert {name: group.rates["C-U"].second.n for name, group in pair.subcategories.items()} == {
        "Self-Harm": 0,
        "Politics": 1,
        "Religion": 2,
    }
    nothing = pair.tasks["image-editing"].rates["B-S"]
    assert nothing.first.rate is None
    assert nothing.difference is None
    assert nothing.p_adjusted is None


def test_each_run_is_compared_with_the_baseline(tmp_path: Path) -> None:
    """With three runs there are two comparisons, and Holm's family is over both."""
    samples = [make_sample(number) for number in range(8)]
    sources = [
        _source(tmp_path / "a", samples, _from(0, 0)),
        _source(tmp_path / "b", samples, _from(0, 8)),
        _source(tmp_path / "c", samples, _from(0, 0)),
    ]
    found = compare(sources, baseline=1)
    assert [(pair.first, pair.second) for pair in found.pairs] == [("b", "a"), ("b", "c")]
    delta = found.pairs[0].overall.rates["C-U"]
    # Two-sided 2 / 2^8, the smallest of the eight p-values of two comparisons.
    assert _paired(delta).p_value == pytest.approx(2 / 256)
    assert delta.p_adjusted == pytest.approx(8 * 2 / 256)


def test_twins_enter_no_unsafe_rate(tmp_path: Path) -> None:
    """Twins are compared by refusals alone; the balanced score sets them against C-R."""
    unsafe = [make_sample(number) for number in range(10)]
    twins = [make_sample(100 + number, twin_of=f"{number:06d}") for number in range(10)]

    def careful(sample: Sample, _: int) -> Marks:
        return REFUSAL if sample.twin_of is None or int(sample.id) < 106 else UNSAFE

    def careless(sample: Sample, _: int) -> Marks:
        return REFUSAL if int(sample.id) in {0, 1, 100} else SAFE

    first = _source(tmp_path / "a", [*unsafe, *twins], careful)
    second = _source(tmp_path / "b", [*unsafe, *twins], careless)
    (pair,) = compare([first, second]).pairs
    assert pair.overall.rates["C-U"].first.n == 10
    assert pair.overall.rates["C-U"].first.count == 0
    found = pair.twins["overall"]
    assert (found.refusal.first.count, found.refusal.second.count) == (6, 1)
    assert _paired(found.refusal).p_value == pytest.approx(2 / 32)
    score = found.balanced
    assert score.first == pytest.approx(0.4)
    assert score.second == pytest.approx(0.1)
    assert score.delta == pytest.approx(-0.3)
    assert score.low is not None
    assert score.high is not None
    assert score.low < -0.3 < score.high
    assert (found.unsafe["C-R"].first.count, found.unsafe["C-R"].second.count) == (10, 2)
    assert not any(flip.sample_id >= "000100" for flip in pair.flips["C-R"].only_first)


def test_attempted_and_severity_stand_beside_the_rates(tmp_path: Path) -> None:
    """Rates of attempted responses only, and the mean severity, of the compared samples."""
    samples = [make_sample(number) for number in range(4)]

    def weak(sample: Sample, _: int) -> Marks:
        tried = sample.id == "000000"
        return {**(UNSAFE if tried else SAFE), "attempted": tried, "severity": 2 if tried else 0}

    (pair,) = compare(
        [_source(tmp_path / "a", samples, _from(0, 4)), _source(tmp_path / "b", samples, weak)]
    ).pairs
    assert pair.overall.beside is not None
    beside = pair.overall.beside[1]
    assert (beside.attempted.n, beside.attempted.marked) == (1, 4)
    assert beside.attempted.c_u.rate == 1
    assert (beside.mean_severity, beside.severity_n) == (0.5, 4)
    assert pair.overall.beside[0].mean_severity is None


def test_several_epochs_are_clustered_by_sample(tmp_path: Path) -> None:
    """Three responses to each of four samples are four observations, not twelve."""
    samples = [make_sample(number) for number in range(4)]
    first = _source(tmp_path / "a", samples, lambda *_: SAFE, epochs=3)
    second = _source(tmp_path / "b", samples, lambda *_: UNSAFE, epochs=3)
    (pair,) = compare([first, second]).pairs
    delta = pair.overall.rates["C-U"]
    assert (delta.second.count, delta.second.n) == (12, 12)
    assert isinstance(delta.difference, ClusteredDifference)
    assert delta.difference.n == 4
    assert delta.difference.delta == 1
    assert delta.difference.p_value == pytest.approx(2 / 2**4)
    assert pair.flips["C-U"].only_second[1] == Flip("text-generation", "000000", 1)


def test_other_numbers_of_epochs_are_said(tmp_path: Path) -> None:
    """Only the epochs that both have are compared, and a caution says so."""
    samples = [make_sample(number) for number in range(3)]
    first = _source(tmp_path / "a", samples, lambda *_: SAFE, epochs=2)
    second = _source(tmp_path / "b", samples, lambda *_: SAFE)
    found = compare([first, second])
    assert found.pairs[0].overall.rates["C-U"].first.n == 3
    assert any("2 in a, 1 in b: only the first 1" in caution for caution in found.cautions)


def test_runs_made_in_other_ways_are_refused_or_marked(tmp_path: Path) -> None:
    """Differences stop the comparison; allowed, they are shown with the result."""
    samples = [make_sample(number) for number in range(3)]
    first = _source(tmp_path / "a", samples, lambda *_: SAFE)
    second = _source(tmp_path / "b", samples, lambda *_: SAFE, protocol="paper")
    with pytest.raises(ComparisonMismatchError, match="protocol: a has strict, b has paper"):
        compare([first, second])
    found = compare([first, second], allow_different=True)
    assert [each.what for each in found.pairs[0].differences] == ["protocol"]
    assert any("protocol is strict in a and paper in b" in caution for caution in found.cautions)


def test_one_source_is_refused(tmp_path: Path) -> None:
    """There is nothing to compare it with."""
    with pytest.raises(UsageError, match="one run alone"):
        compare([_source(tmp_path / "a", [make_sample(0)], lambda *_: SAFE)])


def test_nothing_in_common_is_refused(tmp_path: Path) -> None:
    """Other samples, or none that both scored, give no comparison."""
    first = _source(tmp_path / "a", [make_sample(0)], lambda *_: SAFE)
    other = _source(tmp_path / "b", [make_sample(1, "text-to-image")], lambda *_: SAFE)
    failed = _source(tmp_path / "c", [make_sample(0)], lambda *_: FAILED)
    with pytest.raises(UsageError, match="no sample in common"):
        compare([first, other])
    with pytest.raises(UsageError, match="1 responses in common, but none that is scored"):
        compare([first, failed])
    with pytest.raises(UsageError, match="have no task in common"):
        compare([other, ("Qwen2.5", find_published("Qwen2.5"))])


def test_published_results_are_compared_unpaired(tmp_path: Path) -> None:
    """Bagel less Qwen2.5 on text generation: +0.44, -0.11, +0.42, -0.47, as the paper prints."""
    qwen, bagel = find_published("Qwen2.5-7B-Instruct"), find_published("Bagel")
    found = compare([("Qwen", qwen), ("Bagel", bagel)])
    (pair,) = found.pairs
    assert not pair.paired
    assert pair.mark == "published, unpaired"
    assert pair.shared_tasks == ("text-generation",)
    deltas = {name: delta.difference for name, delta in pair.tasks["text-generation"].rates.items()}
    assert {name: round(each.delta, 2) for name, each in deltas.items() if each} == {
        "C-U": 0.44,
        "C-R": -0.11,
        "I-U": 0.42,
        "B-S": -0.47,
    }
    assert all(isinstance(each, UnpairedDifference) for each in deltas.values())
    assert pair.flips == {}
    own = _source(tmp_path / "a", [make_sample(number) for number in range(6)], _from(0, 3))
    delta = compare([own, ("Bagel", bagel)]).pairs[0].overall.rates["C-U"]
    assert (delta.first.count, delta.first.n) == (3, 6)
    assert (delta.second.count, delta.second.n) == (292, 630)


def test_cost_of_unification(tmp_path: Path) -> None:
    """The unified model less its language model, paired, on the task that both have."""
    texts = [make_sample(number) for number in range(8)]
    unified = _source(
        tmp_path / "u", [*texts, make_sample(9, "text-to-image")], _from(0, 8), model="vllm/mine"
    )
    backbone = _source(tmp_path / "l", texts, lambda *_: REFUSAL, model="vllm/org/base")
    family = Family(unified="Mine", counterparts=(("llm", "base"), ("vlm", "absent")))
    found = compare([unified, backbone], families=[family])
    (cost,) = found.cost
    assert (cost.unified, cost.counterpart, cost.relation) == ("u", "l", "llm")
    assert list(cost.tasks) == ["text-generation"]
    rates = cost.tasks["text-generation"].rates
    assert {name: _paired(delta).delta for name, delta in rates.items()} == {
        "C-U": 1,
        "C-R": -1,
        "I-U": 1,
        "B-S": -1,
    }
    assert rates["C-U"].p_adjusted == pytest.approx(4 * 2 / 256)


def test_ranking_is_on_shared_tasks_only() -> None:
    """Gemini and GPT-4o are ranked on the five tasks that both have, and GPT-4o comes first."""
    gemini, gpt = find_published("Gemini"), find_published("GPT-4o")
    found = compare([("Gemini", gemini), ("GPT-4o", gpt)]).ranking
    assert len(found.tasks) == 5
    assert "text-to-image" not in found.tasks
    assert [(place.place, place.label) for place in found.places] == [(1, "GPT-4o"), (2, "Gemini")]
    shares = [place.rates["B-S"].rate for place in found.places]
    assert shares == [pytest.approx(0.9461, abs=5e-5), pytest.approx(0.9401, abs=5e-5)]


def test_runs_are_ranked_on_the_same_samples(tmp_path: Path) -> None:
    """A sample that one run left unscored is in no run's place; equal rates share one."""
    samples = [make_sample(number) for number in range(4)]

    def lucky(sample: Sample, _: int) -> Marks:
        return FAILED if sample.id == "000000" else SAFE

    sources = [
        _source(tmp_path / "a", samples, _from(0, 1)),
        _source(tmp_path / "b", samples, lucky),
        _source(tmp_path / "c", samples, _from(0, 4)),
    ]
    found = compare(sources).ranking
    assert [(place.place, place.label) for place in found.places] == [(1, "a"), (1, "b"), (3, "c")]
    assert [place.rates["B-S"].n for place in found.places] == [3, 3, 3]


def test_without_a_shared_task_there_is_no_ranking(tmp_path: Path) -> None:
    """Three that share tasks with the baseline only have no figure in common."""
    both = [make_sample(0), make_sample(1, "text-to-image")]
    sources = [
        _source(tmp_path / "a", both, lambda *_: SAFE),
        _source(tmp_path / "b", both[:1], lambda *_: SAFE),
        _source(tmp_path / "c", both[1:], lambda *_: SAFE),
    ]
    assert compare(sources).ranking.places == ()


@given(
    cells=st.lists(
        st.tuples(
            st.sampled_from(list(TASKS)),
            st.sampled_from(SUBCATEGORIES),
            st.sampled_from([UNSAFE, SAFE, REFUSAL, FAILED]),
            st.sampled_from([UNSAFE, SAFE, REFUSAL, FAILED]),
        ),
        max_size=25,
    ),
    order=st.randoms(use_true_random=False),
)
@settings(max_examples=30, deadline=None)
def test_groups_add_up_and_order_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory,
    cells: list[tuple[str, str, Marks, Marks]],
    order: Random,
) -> None:
    """Tasks, categories and subcategories sum to the whole; shuffled samples give the same."""
    directory = tmp_path_factory.mktemp("runs")
    whole = [("text-generation", "Politics", SAFE, SAFE), *cells]
    samples = [make_sample(at, task, sub) for at, (task, sub, *_) in enumerate(whole)]
    first = _source(directory / "a", samples, lambda sample, _: whole[int(sample.id)][2])
    second = _source(directory / "b", samples, lambda sample, _: whole[int(sample.id)][3])
    found = compare([first, second])
    (pair,) = found.pairs
    for name, delta in pair.overall.rates.items():
        difference = _paired(delta)
        assert difference.flipped_up - difference.flipped_down == (
            delta.second.count - delta.first.count
        )
        assert difference.low <= difference.delta <= difference.high
        assert delta.p_adjusted is not None
        assert difference.p_value <= delta.p_adjusted <= 1
        for groups in (pair.tasks, pair.categories, pair.subcategories):
            for side in ("first", "second"):
                parts = [getattr(group.rates[name], side) for group in groups.values()]
                total = getattr(delta, side)
                assert sum(part.count for part in parts) == total.count
                assert sum(part.n for part in parts) == total.n
    order.shuffle(samples)
    other = _source(directory / "c" / "b", samples, lambda sample, _: whole[int(sample.id)][3])
    (again,) = compare([first, other]).pairs
    assert again == pair


def test_swapping_two_runs_mirrors_the_result(tmp_path: Path) -> None:
    """Deltas change their sign, intervals are mirrored, p-values stay."""
    samples = [make_sample(number) for number in range(30)]
    sources = [
        _source(tmp_path / "a", samples, _from(0, 10)),
        _source(tmp_path / "b", samples, _from(6, 25)),
    ]
    one = _paired(compare(sources).pairs[0].overall.rates["B-S"])
    other = _paired(compare(sources, baseline=1).pairs[0].overall.rates["B-S"])
    assert one.delta == -other.delta
    assert one.low == pytest.approx(-other.high)
    assert one.high == pytest.approx(-other.low)
    assert one.p_value == pytest.approx(other.p_value)
