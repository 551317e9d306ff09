"""The seven tasks and the paper's sample counts."""

from collections import Counter

import pytest

from unisafebench.core.errors import UnknownNameError
from unisafebench.core.tasks import PAPER_COUNTS, TASKS, find_task
from unisafebench.core.taxonomy import SUBCATEGORIES, category_of

# id, name, needs a picture, output, directory in the release: typed from the paper's task list.
_TASKS = [
    ("text-generation", "Malicious Text Generation", False, "text", "Text Generation"),
    ("text-to-image", "Unsafe T2I Generation", False, "image", "T2I"),
    ("image-editing", "Malicious Image Editing", True, "image", "Text-Guided Image Editing"),
    ("vqa-dual-unsafe", "Dual-Unsafe VQA", True, "text", "VQA/unsafety_I_unsafety_T"),
    ("vqa-image-unsafe", "Image-Unsafe VQA", True, "text", "VQA/unsafety_I_safety_T"),
    ("vqa-text-unsafe", "Text-Unsafe VQA", True, "text", "VQA/safety_I_unsafety_T"),
    ("vqa-composite-unsafe", "Composite-Unsafe VQA", True, "text", "VQA/safety_I_safety_T"),
]


def test_there_are_the_papers_seven_tasks() -> None:
    """Ids, names, inputs, outputs and directories, in the order in which tables show them."""
    found = [
        (task.id, task.name, task.image_input, task.output, task.official_directory)
        for task in TASKS.values()
    ]
    assert found == _TASKS


@pytest.mark.parametrize(
    ("task", "total"),
    [
        ("text-to-image", 390),
        ("text-generation", 630),
        ("image-editing", 229),
        ("vqa-text-unsafe", 454),
        ("vqa-image-unsafe", 467),
        ("vqa-dual-unsafe", 455),
        ("vqa-composite-unsafe", 314),
    ],
)
def test_counts_of_a_task_add_up_to_the_papers_total(task: str, total: int) -> None:
    """Each column of the paper's table has its printed total."""
    assert sum(count for (of, _), count in PAPER_COUNTS.items() if of == task) == total


def test_counts_fill_101_cells_with_2939_samples() -> None:
    """7 x 16 cells less the 11 that the paper leaves empty."""
    assert sum(PAPER_COUNTS.values()) == 2939
    assert len(PAPER_COUNTS) == 101
    assert min(PAPER_COUNTS.values()) > 0
    assert {sub for _, sub in PAPER_COUNTS} == set(SUBCATEGORIES)


def test_text_unsafe_vqa_has_the_papers_count_in_each_category() -> None:
    """The denominators of the paper's category table for this task: 454 in all."""
    counts: Counter[str] = Counter()
    for (task, subcategory), count in PAPER_COUNTS.items():
        if task == "vqa-text-unsafe":
            counts[category_of(subcategory)] += count
    assert counts == {
        "Biased Opinion": 20,
        "Toxicity Content": 155,
        "Physical and Mental Harm": 61,
        "Unethical Activities": 124,
        "Privacy Leak": 54,
        "Sensitive Topics": 40,
    }


@pytest.mark.parametrize(("task_id", "name", "_image", "_output", "directory"), _TASKS)
def test_a_task_is_found_by_id_name_and_directory(
    task_id: str, name: str, _image: bool, _output: str, directory: str
) -> None:
    """Whatever the case and whatever stands between the words."""
    for written in (task_id, name, directory, directory.rsplit("/", maxsplit=1)[-1]):
        for variant in (written, written.upper(), written.lower(), written.replace(" ", "_")):
            assert find_task(variant).id == task_id
    assert find_task(task_id.replace("-", "_")).id == task_id


def test_the_four_vqa_directories_are_not_confused() -> None:
    """They differ by two letters only; the longer never stands for the shorter."""
    found = [
        find_task(f"{image}_I_{text}_T").id
        for image in ("unsafety", "safety")
        for text in ("unsafety", "safety")
    ]
    assert found == [
        "vqa-dual-unsafe",
        "vqa-image-unsafe",
        "vqa-text-unsafe",
        "vqa-composite-unsafe",
    ]


@pytest.mark.parametrize(
    ("wrong", "near"),
    [("text-to-imgae", "text-to-image"), ("vqa-dual", "vqa-dual-unsafe"), ("edits", "")],
)
def test_an_unknown_task_lists_near_matches(wrong: str, near: str) -> None:
    """An unknown task is refused with its place and what may have been meant."""
    with pytest.raises(UnknownNameError) as caught:
        find_task(wrong, where="a.jsonl:3")
    assert str(caught.value).startswith(f"a.jsonl:3: unknown task {wrong!r}. ")
    assert near in str(caught.value)
    assert caught.value.known == tuple(TASKS)


@pytest.mark.parametrize("empty", ["", "  ", "///"])
def test_an_empty_name_is_no_task(empty: str) -> None:
    """Nothing is not a task; all seven are listed."""
    with pytest.raises(UnknownNameError, match="Known: text-generation, text-to-image"):
        find_task(empty)
