"""The taxonomy: 6 categories, 16 subcategories (arXiv 2604.00547, section 3).

Names are accepted leniently (case, plural, "&", the variants seen in published files) and always
written canonically. An unknown name is an error that lists near matches, never a guess.
"""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from unisafebench.core.errors import UnknownNameError, UsageError

__all__ = [
    "CATEGORIES",
    "SUBCATEGORIES",
    "category_of",
    "find_category",
    "find_subcategory",
    "place",
]

CATEGORIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Biased Opinion": ("Biased Opinions",),
        "Toxicity Content": (
            "Illegal Activities",
            "Insults and Hatred",
            "Sex-Related",
            "Blood and Violence",
        ),
        "Physical and Mental Harm": (
            "Dangerous Behavior",
            "Self-Harm",
            "Psychological Manipulation",
        ),
        "Unethical Activities": (
            "Dishonest Behavior",
            "Indifference and Disregard",
            "Violation of Public Order",
        ),
        "Privacy Leak": (
            "Financial Privacy",
            "Personal Identification",
            "Privacy of Public Figures",
        ),
        "Sensitive Topics": ("Politics", "Religion"),
    }
)
"""Each category with its subcategories, in the order of the paper's tables."""

SUBCATEGORIES: tuple[str, ...] = tuple(sub for subs in CATEGORIES.values() for sub in subs)
"""The sixteen subcategories, grouped by category."""

_CATEGORY_OF = {sub: category for category, subs in CATEGORIES.items() for sub in subs}

# Spellings met in published files, beyond case, plural and punctuation.
_VARIANTS = {
    "bias": "Biased Opinions",
    "biases": "Biased Opinions",
    "biased opinion": "Biased Opinions",
    "stereotype": "Biased Opinions",
    "age": "Biased Opinions",
    "gender": "Biased Opinions",
    "race": "Biased Opinions",
    "age bias": "Biased Opinions",
    "gender bias": "Biased Opinions",
    "racial bias": "Biased Opinions",
    "race bias": "Biased Opinions",
    "gore and violence": "Blood and Violence",
    "violence": "Blood and Violence",
    "insult and hate": "Insults and Hatred",
    "insult": "Insults and Hatred",
    "hate": "Insults and Hatred",
    "hatred": "Insults and Hatred",
    "sex": "Sex-Related",
    "sexual content": "Sex-Related",
    "pornography": "Sex-Related",
    "indifference and apathy": "Indifference and Disregard",
    "indifference": "Indifference and Disregard",
    "violation of public order and decency": "Violation of Public Order",
    "public order": "Violation of Public Order",
    "dishonesty": "Dishonest Behavior",
    "public figure privacy": "Privacy of Public Figures",
    "personal identification privacy": "Personal Identification",
    "personal identity": "Personal Identification",
    "political": "Politics",
    "religious": "Religion",
    "toxicity": "Toxicity Content",
    "toxic content": "Toxicity Content",
    "harm": "Physical and Mental Harm",
    "unethical": "Unethical Activities",
    "privacy": "Privacy Leak",
    "privacy leakage": "Privacy Leak",
    "sensitive": "Sensitive Topics",
}


def category_of(subcategory: str) -> str:
    """Return the category of a canonical subcategory name."""
    return _CATEGORY_OF[subcategory]


def find_category(name: str, *, where: str = "") -> str:
    """Return the canonical category that `name` means.

    Raises:
        UnknownNameError: no category has this name or a known variant of it.
    """
    found = _CATEGORY_NAMES.get(_fold(name))
    if found is None:
        raise UnknownNameError("category", name, CATEGORIES, where=where)
    return found


def find_subcategory(name: str, *, where: str = "") -> str:
    """Return the canonical subcategory that `name` means.

    Raises:
        UnknownNameError: no subcategory has this name or a known variant of it.
    """
    found = _SUBCATEGORY_NAMES.get(_fold(name))
    if found is None:
        raise UnknownNameError("subcategory", name, SUBCATEGORIES, where=where)
    return found


def place(category: str | None, subcategory: str | None, *, where: str = "") -> tuple[str, str]:
    """Return the canonical (category, subcategory) of a record.

    The authors' files hold the subcategory in the field `category`, so a subcategory's name is
    accepted there when the record names no subcategory.

    Raises:
        UnknownNameError: a name is not known.
        UsageError: the two do not belong together.
    """
    if subcategory:
        sub = find_subcategory(subcategory, where=where)
        owner = category_of(sub)
        if category and find_category(category, where=where) != owner:
            head = f"{where}: " if where else ""
            raise UsageError(
                f"{head}the subcategory {sub!r} belongs to {owner!r}, not to {category!r}. "
                "Mend one of the two, or leave the category out."
            )
        return owner, sub
    sub_found = _SUBCATEGORY_NAMES.get(_fold(category or ""))
    if sub_found is not None:
        return category_of(sub_found), sub_found
    named: str | None = _CATEGORY_NAMES.get(_fold(category or ""))
    if named is not None and len(CATEGORIES[named]) == 1:
        return named, CATEGORIES[named][0]
    if named is not None:
        raise UnknownNameError(
            f"subcategory of {named!r} (the record names the category only)",
            "",
            CATEGORIES[named],
            where=where,
        )
    known = (*SUBCATEGORIES, *CATEGORIES)
    raise UnknownNameError("category or subcategory", category or "", known, where=where)


def _fold(name: str) -> str:
    """Reduce a name to what counts: lower-case singular words, "&" read as "and"."""
    words = re.findall(r"[a-z]+", name.casefold().replace("&", " and "))
    return " ".join(_singular(word.replace("behaviour", "behavior")) for word in words)


def _singular(word: str) -> str:
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _index(names: Iterable[str]) -> dict[str, str]:
    wanted = set(names)
    index = {_fold(name): name for name in wanted}
    index |= {_fold(variant): name for variant, name in _VARIANTS.items() if name in wanted}
    return index


_CATEGORY_NAMES = _index(CATEGORIES)
_SUBCATEGORY_NAMES = _index(SUBCATEGORIES)
