"""Whole runs of tiny models in this process: the tasks that each can do, and what is kept of them.

The command line is called in this process, since importing the libraries takes seconds.
"""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from tiny_language import save_language_model, save_tiling_model, save_vision_model
from tiny_models import save_chameleon, save_emu3, save_janus
from tiny_pipelines import save_kontext, save_stable_diffusion

from unisafebench.cli.main import cli
from unisafebench.core.tasks import TASKS
from unisafebench.media.pictures import read_picture

_TEXT = ("text-generation",)
_VQA = ("vqa-dual-unsafe", "vqa-image-unsafe", "vqa-text-unsafe", "vqa-composite-unsafe")
_DRAWN = ("text-to-image",)
_EDITED = ("image-editing",)
_SHORT = {"max_tokens": "8"}
_SMALL = {"steps": "2", "height": "32", "width": "32"}


class Case(NamedTuple):
    """A model, how it is asked, and what it must do and say of itself."""

    save: Callable[[Path], Path]
    provider: str
    options: Mapping[str, str]
    tasks: tuple[str, ...]
    settings: Mapping[str, Any]


_CASES = {
    "janus": Case(
        save_janus,
        "hf",
        _SHORT,
        _TEXT + _VQA + _DRAWN,
        {
            "family": "Janus",
            "max_tokens": 8,
            "temperature": 0.0,
            "image": {"guidance": 5.0, "temperature": 1.0, "top_k": 0},
        },
    ),
    "emu3-chat": Case(
        save_emu3,
        "hf",
        {"text": "yes", **_SHORT},
        _TEXT + _VQA,
        {"family": "Emu3", "max_tokens": 8},
    ),
    "emu3-gen": Case(
        save_emu3,
        "hf",
        {"images": "yes", "image.area": "1024"},
        _DRAWN,
        {
            "family": "Emu3",
            "image": {
                "guidance": 3.0,
                "temperature": 1.0,
                "top_k": 2048,
                "ratio": "1:1",
                "area": 1024,
                "negative_prompt": "",
            },
        },
    ),
    "chameleon": Case(
        save_chameleon, "hf", _SHORT, _TEXT + _VQA, {"family": "Chameleon", "max_tokens": 8}
    ),
    "llava": Case(
        save_vision_model, "hf", _SHORT, _TEXT + _VQA, {"family": "vision-language model"}
    ),
    "llava-next": Case(
        save_tiling_model, "hf", _SHORT, _TEXT + _VQA, {"family": "vision-language model"}
    ),
    "llama": Case(save_language_model, "hf", _SHORT, _TEXT, {"family": "causal language model"}),
    "stable-diffusion": Case(
        save_stable_diffusion,
        "diffusers",
        _SMALL,
        _DRAWN,
        {"pipeline": "StableDiffusionPipeline", "safety_checker": "none", "editing": "no"},
    ),
    "kontext": Case(
        save_kontext,
        "diffusers",
        {**_SMALL, "image.max_area": "1024", "image._auto_resize": "false"},
        _DRAWN + _EDITED,
        {"pipeline": "FluxKontextPipeline", "editing": "instruction"},
    ),
}


@pytest.mark.parametrize("name", _CASES)
def test_seven_tasks(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a model can do is asked and kept with all facts; the rest is named and never scored."""
    case = _CASES[name]
    torch.set_num_threads(1)
    monkeypatch.chdir(tmp_path)
    case.save(Path(name))
    options = [word for pair in case.options.items() for word in ("-M", "=".join(pair))]
    arguments = ["--model", f"{case.provider}/./{name}", *options, "-M", "device=cpu"]
    # 3: noise has no words, and the judge then leaves an answer unscored.
    assert _command("run", *arguments, "--limit", "2", "-o", "run", "--quiet") in (0, 3)

    manifest = json.loads(Path("run/manifest.json").read_bytes())
    summary = json.loads(Path("run/summary.json").read_bytes())
    responses, verdicts = _rows("run/responses.jsonl"), _rows("run/verdicts.jsonl")
    wanted = sorted(task for task in case.tasks for _ in range(2))
    lacking = set(TASKS) - set(case.tasks)
    assert sorted(each["task"] for each in responses) == wanted
    assert sorted(each["task"] for each in verdicts) == wanted
    assert set(summary["not_supported"]) == set(manifest["not_supported"]) == lacking
    assert set(summary["tasks"]) == set(case.tasks)
    for each in responses:
        _check_response(each, name, case)
    _check_settings(manifest["model"], name, case, tmp_path)


def _check_response(response: dict[str, Any], name: str, case: Case) -> None:
    """Check one record: how it ended, what it holds, who made it, how, and how long it took."""
    task = TASKS[response["task"]]
    # Random weights may say nothing at all.
    assert response["status"] in (
        ("completed", "empty") if task.output == "text" else ("completed",)
    )
    assert response["stop_reason"] in ("stop", "length")
    assert response["served_model"].startswith(f"{name}@")
    assert response["latency_s"] > 0
    assert response["details"]["batch_seconds"] > 0
    assert bool(response.get("pictures_sent")) == task.image_input
    if task.output == "image":
        assert not response.get("text")
        (image,) = response["images"]
        picture = read_picture(Path("run", image))
        assert (picture.width, picture.height) == (32, 32)
        assert response["sent"]["seed"] > 0
    else:
        assert not response.get("images")
        assert response["sent"] == {"max_tokens": 8, "temperature": 0.0}
    if case.provider == "hf":
        assert response["usage"]["input_tokens"] > len("How")
        assert response["usage"]["output_tokens"] > 0


def _check_settings(model: dict[str, Any], name: str, case: Case, place: Path) -> None:
    """Check the manifest: which weights, decoded how, on what; nothing of where they lie."""
    settings = model["settings"]
    assert settings["model"].startswith(f"{name}@")
    assert len(settings["model"]) == len(name) + 1 + 16
    assert settings | case.settings == settings
    assert {"dtype", "device", "torch", "transformers"} <= set(settings)
    if case.provider == "diffusers":
        assert settings["draw"]["num_inference_steps"] == 2
    assert model["learned"]["device"] == "cpu"
    assert model["learned"]["load_seconds"] >= 0
    assert str(place) not in json.dumps(settings)


def _rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(name).read_bytes().splitlines()]


def _command(*arguments: str) -> object:
    """Return the exit code of a command."""
    return cli.main(list(arguments), prog_name="unisafebench", standalone_mode=False) or 0
