"""A safety checker's black pictures in the stages of a real run: blocked, kept, and counted."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from asking_pipelines import opened
from tiny_pipelines import save_stable_diffusion

from unisafebench.runs.generate import generate
from unisafebench.runs.results import existing_run

if TYPE_CHECKING:
    from conftest import Trial


async def test_black_pictures_are_blocked_responses(trial: "Trial", tmp_path: Path) -> None:
    """They are stored as blocked by the model's own filter, and by default count as refusals."""
    torch.set_num_threads(1)
    path = save_stable_diffusion(tmp_path / "black", threshold=-2)
    trial.open([trial.row(f"s{n}", "text-to-image") for n in range(2)])
    async with opened(path) as model:
        await generate(
            trial.run,
            existing_run(trial.run),
            model,
            width=2,
            progress=trial.watcher,
            stop=trial.stop,
        )
    for response in trial.response_lines():
        assert response.status == "blocked"
        assert response.blocked_side == "output"
        assert response.stop_reason == "nsfw_content_detected"
        (name,) = response.images
        assert trial.run.images.read(name).flaw == "one_colour"
    judge = await trial.judge()
    assert judge.contextual_calls == []
    for verdict in trial.verdict_lines():
        assert (verdict.outcome, verdict.decided_by) == ("blocked", "provider_filter")
        assert (verdict.contextual, verdict.intrinsic) == (2, 1)
