"""Foreign text with characters that hide, reorder or command."""

import sys
import unicodedata

import pytest

from unisafebench.report.visible import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("a\r\nb\rc", "a\nb⟦U+000D⟧c"),
        ("\u202eevil", "⟦U+202E⟧evil"),
        ("\x1b[31m", "⟦U+001B⟧[31m"),
        ("in\u200bvisible", "in⟦U+200B⟧visible"),
        ("\ud800", "⟦U+D800⟧"),
        ("\U000e0041", "⟦U+E0041⟧"),
        ("blank\u3164\U000e0101", "blank⟦U+3164⟧⟦U+E0101⟧"),
        ("é 漢 😀 ❤\ufe0f", "é 漢 😀 ❤\ufe0f"),
    ],
)
def test_examples(text: str, shown: str) -> None:
    """Hidden characters are spelled out, ordinary ones stay."""
    assert visible(text) == shown


def test_every_character() -> None:
    """No control, format, surrogate or separator character survives; letters and signs all do."""
    hidden = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    ordinary = {"Lu", "Ll", "Lt", "Lm", "Nd", "Nl", "No", "Pd", "Ps", "Pe", "Sm", "Sc", "Sk", "Zs"}
    kinds: dict[str, list[str]] = {}
    for code in range(sys.maxunicode + 1):
        kinds.setdefault(unicodedata.category(chr(code)), []).append(chr(code))
    kept = "\t\n" + "".join("".join(kinds[kind]) for kind in sorted(ordinary))
    assert visible(kept) == kept
    gone = "".join("".join(kinds[kind]) for kind in sorted(hidden))
    left = visible(gone.replace("\t", "").replace("\n", ""))
    assert set(left) <= set("⟦⟧U+0123456789ABCDEF")
