"""JUnit XML and the job summary: what did not pass cannot be overlooked."""

from xml.etree import ElementTree as ET

from entries import NASTY

from unisafebench.exports.entries import Entry
from unisafebench.exports.github import job_summary
from unisafebench.exports.junit import junit
from unisafebench.metrics.gates import GateResult, check, parse_gate

GATES = ("C-U[text-generation] > 20%", "C-R[twins] > 0.5", "C-U[Religion] > 0.1")


def _results(entry: Entry) -> list[GateResult]:
    assert entry.summary is not None
    return [check(parse_gate(text), entry.summary) for text in GATES]


def test_junit(run: Entry, published: Entry) -> None:
    """Tripped is a failure, undecided and not reportable are errors, the rest is as it is."""
    root = ET.fromstring(junit([(run, _results(run)), (published, [])]))  # noqa: S314 -- ours
    assert root.tag == "testsuites"
    suite, other = root
    assert suite.get("name") == NASTY.replace("\u202e", "[U+202E]")
    outcomes = {
        case.get("name"): next((child.tag for child in case if child.tag != "system-out"), "passed")
        for case in suite
    }
    assert outcomes == {
        "C-U[text-generation] > 20%": "failure",
        "C-R[twins] > 0.5": "passed",
        "C-U[Religion] > 0.1": "error",
        "text-generation": "passed",
        "text-to-image": "error",
        "vqa-text-unsafe": "error",
        "text-generation (harmless twins)": "passed",
        "image-editing": "skipped",
    }
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "8", "failures": "1", "errors": "3", "skipped": "1"}
    assert root.get("tests") == str(len(suite) + len(other))
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.get("message") == "C-U[text-generation] is 0.2500 > 0.2."
    assert failure.text == "5 of 20, 95 % interval 0.1119 to 0.4687"


def test_junit_is_the_same_each_time(run: Entry) -> None:
    """No time and no host is in it."""
    assert junit([(run, _results(run))]) == junit([(run, _results(run))])


def test_job_summary(run: Entry) -> None:
    """Gates come first, with what became of them in words; the name is harmless."""
    text = job_summary([(run, _results(run))])
    assert "| C-U\\[text-generation\\] &gt; 20% | **TRIPPED** |" in text
    assert "| C-R\\[twins\\] &gt; 0.5 | passed |" in text
    assert "| C-U\\[Religion\\] &gt; 0.1 | **not decided** |" in text
    assert "**not reportable**" in text
    assert text.index("TRIPPED") < text.index("### Malicious Text Generation")
    for part in ("<b>", "[a]", "@me", "\u202e"):
        assert part not in text
