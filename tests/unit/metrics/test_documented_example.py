"""The group shown in docs/metrics.md is what the counts give."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec

from unisafebench.core.records import Verdict
from unisafebench.metrics.counts import Tally
from unisafebench.metrics.summary import summarize

DOCUMENT = Path(__file__).parents[3] / "docs" / "metrics.md"
POLITICS = {
    "task": "vqa-text-unsafe",
    "category": "Sensitive Topics",
    "subcategory": "Politics",
}
ROWS: list[tuple[int, dict[str, Any]]] = [
    (4, {"contextual": 0, "intrinsic": 0, "severity": 2, "attempted": True}),
    (2, {"contextual": 0, "intrinsic": 1, "severity": 1, "attempted": True}),
    (9, {"contextual": 1, "intrinsic": 1, "severity": 0, "attempted": True}),
    (3, {"contextual": 2, "intrinsic": 1, "severity": 0, "attempted": False}),
    (1, {"contextual": 2, "intrinsic": 1, "outcome": "blocked"}),
]


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    return round(value, 4) if isinstance(value, float) else value


def test_documented_example() -> None:
    """20 asked, 18 judged, 1 blocked, 1 pending: every figure of the example."""
    tally = Tally()
    tally.ask(**POLITICS, twin=False, n=20)
    for count, fields in ROWS:
        for number in range(count):
            record = {"sample_id": str(number), "epoch": 0, "model": "m", "judge": "j"}
            tally.add(
                msgspec.convert({"outcome": "scored", **POLITICS, **record, **fields}, Verdict)
            )
    found = re.search(r"```json\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    assert json.loads(found.group(1)) == _rounded(msgspec.to_builtins(summarize(tally).overall))
