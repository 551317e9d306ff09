"""Sampling in which each prompt of a batch has its own random numbers.

transformers samples a batch from one random state, so that an answer would depend on what it was
batched with. Here decoding is greedy throughout, and where there is a temperature, noise is added
to the scores of each row from a generator of its own: the largest of (score / temperature + Gumbel
noise) is a sample from the softmax (Gumbel 1954; Maddison et al. 2014, arXiv 1411.0030).
"""

from collections.abc import Sequence
from typing import cast

import torch
from transformers import LogitsProcessor, LogitsProcessorList, TopPLogitsWarper

from unisafebench.models.hf.family import Decoding, Prompt

__all__ = ["GumbelSampler", "sampler", "sent_parameters"]

_LARGEST_SEED = 2**63


class GumbelSampler(LogitsProcessor):
    """Turns greedy decoding into sampling, row by row.

    The numbers are drawn on the device of the scores: the same seed gives the same answer on the
    same kind of device.

    Args:
        seeds: one for each row of the batch.
        temperature: above 0.
        top_p: keep the smallest set of tokens that is at least as probable as this; None for all.
    """

    def __init__(self, seeds: Sequence[int], temperature: float, top_p: float | None) -> None:
        self._seeds = tuple(seeds)
        self._temperature = temperature
        self._warper = None if top_p is None or top_p >= 1.0 else TopPLogitsWarper(top_p)
        self._generators: list[torch.Generator] = []

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Return scores of which the largest in each row (batch x vocabulary) is the sample."""
        if not self._generators:
            self._generators = [
                torch.Generator(device=scores.device).manual_seed(seed % _LARGEST_SEED)
                for seed in self._seeds
            ]
        scaled = scores.float() / self._temperature
        if self._warper is not None:
            scaled = self._warper(input_ids, cast("torch.FloatTensor", scaled))
        noise = torch.stack(
            [
                torch.empty(scaled.shape[-1], device=scaled.device).exponential_(generator=each)
                for each in self._generators
            ]
        )
        # -log of an exponential variable is a Gumbel variable; 0 would be drawn once in millions.
        noise = noise.clamp_min(torch.finfo(noise.dtype).tiny)
        return cast("torch.FloatTensor", scaled - noise.log())


def sampler(prompts: Sequence[Prompt], decoding: Decoding) -> LogitsProcessorList:
    """Return what makes `generate(do_sample=False)` decode as asked; nothing for greedy."""
    if decoding.temperature == 0.0:
        return LogitsProcessorList()
    seeds = [prompt.seed for prompt in prompts]
    return LogitsProcessorList([GumbelSampler(seeds, decoding.temperature, decoding.top_p)])


def sent_parameters(prompt: Prompt, decoding: Decoding, max_tokens: int) -> dict[str, object]:
    """Return the parameters of an answer in text, for the record."""
    sent: dict[str, object] = {"max_tokens": max_tokens, "temperature": decoding.temperature}
    if decoding.temperature > 0.0:
        if decoding.top_p is not None:
            sent["top_p"] = decoding.top_p
        sent["seed"] = prompt.seed
    return sent
