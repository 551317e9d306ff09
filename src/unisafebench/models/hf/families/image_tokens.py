"""Drawing with image tokens: classifier-free guidance, sampling, and what turns values into PNG.

A batch holds each prompt twice: first all rows with their prompt, then all without it. Both halves
are decoded together and always get the same token, which is chosen from the guided scores
(Ho and Salimans 2022, arXiv 2207.12598).
"""

import io
from collections.abc import Callable, Sequence
from typing import Any

import torch
from PIL import Image
from transformers import LogitsProcessor, TopKLogitsWarper

from unisafebench.models.base import ModelError
from unisafebench.models.hf.family import Decoding, Generated, Loaded, Prompt
from unisafebench.models.hf.generating import context_length
from unisafebench.models.hf.sampling import GumbelSampler

__all__ = ["Allowed", "GuidedSampler", "encode_png", "gather", "too_long"]

Allowed = Callable[[int], torch.Tensor]
"""Returns the ids of the tokens that may come at a position of the picture, counted from 0."""


class GuidedSampler(LogitsProcessor):
    """Chooses an image token for each prompt: greedy decoding then takes the largest score.

    Args:
        loaded: the model; when its answers are no longer wanted, decoding ends with a ModelError.
        prompts: the prompts of the batch; their seeds decide what is drawn.
        decoding: how pictures are drawn: its `image` has `guidance`, `temperature` and `top_k`.
        both_halves: whether the scores of both halves are wanted back, or of the first one only.
        allowed: the tokens that may come at each position; every token where it is None.
    """

    def __init__(
        self,
        loaded: Loaded,
        prompts: Sequence[Prompt],
        decoding: Decoding,
        *,
        both_halves: bool,
        allowed: Allowed | None = None,
    ) -> None:
        self._stopping = loaded.stopping
        self._guidance = float(decoding.image["guidance"])
        self._top_k = int(decoding.image["top_k"])
        self._temperature = float(decoding.image["temperature"])
        seeds = [prompt.seed for prompt in prompts]
        self._gumbel = GumbelSampler(seeds, self._temperature, None) if self._temperature else None
        self._both_halves = both_halves
        self._allowed = allowed
        self._position = 0
        self.broken = torch.zeros(len(prompts), dtype=torch.bool, device=loaded.device)
        """For each prompt, whether a score was no number, so that what was drawn means nothing."""

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Return scores of which the largest in each row is the token chosen.

        Args:
            input_ids: not looked at.
            scores: 2 x batch rows of the vocabulary's scores, those with the prompt first.

        Raises:
            ModelError: the pictures are no longer wanted.
        """
        if self._stopping.is_set():
            raise ModelError("drawing was stopped.")
        with_prompt, without = scores.float().chunk(2)
        chosen: Any = without + self._guidance * (with_prompt - without)
        self.broken |= chosen.isnan().any(dim=1).to(self.broken.device)
        if self._allowed is not None:
            ids = self._allowed(self._position).to(chosen.device)
            chosen = torch.full_like(chosen, -torch.inf).index_copy(1, ids, chosen[:, ids])
        self._position += 1
        if self._top_k:
            chosen = TopKLogitsWarper(self._top_k)(input_ids, chosen)
        if self._gumbel is not None:
            chosen = self._gumbel(input_ids, chosen)
        if self._both_halves:
            chosen = torch.cat([chosen, chosen])
        result: torch.FloatTensor = chosen
        return result


def too_long(loaded: Loaded, length: int, image_tokens: int) -> ModelError | None:
    """Return what to say of a prompt that leaves no room for a picture; None where there is room.

    Args:
        loaded: the model.
        length: tokens of the prompt.
        image_tokens: tokens of the picture.
    """
    limit = context_length(loaded.config)
    if limit is None or length + image_tokens <= limit:
        return None
    return ModelError(
        f"the prompt is {length:,} tokens long and the picture {image_tokens:,}; the model has "
        f"room for {limit:,} together."
    )


def gather(
    prompt: Prompt,
    decoding: Decoding,
    values: torch.Tensor,
    image_processor: Any,
    *,
    tokens: tuple[int, int],
    broken: bool,
) -> Generated | ModelError:
    """Return what was drawn for one prompt.

    Args:
        prompt: the prompt.
        decoding: how it was drawn.
        values: height x width x 3, as the decoder gives them.
        image_processor: whose `image_mean` and `image_std` the values are normalised with.
        tokens: of the prompt, and of the picture.
        broken: whether the model's scores were no numbers.
    """
    if broken or not values.isfinite().all():
        return ModelError(
            "the model computed values that are no numbers, so that there is no picture. Half "
            "precision does that to some models: try dtype=bfloat16 or dtype=float32."
        )
    sent: dict[str, object] = dict(decoding.image)
    if decoding.image["temperature"]:
        sent["seed"] = prompt.seed
    return Generated(
        images=(encode_png(values, image_processor.image_mean, image_processor.image_std),),
        stop_reason="stop",
        input_tokens=tokens[0],
        output_tokens=tokens[1],
        sent=sent,
    )


def encode_png(values: torch.Tensor, mean: Sequence[float], std: Sequence[float]) -> bytes:
    """Return a picture as PNG.

    Args:
        values: height x width x 3, as the decoder gives them: normalised with `mean` and `std`.
        mean: of the image processor, for each of red, green and blue.
        std: of the image processor.
    """
    values = values.detach().float().cpu()
    pixels = (values * torch.tensor(list(std)) + torch.tensor(list(mean))) * 255
    # Cut off, not rounded, as transformers' own image processors do.
    whole = pixels.clamp(0, 255).to(torch.uint8).contiguous()
    buffer = io.BytesIO()
    Image.fromarray(whole.numpy()).save(buffer, "PNG")
    return buffer.getvalue()
