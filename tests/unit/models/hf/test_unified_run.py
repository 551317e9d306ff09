"""A unified model through the seven tasks of a run, as a user starts it."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from commands import start
from tiny_models import save_janus

from unisafebench.media.pictures import read_picture

_OPTIONS = ("-M", "max_tokens=8", "-M", "device=cpu", "--limit", "2", "-o", "run", "--quiet")


def test_seven_tasks_with_janus(tmp_path: Path) -> None:
    """Six tasks are completed, with pictures where they belong; editing is named, not scored."""
    save_janus(tmp_path / "janus")
    process = start(
        tmp_path,
        "generate",
        "--model",
        "hf/./janus",
        *_OPTIONS,
        env={"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
    )
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    run = tmp_path / "run"
    responses: list[dict[str, Any]] = [
        json.loads(line) for line in (run / "responses.jsonl").read_text("utf-8").splitlines()
    ]
    assert Counter((each["task"], each["status"]) for each in responses) == {
        ("text-generation", "completed"): 2,
        ("text-to-image", "completed"): 2,
        ("vqa-dual-unsafe", "completed"): 2,
        ("vqa-image-unsafe", "completed"): 2,
        ("vqa-text-unsafe", "completed"): 2,
        ("vqa-composite-unsafe", "completed"): 2,
    }
    for each in responses:
        drawn = each["task"] == "text-to-image"
        assert bool(each.get("images")) == drawn
        assert bool(each.get("text")) != drawn
        assert bool(each.get("pictures_sent")) == each["task"].startswith("vqa")
        assert each["served_model"].startswith("janus@")
        for image in each.get("images", ()):
            picture = read_picture(run / image)
            assert (picture.width, picture.height) == (32, 32)
    manifest = json.loads((run / "manifest.json").read_text("utf-8"))
    assert manifest["not_supported"] == ["image-editing"]
    assert manifest["model"]["settings"]["image"]["guidance"] == 5.0
    assert str(tmp_path) not in json.dumps(manifest["model"]["settings"])
