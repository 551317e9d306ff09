"""Foreign text stays text in every format."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from unisafebench.exports.escaping import (
    csv_text,
    encodable,
    file_name,
    latex_text,
    markdown_text,
    one_line,
    xml_attribute,
    xml_text,
)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("demo", "demo"),
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("  =1+1", "'  =1+1"),
        ("\t=1", "'\t=1"),
        ("\uff1d1", "'\uff1d1"),
        ("'quoted'", "''quoted'"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_no_cell_is_a_formula(text: str, cell: str) -> None:
    """What a spreadsheet would compute gets an apostrophe in front."""
    assert csv_text(text) == cell


@given(st.text())
@example("'")
@example("\r\n")
@example("\ufeff")
@example("\x00")
def test_csv_cells_read_back(text: str) -> None:
    """A cell whose first apostrophe is removed is the text again, and no formula."""
    cell = csv_text(text)
    assert cell.removeprefix("'") == text
    assert cell.lstrip()[:1] not in ("=", "+", "-", "@")


@given(st.text(st.characters(exclude_categories=[])))
@example("\ud800 <&>\"' \x00\ufffe")
def test_xml_is_well_formed(text: str) -> None:
    """Any text can stand in an element and an attribute; legal characters come back."""
    root = ET.fromstring(f"<a b={xml_attribute(text)}>{xml_text(text)}</a>")  # noqa: S314 -- ours
    legal = all(char in "\t\n" or " " <= char <= "\ud7ff" for char in text)
    if legal:
        assert (root.text or "") == text
        assert root.get("b") == one_line(text)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Qwen2.5-7B", "Qwen2.5-7B"),
        ("a--b---c", "a-{}-b-{}-{}-c"),
        ("50% & $x_1^2$ #{~}", r"50\% \& \$x\_1\textasciicircum{}2\$ \#\{\textasciitilde{}\}"),
        ("\\input{x}", r"\textbackslash{}input\{x\}"),
        ("Emu\u2020\u2021", r"Emu\textdagger{}\textdaggerdbl{}"),
        ("a\n\n b", "a b"),
        ("\u202eevil", "[U+202E]evil"),
    ],
)
def test_latex(text: str, written: str) -> None:
    """No character has its meaning for LaTeX."""
    assert latex_text(text) == written


@given(st.text())
def test_latex_has_no_command_of_the_text(text: str) -> None:
    """Every backslash is one of ours, braces are in pairs, comments cannot begin."""
    written = latex_text(text)
    plain = written.replace(r"\{", "").replace(r"\}", "")
    assert plain.count("{") == plain.count("}") == plain.count("{}")
    assert written.count("%") == written.count(r"\%")
    assert "\n" not in written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a|b", r"a\|b"),
        ("<img src=x>", "&lt;img src=x&gt;"),
        ("![x](http://y)", r"\!\[x\](http://y)"),
        ("a & b_c*", r"a &amp; b\_c\*"),
        ("@team `x`", r"&#64;team \`x\`"),
        ("a\nb", "a b"),
    ],
)
def test_markdown(text: str, written: str) -> None:
    """A name makes no link, picture, element, mention or cell."""
    assert markdown_text(text) == written


def test_what_cannot_be_encoded_is_replaced() -> None:
    """Half of a surrogate pair, as JSON can carry it, becomes U+FFFD."""
    assert encodable("a\ud800b") == "a\ufffdb"
    assert encodable("\ufeff\U0001f600") == "\ufeff\U0001f600"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("hf/deepseek-community/Janus-Pro-7B", "hf-deepseek-community-Janus-Pro-7B"),
        ("../../etc/passwd", "etc-passwd"),
        (".hidden", "hidden"),
        ("\u5bb6", "model"),
        ("", "model"),
        ("a" * 300, "a" * 100),
    ],
)
def test_file_names(text: str, name: str) -> None:
    """A name leads nowhere else and is never hidden."""
    assert file_name(text) == name
