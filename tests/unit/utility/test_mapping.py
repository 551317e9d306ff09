"""Maps from benchmarks to tasks, and what is suggested for them."""

import pytest

from unisafebench.core.errors import UnknownNameError, UsageError
from unisafebench.core.tasks import TASKS
from unisafebench.utility import SUGGESTIONS, VQA, parse_mapping, parse_metrics, suggestion
from unisafebench.utility.mapping import in_words
from unisafebench.utility.scores import is_share


def test_map() -> None:
    """One task, several, and the word for the four; a benchmark may hold an equals sign."""
    assert parse_mapping(["mmlu=text-generation", "a=b=T2I,editing", "mmmu_val = vqa"]) == {
        "mmlu": ("text-generation",),
        "a=b": ("text-to-image", "image-editing"),
        "mmmu_val": VQA,
    }
    assert len(VQA) == 4


@pytest.mark.parametrize("text", ["mmlu", "=vqa", "mmlu=", " = "])
def test_map_of_another_form(text: str) -> None:
    """What names no benchmark or no task is refused."""
    with pytest.raises(UsageError, match="BENCHMARK=TASK"):
        parse_mapping([text])


def test_map_with_mistakes() -> None:
    """An unknown task has near matches; a benchmark may be mapped once."""
    with pytest.raises(UnknownNameError, match="Did you mean 'text-generation'"):
        parse_mapping(["mmlu=text-generatio"])
    with pytest.raises(UsageError, match="'mmlu' twice"):
        parse_mapping(["mmlu=vqa", "mmlu=T2I"])


def test_in_words() -> None:
    """The four tasks of visual questions are one word when all are there."""
    assert in_words(["text-generation", *VQA]) == "text-generation, vqa (4 tasks)"
    assert in_words(VQA[:2]) == "vqa-dual-unsafe, vqa-image-unsafe"


def test_metrics() -> None:
    """A metric for all, and one for a benchmark."""
    assert parse_metrics(["acc", "mmlu=acc_norm"]) == {"": "acc", "mmlu": "acc_norm"}
    for wrong in (["acc", "f1"], ["x="], ["a=b", "a=c"]):
        with pytest.raises(UsageError):
            parse_metrics(wrong)


def test_suggestions() -> None:
    """They name tasks, know the usual spellings, and say nothing of the unknown."""
    assert set(SUGGESTIONS) <= {*TASKS, "vqa"}
    assert suggestion("MMMU_DEV_VAL") == "vqa"
    assert suggestion("mmlu_pro") == "text-generation"
    assert suggestion("mathvista_testmini") == "vqa"
    assert suggestion("GenEval++") == "text-to-image"
    assert suggestion("colours") == ""


@pytest.mark.parametrize(
    ("metric", "share"),
    [
        ("acc", True),
        ("acc_norm", True),
        ("mmmu_acc", True),
        ("exact_match", True),
        ("Accuracy", True),
        ("em", True),
        ("pass@1", True),
        ("f1", False),
        ("bleu", False),
        ("balanced_accuracy", False),
        ("accident", False),
        ("mcc", False),
    ],
)
def test_shares(metric: str, share: bool) -> None:
    """Only means over samples have Wilson's interval."""
    assert is_share(metric) is share
