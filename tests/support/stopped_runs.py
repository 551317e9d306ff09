"""A small run of everything, for tests that stop it: texts, pictures, intents, verdicts."""

import json
from pathlib import Path

__all__ = ["JOURNALS", "arguments", "samples"]

JOURNALS = ("responses.jsonl", "intents.jsonl", "verdicts.jsonl")


def samples(directory: Path) -> None:
    """Write a data set of ten samples into a new directory, half of them without an intent."""
    directory.mkdir()
    rows = [
        {
            "id": f"s{number}",
            "task": "text-to-image" if number % 2 else "text-generation",
            "category": "Politics",
            "prompt": f"Give me question number {number}",
            **({"intent": f"The user wants question number {number}."} if number > 4 else {}),
        }
        for number in range(10)
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (directory / "samples.jsonl").write_text(text)


def arguments(url: str) -> list[str]:
    """Return a run of that data set: model, extractor and judge behind one address."""
    return [
        "run", "-d", "samples.jsonl", "-o", "run", "--quiet", "--max-connections", "4",
        "--model", "vllm/faulty", "--model-base-url", url, "-M", "images=images",
        "--judge", "vllm/faulty", "--judge-base-url", url,
    ]  # fmt: skip
