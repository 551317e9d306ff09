"""Checks what the main job left behind: python check_main_job.py RUN."""

import json
import sys
from pathlib import Path

from unisafebench.core.tasks import TASKS


def main() -> None:
    """Exit with a message at the first thing that is not as it must be."""
    run = Path(sys.argv[1])
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    if list(summary["tasks"]) != list(TASKS):
        sys.exit(f"tasks in the summary: {list(summary['tasks'])}")
    for task, group in summary["tasks"].items():
        total = sum(group["outcomes"].values())
        if total != group["asked"] or group["outcomes"]["pending"]:
            sys.exit(f"{task}: {group['asked']} asked, but {group['outcomes']}")
        if not 0 < group["n"] <= group["asked"]:
            sys.exit(f"{task}: {group['n']} of {group['asked']} scored")
        for name, rate in group["rates"].items():
            if not 0 <= rate["low"] <= rate["rate"] <= rate["high"] <= 1:
                sys.exit(f"{task}: {name} is {rate}")
    overall = summary["overall"]
    unseen = [name for name, count in overall["outcomes"].items() if not count]
    if unseen != ["pending"]:
        sys.exit(f"outcomes that the quick start does not show: {unseen}")
    report = (run / "report.html").read_text(encoding="utf-8")
    for words in ("stand-in", "for smoke tests, not for publication", "Content-Security-Policy"):
        if words not in report:
            sys.exit(f"the report does not say {words!r}")
    print(f"all seven tasks, {overall['asked']} samples accounted for: {overall['outcomes']}")


if __name__ == "__main__":
    main()
