"""Sampling row by row: the right distribution, and no row that depends on another."""

import pytest
import torch

from unisafebench.models.hf.family import Decoding, Prompt
from unisafebench.models.hf.sampling import GumbelSampler, sampler, sent_parameters

_PROBABILITIES = torch.tensor([0.5, 0.25, 0.15, 0.1])
_DRAWS = 4000


def _draw(seed: int, temperature: float, top_p: float | None = None) -> torch.Tensor:
    """Return how often each of four tokens was drawn."""
    one = GumbelSampler([seed], temperature, top_p)
    scores = _PROBABILITIES.log()[None]
    tokens = [int(one(torch.zeros(1, 1, dtype=torch.long), scores).argmax()) for _ in range(_DRAWS)]
    return torch.bincount(torch.tensor(tokens), minlength=4) / _DRAWS


@pytest.mark.parametrize(
    ("temperature", "expected"),
    [
        (1.0, [0.5, 0.25, 0.15, 0.1]),
        # Squares over their sum .345; square roots over theirs, 1.9107.
        (0.5, [0.7246, 0.1812, 0.0652, 0.0290]),
        (2.0, [0.3701, 0.2617, 0.2027, 0.1655]),
    ],
)
def test_tokens_come_as_often_as_the_softmax_says(
    temperature: float, expected: list[float]
) -> None:
    """Of 4,000 draws the shares are within four standard errors (0.032) of the softmax."""
    shares = _draw(7, temperature)
    assert torch.allclose(shares, torch.tensor(expected), atol=0.032)


def test_top_p_leaves_out_what_is_too_improbable() -> None:
    """At 0.7 the first two tokens (0.75 together) remain, at two thirds to one third."""
    shares = _draw(7, 1.0, top_p=0.7)
    assert shares[2:].tolist() == [0.0, 0.0]
    assert shares[0].item() == pytest.approx(2 / 3, abs=0.03)


def test_a_row_s_tokens_depend_on_its_own_seed_only() -> None:
    """In a batch of three, in another order, or alone: the same seed draws the same tokens."""
    ids = torch.zeros(3, 1, dtype=torch.long)
    scores = torch.randn(3, 50, generator=torch.Generator().manual_seed(1))
    batch, turned = GumbelSampler([1, 2, 3], 1.0, None), GumbelSampler([3, 2, 1], 1.0, None)
    alone = GumbelSampler([2], 1.0, None)
    for _ in range(5):
        first = batch(ids, scores)
        second = turned(ids, scores.flip(0)).flip(0)
        assert torch.equal(first, second)
        assert torch.equal(first[1:2], alone(ids[1:2], scores[1:2]))


def test_a_token_that_is_ruled_out_is_never_drawn() -> None:
    """A score of minus infinity stays what it is."""
    scores = torch.tensor([[0.0, float("-inf"), 0.0]])
    one = GumbelSampler([5], 1.0, None)
    for _ in range(100):
        assert one(torch.zeros(1, 1, dtype=torch.long), scores)[0, 1] == float("-inf")


def test_greedy_decoding_has_no_sampler_and_no_seed() -> None:
    """At temperature 0 nothing is added to the scores, and the record names no seed."""
    prompt, greedy = Prompt(text="Hello", seed=4), Decoding(top_p=0.9)
    assert len(sampler([prompt], greedy)) == 0
    assert sent_parameters(prompt, greedy, 8) == {"max_tokens": 8, "temperature": 0.0}
    warm = Decoding(temperature=0.7, top_p=0.9)
    assert len(sampler([prompt], warm)) == 1
    assert sent_parameters(prompt, warm, 8) == {
        "max_tokens": 8,
        "temperature": 0.7,
        "top_p": 0.9,
        "seed": 4,
    }
