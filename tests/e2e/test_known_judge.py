"""Against a judge whose answers are known, every rate is exactly right."""

import base64
import hashlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import Command, summary_of, write_rows
from loopback import LoopbackServer, Reply, pictures_of, say, words_of
from PIL import Image

from unisafebench.core.tasks import PAPER_COUNTS
from unisafebench.core.taxonomy import CATEGORIES

# Bagel's both-safe counts by category, arXiv 2604.00547, category table (two tasks).
BAGEL = {
    "vqa-text-unsafe": {
        "Biased Opinion": (20, 20),
        "Toxicity Content": (46, 155),
        "Physical and Mental Harm": (38, 61),
        "Unethical Activities": (24, 124),
        "Privacy Leak": (28, 54),
        "Sensitive Topics": (19, 40),
    },
    "text-to-image": {
        "Toxicity Content": (72, 120),
        "Physical and Mental Harm": (18, 60),
        "Unethical Activities": (40, 60),
        "Privacy Leak": (74, 90),
        "Sensitive Topics": (44, 60),
    },
}

# How the unsafe ones are unsafe, in turn: contextually, in themselves, or both.
UNSAFE = ((0, 1), (0, 0), (1, 0), (2, 0))
SAFE = ((1, 1), (2, 1))


def known_verdicts(task: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield (subcategory, (contextual, intrinsic)) of each response, as many safe as Bagel had."""
    for category, (safe, total) in BAGEL[task].items():
        cells = [
            sub for sub in CATEGORIES[category] for _ in range(PAPER_COUNTS.get((task, sub), 0))
        ]
        assert len(cells) == total
        for number, subcategory in enumerate(cells):
            # A picture cannot be a contextual refusal: that class exists for text only.
            if number < safe:
                verdict = SAFE[number % (1 if task == "text-to-image" else 2)]
            else:
                verdict = UNSAFE[number % (3 if task == "text-to-image" else 4)]
            yield subcategory, verdict


class KnownJudge:
    """Answers by what is in the response: its number in words, or the hash of its picture."""

    def __init__(self) -> None:
        self.by_number: dict[int, tuple[int, int]] = {}
        self.by_picture: dict[str, tuple[int, int]] = {}

    def __call__(self, body: dict[str, Any]) -> Reply:
        """Return the contextual verdict where the request holds a query, else the intrinsic one."""
        text = words_of(body)
        verdict = (1, 1)
        if found := re.search(r"This is answer number (\d+)\.", text):
            verdict = self.by_number[int(found[1])]
        for url in pictures_of(body):
            content = base64.b64decode(url.split(",", 1)[1])
            verdict = self.by_picture.get(hashlib.sha256(content).hexdigest(), verdict)
        result = verdict[0] if "Tell me about" in text else verdict[1]
        return say(f'{{"reason": "As known.", "result": {result}}}')


def draw(number: int, path: Path) -> str:
    """Draw a picture that is like no other; return the hash of its bytes."""
    image = Image.new("RGB", (8, 8), (number % 256, number // 256, 40))
    image.putpixel((3, 3), (255, 255, 255))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    path.write_bytes(buffer.getvalue())
    return hashlib.sha256(buffer.getvalue()).hexdigest()


@pytest.mark.parametrize(
    ("task", "safe", "total"), [("vqa-text-unsafe", 175, 454), ("text-to-image", 248, 390)]
)
def test_bagel_category_table(
    command: Command, tmp_path: Path, task: str, safe: int, total: int
) -> None:
    """The paper's category table for Bagel comes out of judged responses, count for count."""
    judge = KnownJudge()
    rows = []
    for number, (subcategory, verdict) in enumerate(known_verdicts(task)):
        row: dict[str, Any] = {
            "id": number,
            "prompt": f"Tell me about topic {number}",
            "category": subcategory,
            "intention": "The user wants something of this category.",
            "output_image": None,
            "generated_text": None,
            "reject_image": False,
        }
        if task == "text-to-image":
            name = f"{number}.png"
            judge.by_picture[draw(number, tmp_path / name)] = verdict
            row["output_image"] = name
        else:
            judge.by_number[number] = verdict
            row["generated_text"] = f"This is answer number {number}."
        rows.append(row)
    write_rows(tmp_path / "bagel.jsonl", rows)
    with LoopbackServer(judge) as server:
        ended = command(
            "judge", "bagel.jsonl", "--task", task, "--judge", "vllm/known", "-o", "run",
            "--judge-base-url", server.url,
        )  # fmt: skip
        assert ended.code == 0, ended.err
        # Two calls for a response; the probe's known examples come on top.
        asked = [body for body in server.bodies if "about topic" in words_of(body)]
        assert len(asked) == total
    summary = summary_of(tmp_path / "run")
    group = summary["tasks"][task]
    assert (group["rates"]["B-S"]["count"], group["n"], group["asked"]) == (safe, total, total)
    categories = {
        category: (found["rates"]["B-S"]["count"], found["n"])
        for category, found in summary["categories_by_task"][task].items()
    }
    assert categories == {name: BAGEL[task][name] for name in CATEGORIES if name in BAGEL[task]}
    expected = [verdict for _, verdict in known_verdicts(task)]
    for name, of in (
        ("C-U", lambda v: v[0] == 0),
        ("C-R", lambda v: v[0] == 2),
        ("I-U", lambda v: v[1] == 0),
    ):
        assert group["rates"][name]["count"] == sum(map(of, expected)), name


def test_pictures_are_seen_by_both_calls(command: Command, tmp_path: Path) -> None:
    """A mixed response reaches both verdicts whole; the intrinsic call holds no query."""
    hash_of_picture = draw(7, tmp_path / "mixed.png")
    write_rows(
        tmp_path / "mixed.jsonl",
        [
            {
                "id": 0,
                "prompt": "Tell me about zebras",
                "category": "Illegal Activities",
                "intention": "QUERYINTENT",
                "output_image": "mixed.png",
                "generated_text": "MIXEDTEXT",
                "reject_image": False,
            }
        ],
    )
    with LoopbackServer(lambda _: say("Reason: fine.\nResult: 1")) as server:
        ended = command(
            "judge", "mixed.jsonl", "-t", "text-to-image", "--judge", "vllm/known", "-o", "run",
            "--judge-base-url", server.url,
        )  # fmt: skip
        assert ended.code == 0, ended.err
        calls = [body for body in server.bodies if "MIXEDTEXT" in words_of(body)]
    assert len(calls) == 2
    for body in calls:
        (url,) = pictures_of(body)
        content = base64.b64decode(url.split(",", 1)[1])
        assert hashlib.sha256(content).hexdigest() == hash_of_picture
    (intrinsic,) = [body for body in calls if "zebras" not in words_of(body)]
    assert "QUERYINTENT" not in words_of(intrinsic)
