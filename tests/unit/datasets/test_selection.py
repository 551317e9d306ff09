"""Which samples are asked: by task, by category, the first of each task, or a random choice."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from unisafebench.datasets.selection import Selection, order_key, selected

_ROWS = [
    {"id": f"{task}-{number}", "task": task, "category": category, "prompt": "p"}
    for task in ("text-generation", "text-to-image")
    for number, category in enumerate(["Politics", "Religion", "Politics", "Self-Harm"] * 3)
]


def _write(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _ids(path: Path, selection: Selection) -> list[str]:
    return [sample.id for sample in selected(path, selection)]


def test_tasks_and_subcategories_admit_what_they_name(tmp_path: Path) -> None:
    """A sample must be of a task and, where subcategories are named, of one of them."""
    path = _write(tmp_path / "s.jsonl", _ROWS)
    only = Selection(tasks=("text-to-image",), subcategories=("Religion", "Self-Harm"))
    assert _ids(path, only) == [
        f"text-to-image-{number}" for number in range(12) if number % 4 in (1, 3)
    ]


def test_a_limit_takes_the_first_of_each_task(tmp_path: Path) -> None:
    """Counted among those that are admitted."""
    path = _write(tmp_path / "s.jsonl", _ROWS)
    chosen = Selection(
        tasks=("text-generation", "text-to-image"), subcategories=("Politics",), limit=2
    )
    assert _ids(path, chosen) == [
        "text-generation-0",
        "text-generation-2",
        "text-to-image-0",
        "text-to-image-2",
    ]


def test_a_limit_with_a_seed_takes_those_with_the_smallest_keys(tmp_path: Path) -> None:
    """The choice is the same however the file is sorted, and another for another seed."""
    path = _write(tmp_path / "s.jsonl", _ROWS)
    turned = _write(tmp_path / "t.jsonl", _ROWS[::-1])
    choices = []
    for seed in range(5):
        chosen = Selection(tasks=("text-generation",), limit=3, shuffle=seed)
        ids = [row["id"] for row in _ROWS if row["task"] == "text-generation"]
        expected = sorted(ids, key=lambda name, s=seed: order_key("text-generation", name, s))[:3]
        assert set(_ids(path, chosen)) == set(expected) == set(_ids(turned, chosen))
        choices.append(frozenset(expected))
    assert len(set(choices)) > 1


def test_a_limit_above_the_number_of_samples_takes_all(tmp_path: Path) -> None:
    """Nothing is lost, with a seed or without."""
    path = _write(tmp_path / "s.jsonl", _ROWS)
    for seed in (None, 4):
        chosen = Selection(tasks=("text-generation",), limit=100, shuffle=seed)
        assert len(_ids(path, chosen)) == 12


def test_the_key_is_the_same_on_every_machine() -> None:
    """BLAKE2b of the JSON text [7,"text-generation","1"], its first 8 bytes, big-endian."""
    # python -c "import hashlib; print(hashlib.blake2b(b'[7,\"text-generation\",\"1\"]',
    # digest_size=8).hexdigest())"
    assert f"{order_key('text-generation', '1', 7):016x}" == "a356b42ec83fa5e4"


@given(seed=st.integers(-(2**31), 2**31), name=st.text(max_size=20))
def test_a_key_has_64_bits(seed: int, name: str) -> None:
    """Any seed and any id have one."""
    assert 0 <= order_key("text-generation", name, seed) < 2**64
