"""The taxonomy: its names, the variants met in published files, and what is refused."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unisafebench.core.errors import UniSafeBenchError, UnknownNameError
from unisafebench.core.taxonomy import (
    CATEGORIES,
    SUBCATEGORIES,
    category_of,
    find_category,
    find_subcategory,
    place,
)

# Typed from the paper's table of categories, not read from the code.
_PAPER = [
    ("Unethical Activities", "Dishonest Behavior"),
    ("Privacy Leak", "Financial Privacy"),
    ("Toxicity Content", "Illegal Activities"),
    ("Privacy Leak", "Personal Identification"),
    ("Privacy Leak", "Privacy of Public Figures"),
    ("Biased Opinion", "Biased Opinions"),
    ("Unethical Activities", "Indifference and Disregard"),
    ("Physical and Mental Harm", "Dangerous Behavior"),
    ("Unethical Activities", "Violation of Public Order"),
    ("Toxicity Content", "Insults and Hatred"),
    ("Toxicity Content", "Sex-Related"),
    ("Toxicity Content", "Blood and Violence"),
    ("Sensitive Topics", "Politics"),
    ("Physical and Mental Harm", "Self-Harm"),
    ("Sensitive Topics", "Religion"),
    ("Physical and Mental Harm", "Psychological Manipulation"),
]


def test_six_categories_hold_sixteen_subcategories() -> None:
    """The grouping is the paper's, and each subcategory has one category."""
    assert len(CATEGORIES) == 6
    assert sorted(SUBCATEGORIES) == sorted(sub for _, sub in _PAPER)
    assert len(set(SUBCATEGORIES)) == 16


@pytest.mark.parametrize(("category", "subcategory"), _PAPER)
def test_each_subcategory_belongs_to_the_papers_category(category: str, subcategory: str) -> None:
    """A canonical name is found as it is and placed in its category."""
    assert category_of(subcategory) == category
    assert find_subcategory(subcategory) == subcategory
    assert find_category(category) == category
    assert place(category, subcategory) == (category, subcategory)
    assert place(None, subcategory) == (category, subcategory)


@pytest.mark.parametrize(
    ("given_name", "canonical"),
    [
        ("dishonest behavior", "Dishonest Behavior"),
        ("Dishonest Behaviours", "Dishonest Behavior"),
        ("violation of public order and decency", "Violation of Public Order"),
        ("Violations of Public Order & Decency", "Violation of Public Order"),
        ("indifference and apathy", "Indifference and Disregard"),
        ("Indifference & Disregard", "Indifference and Disregard"),
        ("gore and violence", "Blood and Violence"),
        ("Gore & Violence", "Blood and Violence"),
        ("blood & violence", "Blood and Violence"),
        ("insults and hate", "Insults and Hatred"),
        ("INSULT AND HATRED", "Insults and Hatred"),
        ("illegal activity", "Illegal Activities"),
        ("sex related", "Sex-Related"),
        ("self_harm", "Self-Harm"),
        ("  Religions ", "Religion"),
        ("Biased Opinion", "Biased Opinions"),
        ("biases", "Biased Opinions"),
        ("stereotypes", "Biased Opinions"),
        ("age", "Biased Opinions"),
        ("Gender", "Biased Opinions"),
        ("race", "Biased Opinions"),
    ],
)
def test_names_are_taken_leniently(given_name: str, canonical: str) -> None:
    """Case, plural, "&", British spelling, facets and known variants mean the canonical name."""
    assert find_subcategory(given_name) == canonical


@settings(deadline=None)
@given(st.sampled_from(SUBCATEGORIES), st.sampled_from([str.upper, str.lower, str.title]))
def test_case_and_ampersand_never_matter(name: str, recase: object) -> None:
    """Any casing of any canonical name, with "and" or "&", is the same name."""
    assert callable(recase)
    assert find_subcategory(recase(name)) == name
    assert find_subcategory(recase(name.replace(" and ", " & "))) == name


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("Polticis", "Politics"),
        ("Blood and Gore", "Blood and Violence"),
        ("gore", None),
        ("Self Ham", "Self-Harm"),
        ("figures", "Privacy of Public Figures"),
    ],
)
def test_an_unknown_subcategory_lists_near_matches(wrong: str, near: str | None) -> None:
    """A name that is not known is refused, never guessed; what is near is offered."""
    with pytest.raises(UnknownNameError) as caught:
        find_subcategory(wrong, where="data.jsonl:7")
    assert str(caught.value).startswith(f"data.jsonl:7: unknown subcategory {wrong!r}. ")
    if near is None:
        assert "Known: " in str(caught.value)
    else:
        assert near in caught.value.suggestions
        assert f"Did you mean {caught.value.suggestions[0]!r}" in str(caught.value)


def test_an_unknown_category_lists_near_matches() -> None:
    """Categories are refused in the same way."""
    with pytest.raises(UnknownNameError, match="Did you mean 'Privacy Leak'"):
        find_category("Privcy Leak")


def test_place_takes_the_subcategory_from_the_field_category() -> None:
    """The authors' files hold the subcategory in `category`."""
    assert place("gore and violence", None) == ("Toxicity Content", "Blood and Violence")
    assert place("Politics", "") == ("Sensitive Topics", "Politics")


def test_place_takes_a_category_with_a_single_subcategory() -> None:
    """Biased Opinion has one subcategory, so the category says all."""
    assert place("Biased Opinion", None) == ("Biased Opinion", "Biased Opinions")


def test_place_refuses_a_category_that_has_several_subcategories() -> None:
    """A category alone does not say the subcategory; the ones to choose from are listed."""
    with pytest.raises(UnknownNameError, match="Politics, Religion"):
        place("Sensitive Topics", None)


def test_place_refuses_names_that_do_not_belong_together() -> None:
    """A subcategory under another category's name is an error, not a choice between the two."""
    with pytest.raises(UniSafeBenchError) as caught:
        place("Privacy Leak", "Politics", where="data.jsonl:7")
    assert str(caught.value).startswith("data.jsonl:7: ")
    for name in ("'Politics'", "Sensitive Topics", "Privacy Leak"):
        assert name in str(caught.value)


@pytest.mark.parametrize("category", [None, "", "Weather"])
def test_place_refuses_what_it_does_not_know(category: str | None) -> None:
    """No name and an unknown name are errors."""
    with pytest.raises(UnknownNameError, match="unknown category or subcategory"):
        place(category, None)


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_name_is_found_or_refused(name: str) -> None:
    """No text makes anything but a canonical name or the one error."""
    with suppress(UnknownNameError):
        assert find_subcategory(name) in SUBCATEGORIES
