r"""Foreign text in each format, so that it stays text: names of models may hold anything.

| format | what could happen | what is done |
|---|---|---|
| CSV | a cell that begins with `=`, `+`, `-` or `@` is a formula to a spreadsheet | a leading `'` |
| Markdown | links, pictures, HTML, the end of a cell | marked characters get a `\` or an entity |
| LaTeX | commands, mathematics, comments | written as their commands |
| XML, SVG | the end of an element; characters that no XML may hold | entities; U+FFFD |
"""

import re
import unicodedata
from xml.sax.saxutils import escape, quoteattr

__all__ = [
    "csv_text",
    "encodable",
    "file_name",
    "latex_text",
    "markdown_text",
    "one_line",
    "xml_attribute",
    "xml_text",
]

_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|['\t\r\n]")
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MARKDOWN = re.compile(r"([\\`*_\[\]|~#!$])")
_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    # The encoding OT1 has no such character and shows a closing quotation mark.
    '"': r"\char34{}",
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    "\u2020": r"\textdagger{}",
    "\u2021": r"\textdaggerdbl{}",
}


def encodable(text: str) -> str:
    """Return the text with what cannot be written as UTF-8 replaced by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def csv_text(text: str) -> str:
    """Return a text cell that no spreadsheet takes for a formula.

    A cell that begins (after blanks) with one of `= + - @` or their wide forms, with a tab or a
    line end, or with an apostrophe gets one apostrophe in front: who reads such a cell removes
    one apostrophe from its beginning and has the text again.
    """
    clean = encodable(text)
    return f"'{clean}" if _FORMULA.match(clean) else clean


def one_line(text: str) -> str:
    """Return the text in one line, with control and format characters spelled out."""
    return "".join(_shown(char) for char in " ".join(encodable(text).split()))


def markdown_text(text: str) -> str:
    """Return the text for a cell of a Markdown table."""
    line = one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # GitHub makes a mention of @name wherever it stands.
    return _MARKDOWN.sub(r"\\\1", line).replace("@", "&#64;")


def latex_text(text: str) -> str:
    """Return the text for LaTeX. Letters beyond Latin need XeLaTeX or LuaLaTeX."""
    written = "".join(_LATEX.get(char, char) for char in one_line(text))
    return re.sub("-(?=-)", "-{}", written)  # two in a row would become a dash


def xml_text(text: str) -> str:
    """Return the text for the inside of an XML element."""
    return escape(_NOT_XML.sub("\ufffd", encodable(text)))


def xml_attribute(text: str) -> str:
    """Return the text as the value of an XML attribute, in quotes."""
    return quoteattr(_NOT_XML.sub("\ufffd", one_line(text)))


def file_name(text: str) -> str:
    """Return a name for a file: letters, digits, dots and dashes, never hidden, never empty."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.")[:100].strip("-.") or "model"


def _shown(char: str) -> str:
    # A name that hides, reorders or commands would change what a reader sees of the table.
    hidden = unicodedata.category(char) in ("Cc", "Cf", "Co", "Cn", "Zl", "Zp")
    return f"[U+{ord(char):04X}]" if hidden else char
