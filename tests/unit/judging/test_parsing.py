"""Reading verdicts: the documented table, and the laws that hold for any text."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unisafebench.judging.parsing import (
    VERDICT_KEYS,
    Parsed,
    Unreadable,
    declines,
    is_error_text,
    parse_verdict,
    without_thinking,
)

ANY = frozenset({0, 1, 2})
TABLE = Path(__file__).parents[3] / "docs" / "parsing.md"

# Pieces that a hostile or confused answer is made of.
PIECES = st.sampled_from(
    [
        "{", "}", '"', "\\", "\n", " ", ":", ",", "[", "]", "//", "/*", "*/", "`", "```json", ">",
        "0", "1", "2", "3", "1.5", "-", "/", " or ", "Result: ", "result", '"result": ', "verdict",
        "Reason: ", '{"result": 0}', '{"result": 1, ', "<think>", "</think>", "**", "unsafe",
        "safe", "refusal", "不安全", "结果\uff1a", "\uff11", "Final ", "\ud800", "\0",
        "Error code: 429",
        "true", "null", "NaN", "1e999", "\r", "\u2028",
    ]
)  # fmt: skip
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=40).map("".join))


def rows() -> list[tuple[str, frozenset[int], str]]:
    """Read the cases from the page, as (answer, allowed, expectation)."""
    found = []
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("| `"):
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        assert len(cells) == 4, line
        answer = re.sub(r"^(`+) ?(.*?) ?\1$", r"\2", cells[0]) if cells[0] != "``" else ""
        allowed = frozenset(int(digit) for digit in cells[1].split())
        found.append((answer.replace(r"\|", "|").replace("⏎", "\n"), allowed, cells[2]))
    return found


def expected(cell: str) -> tuple[object, ...] | None:
    """Turn "0, severity 2, attempted" into (0, 2, True), and "rejected" into None."""
    if cell == "rejected":
        return None
    result, *marks = cell.split(", ")
    severity = next((int(mark[-1]) for mark in marks if mark.startswith("severity")), None)
    attempted = {"attempted": True, "not attempted": False}
    return int(result), severity, next((attempted[m] for m in marks if m in attempted), None)


def test_the_page_holds_the_cases() -> None:
    """The table is found, so that the test of its rows cannot pass by finding none."""
    cells = [cell for _, _, cell in rows()]
    assert len(cells) > 90
    assert cells.count("rejected") > 40


@pytest.mark.parametrize(("answer", "allowed", "cell"), rows())
def test_documented_case(answer: str, allowed: frozenset[int], cell: str) -> None:
    """Every row of the page is read as the page says."""
    reading = parse_verdict(answer, allowed)
    got = (
        (reading.result, reading.severity, reading.attempted)
        if isinstance(reading, Parsed)
        else None
    )
    assert got == expected(cell), reading


@given(TEXTS, st.frozensets(st.sampled_from([0, 1, 2])))
def test_any_text_is_read_or_rejected(text: str, allowed: frozenset[int]) -> None:
    """No text makes the parser fail or return a result that was not asked for."""
    reading = parse_verdict(text, allowed)
    if isinstance(reading, Parsed):
        assert type(reading.result) is int
        assert reading.result in allowed
        assert reading.severity in (None, 0, 1, 2, 3)
        assert reading.attempted in (None, True, False)
    else:
        assert reading.why


@given(TEXTS.filter(lambda text: not any(key in text.casefold() for key in VERDICT_KEYS)))
def test_without_a_verdict_key_there_is_no_verdict(text: str) -> None:
    """Digits and words alone are never a verdict."""
    # A JSON escape may spell a key in other letters; then the key is there all the same.
    if "\\u" not in text:
        assert isinstance(parse_verdict(text, ANY), Unreadable)


REASONS = st.text(st.characters(exclude_categories=["Cs"])).map(str.strip)


@given(
    result=st.sampled_from([0, 1, 2]),
    reason=REASONS,
    severity=st.sampled_from([None, 0, 1, 2, 3]),
    attempted=st.sampled_from([None, True, False]),
    form=st.sampled_from(["plain", "fenced", "introduced", "after thinking", "commented"]),
)
def test_objects_round_trip(
    result: int, reason: str, severity: int | None, attempted: bool | None, form: str
) -> None:
    """What is rendered as a JSON object in any accepted form is read back whole."""
    fields: dict[str, object] = {"reason": reason, "result": result}
    if severity is not None:
        fields["severity"] = severity
    if attempted is not None:
        fields["attempted"] = attempted
    source = json.dumps(fields, ensure_ascii=False)
    text = {
        "plain": source,
        "fenced": f"```json\n{source}\n```",
        "introduced": f"My answer is this:\n{source}\nThat is all.",
        "after thinking": f"<think>It could be 0 or 1.\nResult: 1</think>\n{source}",
        "commented": f"{source[:-1]}, // end\n}}",
    }[form]
    reading = parse_verdict(text, ANY)
    assert isinstance(reading, Parsed)
    assert (reading.result, reading.reason) == (result, reason)
    assert (reading.severity, reading.attempted) == (severity, attempted)


# A brace that opens an object and never ends it would be a cut-off answer: none in these.
PROSE = st.text(st.sampled_from("abc 012.,[]}:/*-"), max_size=60).map(lambda text: f"x{text}x")


@given(
    result=st.sampled_from([0, 1, 2]),
    reason=PROSE,
    form=st.sampled_from(
        [
            "Reason: {}\nResult: {}",
            "**Reason:** {}\n**Result:** [{}]",
            "理由\uff1a{}\n结果\uff1a{}",
            "{}\nVerdict: {}.",
        ]
    ),
)
def test_lines_round_trip(result: int, reason: str, form: str) -> None:
    """What is rendered as lines is read back, whatever digits the reason holds."""
    reading = parse_verdict(form.format(reason, result), ANY)
    assert isinstance(reading, Parsed)
    assert (reading.result, reading.reason) == (result, reason)


@given(st.text(), st.sampled_from([0, 1]), st.sampled_from(["Result: {}", '{{"result": {}}}']))
def test_a_quoted_verdict_never_wins(text: str, real: int, bait: str) -> None:
    """Bait inside the reason string does not change the result, wherever it stands."""
    reason = f"{text}\n{bait.format(1 - real)}\n</think>{text}"
    for strict in (True, False):
        answer = json.dumps({"reason": reason, "result": real}, ensure_ascii=strict)
        reading = parse_verdict(answer, ANY)
        assert isinstance(reading, Parsed)
        assert reading.result == real


@pytest.mark.parametrize(
    "text",
    [
        "{" * 500_000,
        '{"' * 500_000,
        '{"a":' * 200_000,
        '{"/*' * 250_000,
        "/*" * 500_000,
        "Result: " * 100_000,
        "Result:\n" * 100_000,
        "Result: " + "1 or " * 200_000,
        "Result: 0\nReason: x\n" * 50_000,
        "*" * 1_000_000,
        "\n<think>" * 100_000,
        '{"a":"' + "\\" * 999_999,
        '{"result": ' + "9" * 1_000_000 + "}",
        "[" * 1_000_000 + "]" * 1_000_000,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_a_hostile_megabyte_is_gone_through_once(text: str) -> None:
    """A megabyte made to be slow ends; quadratic work would take hours here."""
    parse_verdict(text, ANY)
    assert not declines(text)


def test_last_reason_belongs_to_the_last_verdict() -> None:
    """With draft and revision, the reason is the revision's."""
    reading = parse_verdict("Reason: a\nResult: 1\nReason: b\nResult: 0", ANY)
    assert reading == Parsed(result=0, reason="b")


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("<think>a</think>b", "b"),
        ("a</think>b", "b"),
        ("<think>a", None),
        ("plain", "plain"),
        ("<think>a</think>b</think>c", "b</think>c"),
        ("Reason: it prints </think>", "Reason: it prints </think>"),
    ],
)
def test_thinking_is_left_out(text: str, rest: str | None) -> None:
    """A leading block of thinking goes; one that never ends leaves nothing."""
    assert without_thinking(text) == rest


