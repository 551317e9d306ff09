"""The stand-in over the built-in data set: every path of a run is there, judges fail rarely."""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import count

import pytest

from unisafebench.core.records import Sample
from unisafebench.core.tasks import TASKS
from unisafebench.datasets.builtin import resolve_dataset
from unisafebench.datasets.samples import read_samples
from unisafebench.media.pictures import check_picture, read_picture
from unisafebench.models.base import ModelError, Output, Request
from unisafebench.models.demo import create
from unisafebench.models.demo.behaviours import ANSWER_SHARES, Behaviour, choose
from unisafebench.testing import example_requests

B = Behaviour

_ONCE = {
    "text-generation": {B.FOREIGN_SCRIPT, B.NO_WORDS},
    "text-to-image": {B.HUGE_PICTURE},
}
"""Answers that no offline judge can score: exactly one of each, on an unsafe sample."""

_AT_LEAST_ONCE = {
    "text-generation": {B.BLOCKED_INPUT, B.BLOCKED_OUTPUT, B.REFUSAL_THEN_UNSAFE, B.MODEL_ERROR},
    "text-to-image": {B.PLACEHOLDER, B.PLACEHOLDER_PIXEL, B.WORDS_ONLY, B.BLOCKED_INPUT},
    "image-editing": {B.UNREADABLE_INPUT, B.WORDS_ONLY, B.PLACEHOLDER, B.MIXED_UNSAFE},
    "vqa-dual-unsafe": {B.CUT_OFF, B.NOTHING, B.MIXED_SAFE},
    "vqa-image-unsafe": {B.BLOCKED_OUTPUT, B.MODEL_ERROR, B.REFUSAL_THEN_SAFE},
    "vqa-text-unsafe": {B.MIXED_UNSAFE, B.NOTHING, B.REFUSAL_THEN_SAFE},
    "vqa-composite-unsafe": {B.BLOCKED_INPUT, B.UNREADABLE_INPUT, B.REFUSAL_THEN_UNSAFE},
}
_ON_UNSAFE_SAMPLES = {B.UNSAFE: 3, B.SAFE: 3, B.REFUSAL: 2}
"""The least number of each plain answer on a task's samples other than twins."""

_WITHOUT_CONTENT = {
    B.BLOCKED_INPUT,
    B.BLOCKED_OUTPUT,
    B.PLACEHOLDER,
    B.PLACEHOLDER_PIXEL,
    B.NOTHING,
    B.CUT_OFF,
    B.MODEL_ERROR,
    B.UNREADABLE_INPUT,
}


def _starter() -> dict[str, list[Sample]]:
    _, path = resolve_dataset("starter")
    by_task: dict[str, list[Sample]] = {task: [] for task in TASKS}
    for sample in read_samples(path):
        by_task[sample.task].append(sample)
    return by_task


def _flaws(task: str, samples: list[Sample], edition: int | None) -> Iterator[str]:
    """Say what the behaviours over a task's samples lack."""
    kinds = {s.id: choose(task, s.id, s.prompt, edition=edition) for s in samples}
    all_of = Counter(kinds.values())
    unsafe = Counter(kinds[s.id] for s in samples if s.twin_of is None)
    once = _ONCE.get(task, set())
    yield from (f"{kind} does not occur once" for kind in once if all_of[kind] != 1)
    yield from (f"{kind} occurs on a twin" for kind in once if not unsafe[kind])
    yield from (f"{kind} does not occur" for kind in _AT_LEAST_ONCE[task] if not all_of[kind])
    yield from (f"{kind} occurs more than twice" for kind in _WITHOUT_CONTENT if all_of[kind] > 2)
    for kind, least in _ON_UNSAFE_SAMPLES.items():
        if unsafe[kind] < least:
            yield f"{kind} occurs {unsafe[kind]} times on unsafe samples"
    if sum(all_of[kind] for kind in _WITHOUT_CONTENT) > len(samples) / 5:
        yield "more than a fifth has no content"
    examples = [request.sample for request in example_requests(TASKS[task])]
    if not {choose(task, s.id, s.prompt, edition=edition) for s in examples} & {B.UNSAFE, B.SAFE}:
        yield "no example of the conformance check gets what it asks for"


@pytest.mark.parametrize("task", TASKS)
def test_each_task_meets_its_kinds_of_answer(task: str) -> None:
    """Unsafe, safe and refused in each task; what no judge can score once, elsewhere never."""
    samples = _starter()[task]
    flaws = list(_flaws(task, samples, None))
    if flaws:
        edition = next(n for n in count() if not any(_flaws(task, samples, n)))
        pytest.fail(f"{task}: {flaws}. Set its number in demo.behaviours._EDITIONS to {edition}.")


def test_every_behaviour_appears() -> None:
    """The built-in data set shows everything that the stand-in can do."""
    seen = {
        choose(task, sample.id, sample.prompt)
        for task, samples in _starter().items()
        for sample in samples
    }
    assert seen == set(Behaviour)


def test_unscorable_answers_are_kept_to_their_tasks() -> None:
    """Only two tasks have any, so that the figures of the others can be reported."""
    for task in TASKS:
        rare = {B.FOREIGN_SCRIPT, B.NO_WORDS, B.HUGE_PICTURE} & set(ANSWER_SHARES[task])
        assert rare == _ONCE.get(task, set())


async def test_the_whole_set_is_answered() -> None:
    """Every sample ends in one of the ways that a run knows, and each way occurs."""
    _, path = resolve_dataset("starter")
    model = create("demo", {})
    endings: Counter[str] = Counter()
    for samples in _starter().values():
        for sample in samples:
            pictures = tuple(read_picture(path.parent / image) for image in sample.images)
            request = Request(sample=sample, task=TASKS[sample.task], pictures=pictures)
            try:
                output = await model.generate(request)
            except ModelError:
                endings["model_error"] += 1
                continue
            endings[_ending(output)] += 1
    assert set(endings) == {
        "text",
        "picture",
        "text and picture",
        "placeholder",
        "blocked input",
        "blocked output",
        "empty: stop",
        "empty: length",
        "invalid_input",
        "model_error",
    }


def _ending(output: Output) -> str:
    if output.status == "blocked":
        return f"blocked {output.blocked_side}"
    if output.status != "completed":
        return output.status
    if any(check_picture(image).flaw for image in output.images):
        return "placeholder"
    given: Mapping[tuple[bool, bool], str] = {
        (True, True): "text and picture",
        (True, False): "text",
        (False, True): "picture",
        (False, False): f"empty: {output.stop_reason}",
    }
    return given[bool(output.text), bool(output.images)]
