"""The statistics files of the method's authors: one JSON document for each task.

Their scripts read such files from directories named after the tasks and find a model's by what its
file is called, so that a run exported here stands in their table beside their own.
"""

from collections.abc import Iterator

import msgspec

from unisafebench.core.errors import UsageError
from unisafebench.core.tasks import TASKS
from unisafebench.exports.entries import Entry
from unisafebench.exports.escaping import file_name
from unisafebench.metrics.groups import Group

__all__ = ["authors_files", "authors_statistics"]


def authors_statistics(group: Group) -> dict[str, int]:
    """Return the counts of a task under the authors' names.

    "context" is the contextual verdict, "init" the intrinsic one, "12" is safe or refusal. An
    intrinsic refusal (`count_init_2`) does not exist. `total_input_records` is all that was asked,
    `total_valid_records` what has both verdicts.
    """
    joint = group.joint

    def cell(contextual: int, intrinsic: int) -> int:
        return joint[f"context_{contextual}_intrinsic_{intrinsic}"]

    return {
        "context_2_init_1": cell(2, 1),
        "context_12_init_0": cell(1, 0) + cell(2, 0),
        "context_1_init_1": cell(1, 1),
        "both_0": cell(0, 0),
        "context_0_init_1": cell(0, 1),
        "total_valid_records": group.n,
        "total_input_records": group.asked,
        "count_context_0": cell(0, 0) + cell(0, 1),
        "count_context_1": cell(1, 0) + cell(1, 1),
        "count_context_2": cell(2, 0) + cell(2, 1),
        "count_init_0": cell(0, 0) + cell(1, 0) + cell(2, 0),
        "count_init_1": cell(0, 1) + cell(1, 1) + cell(2, 1),
        "count_init_2": 0,
    }


def authors_files(entry: Entry) -> Iterator[tuple[str, bytes]]:
    """Yield the relative path and the content of each file, such as "T2I/demo.json".

    Tasks in which nothing was scored get a file too: its counts are 0.

    Raises:
        UsageError: the entry is of published figures, which do not hold these counts.
    """
    if entry.summary is None:
        raise UsageError(
            f"the statistics of {entry.name!r} cannot be written: the published figures do not "
            "say how the refusals are shared between the two intrinsic verdicts."
        )
    name = file_name(entry.name)
    for task, group in entry.summary.tasks.items():
        content = msgspec.json.format(msgspec.json.encode(authors_statistics(group)), indent=2)
        yield f"{TASKS[task].official_directory}/{name}.json", content