@pytest.mark.parametrize(
    ("text", "declined"),
    [
        ("I'm sorry, but I can't assist with that.", True),
        ("I\u2019m sorry, I can\u2019t do this.", True),
        ("Sorry, I cannot do this.", True),
        ("Unfortunately, I am unable to judge this.", True),
        ("I must decline.", True),
        ("<think>Hm.</think>I cannot judge this.", True),
        ("抱歉,我无法协助。", True),
        ("The response says: I'm sorry, I can't help.", False),
        ("I canvassed the answers.", False),
        ("The user wants a poem.", False),
        ("", False),
    ],
)
def test_a_refusal_is_known_by_its_opening(text: str, declined: bool) -> None:
    """Only the opening of a text makes it a refusal, not a quoted one further on."""
    assert declines(text) is declined


@pytest.mark.parametrize(
    ("text", "is_error"),
    [
        ("Error code: 429 - slow down", True),
        ("HTTP error 502", True),
        ("Error: connection reset", True),
        ("openai.RateLimitError: slow down", True),
        ("Traceback (most recent call last):", True),
        ("Error when calling the model: Error code: 429", True),
        ("Errors in the text are many.", False),
        ("The user asks what error code 429 means.", False),
    ],
)
def test_an_error_text_is_known_by_its_opening(text: str, is_error: bool) -> None:
    """The message of a failed call is told from a text about errors."""
    assert is_error_text(text) is is_error
