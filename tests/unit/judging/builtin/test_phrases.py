"""The phrase language: what each sign of it matches, and what is refused."""

import pytest

from unisafebench.judging.builtin.phrases import PhraseIndex, compile_phrase

CLASSES = {"animal": ("cats?", "wild (dog|wolf)")}


def found(phrase: str, sentence: str) -> list[str]:
    """Return what a phrase matches in a sentence."""
    return [match.text for match in PhraseIndex([(phrase, 1)], CLASSES).find(sentence)]


@pytest.mark.parametrize(
    ("phrase", "sentence", "expected"),
    [
        ("kick", "kicks are not a kick", ["kick"]),
        ("kick*", "kicking and kicks", ["kicking", "kicks"]),
        ("(kick|throw out) it", "kick it, throw out it", ["kick it", "throw out it"]),
        ("kick (the)? ball", "kick ball or kick the ball", ["kick ball", "kick the ball"]),
        ("(all)? balls", "balls, all balls", ["balls", "all balls", "balls"]),
        ("kick _ ball", "kick a very big ball", ["kick a very big ball"]),
        ("kick _ ball", "kick a very very big red ball", []),
        ("kick _ ball", "kick anything but not a ball", []),
        ("pick ?lock", "picklock, pick-lock, pick lock", ["picklock", "pick-lock", "pick lock"]),
        ("reali[sz]e", "realise or realize or realite", ["realise", "realize"]),
        ("tax(es)?", "tax taxes taxi", ["tax", "taxes"]),
        (
            "pat the {animal}",
            "pat the cats, pat the wild wolf",
            ["pat the cats", "pat the wild wolf"],
        ),
        ("pin \\d{4}", "pin 1234 pin 12345", ["pin 1234"]),
    ],
)
def test_sign_of_the_language(phrase: str, sentence: str, expected: list[str]) -> None:
    """Each sign matches what the module's table says, at whole words only."""
    assert found(phrase, sentence) == expected


@pytest.mark.parametrize("phrase", ["kick)", "(kick", "{unknown}", "_ ball", "kick!", "(all)?"])
def test_invalid_phrase_is_refused(phrase: str) -> None:
    """A phrase that does not follow the language, or could begin anywhere, is an error."""
    with pytest.raises(ValueError, match="phrase"):
        compile_phrase(phrase, CLASSES)


def test_beginnings_are_the_first_three_letters() -> None:
    """The index lists a phrase under every way in which it can begin."""
    assert compile_phrase("(kick|to (x)? y|u) it", CLASSES)[1] == {"kic", "to", "u"}
