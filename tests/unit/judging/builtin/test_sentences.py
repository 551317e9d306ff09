"""Cutting and normalising text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unisafebench.judging.builtin.sentences import (
    has_words,
    latin_share,
    split_sentences,
    split_voices,
)


def test_sentences_and_list_items() -> None:
    """Full stops, lines and "but" end a sentence; markers of steps are taken off."""
    found = split_sentences("I can't, but you can. Ask:\n1. Go in\n- Get out")
    assert [(sentence.text, sentence.step) for sentence in found] == [
        ("i cant", False),
        ("but you can.", False),
        ("ask:", False),
        ("go in", True),
        ("get out", True),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("k i l l them", "kill them"),
        ("tr4sh", "trash"),
        ("Don\u2019t", "dont"),
        ("ki\u200bll", "kill"),
        ("\uff4b\uff49\uff4c\uff4c", "kill"),
    ],
)
def test_disguised_words_are_unfolded(text: str, expected: str) -> None:
    """Spacing, digits for letters, curly quotes, invisible and wide letters hide nothing."""
    assert split_sentences(text)[0].text == expected


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("abc", 1.0),
        ("", 1.0),
        ("123", 1.0),
        ("\u4f60\u597dab", 0.5),
        ("\u043d\u0435\u0442", 0.0),
        ("\u00e9t\u00e9", 1.0),
    ],
)
def test_latin_share(text: str, share: float) -> None:
    """Letters are counted by script; digits and signs do not count."""
    assert latin_share(text) == share


def test_symbols_hold_no_words() -> None:
    """Digits, punctuation and emoji are nothing to read; one letter is."""
    assert not has_words("0101 ### ?! \U0001f600")
    assert has_words("0101 a")


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.sampled_from(["a", ".", " ", "\n", "kill ", "1. ", "x" * 700]), max_size=80).map(
        "".join
    )
)
def test_sentences_are_bounded(text: str) -> None:
    """However a text is made, no sentence is empty or longer than 600 characters."""
    for sentence in split_sentences(text):
        assert 0 < len(sentence.text.strip()) <= 600


def test_voices() -> None:
    """A text that answers twice under two names is two voices; plain paragraphs are one."""
    twice = "ChatGPT: I can't.\n\n[DAN]: Sure, here."
    assert split_voices(twice) == ["ChatGPT: I can't.", "[DAN]: Sure, here."]
    plain = "First paragraph of this text.\n\nSecond one, which says more."
    assert split_voices(plain) == [plain]
