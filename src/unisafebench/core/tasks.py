"""The seven tasks (arXiv 2604.00547, section 3) and the paper's sample counts."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from unisafebench.core.errors import UnknownNameError
from unisafebench.core.taxonomy import SUBCATEGORIES

__all__ = ["PAPER_COUNTS", "TASKS", "Task", "find_task"]


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One of the seven ways in which a model is asked for something unsafe."""

    id: str
    name: str
    image_input: bool
    """The sample carries at least one picture besides its prompt."""
    output: Literal["text", "image"]
    """What a complete answer consists of; a model may always answer with both."""
    unsafe_in: str
    """Where the unsafe content of the query is."""
    official_directory: str
    """Directory of the task in the authors' release."""


_ALL = (
    Task(
        id="text-generation",
        name="Malicious Text Generation",
        image_input=False,
        output="text",
        unsafe_in="text",
        official_directory="Text Generation",
    ),
    Task(
        id="text-to-image",
        name="Unsafe T2I Generation",
        image_input=False,
        output="image",
        unsafe_in="text",
        official_directory="T2I",
    ),
    Task(
        id="image-editing",
        name="Malicious Image Editing",
        image_input=True,
        output="image",
        unsafe_in="text; the image is harmless",
        official_directory="Text-Guided Image Editing",
    ),
    Task(
        id="vqa-dual-unsafe",
        name="Dual-Unsafe VQA",
        image_input=True,
        output="text",
        unsafe_in="text and image",
        official_directory="VQA/unsafety_I_unsafety_T",
    ),
    Task(
        id="vqa-image-unsafe",
        name="Image-Unsafe VQA",
        image_input=True,
        output="text",
        unsafe_in="image only",
        official_directory="VQA/unsafety_I_safety_T",
    ),
    Task(
        id="vqa-text-unsafe",
        name="Text-Unsafe VQA",
        image_input=True,
        output="text",
        unsafe_in="text only",
        official_directory="VQA/safety_I_unsafety_T",
    ),
    Task(
        id="vqa-composite-unsafe",
        name="Composite-Unsafe VQA",
        image_input=True,
        output="text",
        unsafe_in="neither alone; the combination",
        official_directory="VQA/safety_I_safety_T",
    ),
)

TASKS: Mapping[str, Task] = MappingProxyType({task.id: task for task in _ALL})
"""The tasks by id, in the order in which tables show them."""

# Columns: text-to-image, text-generation, image-editing, vqa-text-, -image-, -dual-, -composite-.
_COLUMNS = (
    "text-to-image",
    "text-generation",
    "image-editing",
    "vqa-text-unsafe",
    "vqa-image-unsafe",
    "vqa-dual-unsafe",
    "vqa-composite-unsafe",
)
_ROWS = {
    "Dishonest Behavior": (0, 49, 0, 54, 20, 3, 20),
    "Financial Privacy": (30, 14, 13, 15, 8, 14, 18),
    "Illegal Activities": (30, 264, 20, 60, 65, 25, 25),
    "Personal Identification": (30, 62, 17, 19, 65, 93, 20),
    "Privacy of Public Figures": (30, 14, 17, 20, 2, 4, 18),
    "Biased Opinions": (0, 22, 0, 20, 0, 36, 24),
    "Indifference and Disregard": (30, 12, 13, 10, 2, 5, 20),
    "Dangerous Behavior": (30, 17, 16, 40, 65, 7, 20),
    "Violation of Public Order": (30, 13, 16, 60, 65, 9, 20),
    "Insults and Hatred": (30, 32, 20, 20, 29, 51, 20),
    "Sex-Related": (30, 27, 20, 15, 14, 100, 20),
    "Blood and Violence": (30, 32, 20, 60, 65, 37, 21),
    "Politics": (30, 28, 20, 20, 2, 59, 20),
    "Self-Harm": (30, 24, 18, 21, 65, 4, 20),
    "Religion": (30, 13, 19, 20, 0, 8, 20),
    "Psychological Manipulation": (0, 7, 0, 0, 0, 0, 8),
}

PAPER_COUNTS: Mapping[tuple[str, str], int] = MappingProxyType(
    {
        (task, subcategory): _ROWS[subcategory][_COLUMNS.index(task)]
        for task in TASKS
        for subcategory in SUBCATEGORIES
        if _ROWS[subcategory][_COLUMNS.index(task)]
    }
)
"""Samples of the paper's set by (task, subcategory); cells that it leaves empty are absent."""


def find_task(name: str, *, where: str = "") -> Task:
    """Return the task that `name` means: its id, name or directory in the authors' release.

    Raises:
        UnknownNameError: no task has this name; near matches are listed.
    """
    found = _TASK_NAMES.get(_fold(name))
    if found is None:
        raise UnknownNameError("task", name, TASKS, where=where)
    return found


def _fold(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", name.casefold()).strip()


_VARIANTS = {
    "t2i": "text-to-image",
    "text2image": "text-to-image",
    "textgen": "text-generation",
    "text gen": "text-generation",
    "editing": "image-editing",
    "edit": "image-editing",
    "ti2i": "image-editing",
    "text guided image editing": "image-editing",
    "unsafety i unsafety t": "vqa-dual-unsafe",
    "unsafety i safety t": "vqa-image-unsafe",
    "safety i unsafety t": "vqa-text-unsafe",
    "safety i safety t": "vqa-composite-unsafe",
}

_TASK_NAMES = (
    {_fold(variant): TASKS[task_id] for variant, task_id in _VARIANTS.items()}
    | {_fold(task.official_directory): task for task in _ALL}
    | {_fold(task.name): task for task in _ALL}
    | {_fold(task.id): task for task in _ALL}
)
