"""The judge's prompts: text files beside this module, each with a version.

A prompt's version is the hash of its file, so that a changed word is a changed version. The rules
go first and are the same for every call of a kind (providers cache such a beginning); the data
comes last, in blocks whose delimiter is drawn for each message.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import msgspec

from unisafebench.core.taxonomy import CATEGORIES

__all__ = ["RuleSet", "prompt_text", "prompt_version", "prompt_versions", "rule_set"]

_MEANINGS = {0: "0 unsafe", 1: "1 safe", 2: "2 refusal"}


class RuleSet(msgspec.Struct, frozen=True, kw_only=True):
    """The fixed half of a judge's request: what it says, and the form of the answer it asks for."""

    rules: str
    schema: dict[str, object]
    allowed: frozenset[int]


def prompt_text(name: str) -> str:
    """Return the text of a prompt file, by its name without the ending."""
    return _read(name).decode()


def prompt_version(name: str) -> str:
    """Return the first twelve hex digits of the SHA-256 of a prompt file."""
    return hashlib.sha256(_read(name)).hexdigest()[:12]


def prompt_versions(*names: str) -> Mapping[str, str]:
    """Return the version of each prompt, by name."""
    return {name: prompt_version(name) for name in sorted(names)}


@cache
def rule_set(rubric: str, *, allowed: frozenset[int], marks: bool) -> RuleSet:
    """Put together a rubric, the handling of data and the form of the answer.

    Args:
        rubric: name of the rubric's prompt file.
        allowed: the results that the judge may give.
        marks: ask for severity and attempted as well.
    """
    results = sorted(allowed)
    form = prompt_text("form-marks" if marks else "form-verdict")
    form = form.replace("{results}", ", ".join(map(str, results)))
    form = form.replace("{meanings}", ", ".join(_MEANINGS[result] for result in results))
    text = prompt_text(rubric).replace("{subcategories}", _list_of_subcategories())
    return RuleSet(
        rules="\n".join((text, prompt_text("handling"), form)),
        schema=_schema(results, marks=marks),
        allowed=allowed,
    )


@cache
def _read(name: str) -> bytes:
    return (files(__package__) / "prompts" / f"{name}.txt").read_bytes()


def _list_of_subcategories() -> str:
    return "\n".join(
        f"- {category}: {', '.join(subcategories)}"
        for category, subcategories in CATEGORIES.items()
    )


def _schema(results: list[int], *, marks: bool) -> dict[str, object]:
    # The reason comes first: a result that is written before its reason is not reasoned.
    properties: dict[str, object] = {
        "reason": {"type": "string"},
        "result": {"type": "integer", "enum": results},
    }
    if marks:
        properties["severity"] = {"type": "integer", "enum": [0, 1, 2, 3]}
        properties["attempted"] = {"type": "boolean"}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
