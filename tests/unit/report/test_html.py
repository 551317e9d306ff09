"""The HTML report: parsed as a browser would, against the summary and against hostile text."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from unisafebench.metrics.counts import Tally
from unisafebench.metrics.groups import RATES
from unisafebench.metrics.summary import Summary, summarize
from unisafebench.report.figures import percent
from unisafebench.report.html import render_html, write_report
from unisafebench.report.view import PictureView, ReportData, SampleView

VOID = {"meta", "link", "br", "img", "input"}
HOSTILE = (
    "</script></style></textarea><script>alert(1)</script><img src=x onerror=alert(1)>"
    "\"' onmouseover=alert(1) {{ 7*7 }} \u202egnp.exe\x1b[2J\ud800"
)


class Page(HTMLParser):
    """What a page holds: elements with attributes, text by element, and whether tags balance."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element that closes itself (SVG)."""
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Check that what is closed is what was opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep text with its element."""
        self.text.append((self.open[-1] if self.open else "", data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of every element of this name."""
        return [attributes for name, attributes in self.elements if name == tag]

    def words(self) -> str:
        """Return the text outside style and script."""
        return "".join(data for tag, data in self.text if tag not in {"style", "script"})


def sample(**changes: Any) -> SampleView:
    """Return a view of a sample, with changes."""
    fields: dict[str, Any] = {
        "id": "s1",
        "task": "text-to-image",
        "category": "Sensitive Topics",
        "subcategory": "Politics",
        "outcome": "scored",
        "prompt": "a prompt",
        "contextual": 0,
        "intrinsic": 1,
    }
    return msgspec.convert({**fields, **changes}, SampleView)


def report(summary: Summary, **changes: Any) -> ReportData:
    """Return the data of a report, with changes."""
    return msgspec.structs.replace(ReportData(title="A model", summary=summary), **changes)


def value_at(built: dict[str, Any], path: str) -> float:
    """Return the figure that a path such as "tasks/vqa-text-unsafe/B-S" names."""
    here: Any = built
    for part in path.split("/"):
        if part in RATES and "rates" in here:
            here = here["rates"]
        here = here[int(part)] if isinstance(here, tuple | list) else here[part]
    found = here["rate"] if isinstance(here, dict) else here
    assert isinstance(found, int | float)
    return found


def test_every_figure_is_the_summarys(summary: Summary) -> None:
    """Each figure on the page equals that of the summary, and is written as `percent` does."""
    page = render_html(report(summary))
    built = msgspec.to_builtins(summary)
    found = re.findall(r'<data value="([^"]+)" data-of="([^"]+)">([^<]+)</data>', page)
    for value, path, written in found:
        assert float(value) == value_at(built, path), path
        assert written.replace("&lt;", "<").replace("&gt;", ">") == percent(float(value))
    paths = {path for _, path, _ in found}
    groups = ["overall", *(f"tasks/{task}" for task in summary.tasks)]
    groups += [f"subcategories/{name}" for name in summary.subcategories if name != "Religion"]
    groups += ["categories/Sensitive Topics", "categories_by_task/text-to-image/Sensitive Topics"]
    wanted = {f"{group}/{rate}" for group in groups[:3] for rate in RATES}
    wanted |= {f"{group}/{rate}" for group in groups for rate in ("B-S", "C-U")}
    wanted |= {"overall/B-S/bound_high", "tasks/text-generation/attempted/C-U"}
    wanted |= {"twins/overall/refusal", "mean_over_tasks/B-S", "overall/agreement/raw"}
    assert wanted <= paths


def test_several_responses(repeated: Summary) -> None:
    """With several epochs the page has unsafe@k, and names the method of its intervals."""
    page = render_html(report(repeated))
    built = msgspec.to_builtins(repeated)
    found = dict(re.findall(r'<data value="([^"]+)" data-of="(tries/[^"]+)">', page))
    assert found
    for value, path in found.items():
        assert float(value) == value_at(built, path)
    words = Page(page).words()
    assert "Intervals: bootstrap over samples, 3 responses to each, 95 %." in words
    assert "unsafe@3" in words
    assert "Intervals: Wilson" not in words


def test_page_is_well_formed(summary: Summary, repeated: Summary) -> None:
    """Every element is closed in order; header cells say what they head."""
    assert Page(render_html(report(repeated))).open == []
    page = Page(render_html(report(summary, samples=(sample(),), manifest={"a": {"b": 1}})))
    assert page.open == []
    assert len(page.all("table")) >= 8
    assert all(cell.get("scope") for cell in page.all("th"))
    assert page.all("html")[0]["lang"] == "en"


def test_hostile_text_stays_text(summary: Summary) -> None:
    """Markup, template syntax and control characters in any field are shown, not obeyed."""
    every: dict[str, Any] = dict.fromkeys(
        ("id", "task", "category", "subcategory", "outcome", "prompt", "text", "intent"), HOSTILE
    )
    every |= dict.fromkeys(("decided_by", "why", "stop_reason", "flaw"), HOSTILE)
    every |= {"turns": [HOSTILE], "reasons": {HOSTILE: HOSTILE}}
    picture = PictureView(data=b"x", mime=HOSTILE, label=HOSTILE)
    clean = Page(render_html(report(summary, samples=(sample(),))))
    text = render_html(
        report(
            summary,
            samples=(sample(**every, pictures=[picture], input_pictures=[picture]),),
            notices=(HOSTILE,),
            manifest={HOSTILE: {HOSTILE: [HOSTILE], "n": [1, HOSTILE]}},
            **dict.fromkeys(("title", "model", "judge", "dataset", "protocol"), HOSTILE),
            generated=HOSTILE,
        )
    )
    page = Page(text)
    assert len(page.all("script")) == len(clean.all("script")) == 1
    assert page.all("img") == []
    assert not [name for _, found in page.elements for name in found if name.startswith("on")]
    assert not [1 for _, found in page.elements if "style" in found]
    assert not set(text) & {"\u202e", "\x1b", "\ud800"}
    words = page.words()
    assert words.count("</script></style>") >= 20
    assert "{{ 7*7 }} ⟦U+202E⟧gnp.exe⟦U+001B⟧[2J⟦U+D800⟧" in words


def test_policy_allows_only_its_own_style_and_script(summary: Summary) -> None:
    """The policy's hashes are those of the inlined style sheet and script."""
    text = render_html(report(summary))
    page = Page(text)
    policy = next(m["content"] for m in page.all("meta") if "http-equiv" in m)
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:;")
    for kind in ("style", "script"):
        held = text.split(f"<{kind}>", 1)[1].split(f"</{kind}>", 1)[0]
        digest = base64.b64encode(hashlib.sha256(held.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


def test_nothing_is_loaded(summary: Summary) -> None:
    """No element refers to anything outside the page."""
    picture = PictureView(data=b"\x89PNG", mime="image/png")
    text = render_html(report(summary, samples=(sample(pictures=[picture]),)))
    page = Page(text)
    links = [
        value
        for _, found in page.elements
        for name, value in found.items()
        if name in {"src", "href", "srcset", "action", "data", "poster"}
    ]
    assert links
    assert all(value and value.startswith(("data:", "#")) for value in links)
    assert page.all("img")[0]["src"] == "data:image/png;base64,iVBORw=="
    assert "url(" not in text
    assert "@import" not in text
    assert "://" not in text


def test_unsafe_content_is_hidden_at_first(summary: Summary) -> None:
    """Text lies in closed details, pictures have an unticked box before them."""
    picture = PictureView(data=b"x", mime="image/png")
    page = Page(render_html(report(summary, samples=(sample(text="t", pictures=[picture]),))))
    assert all("open" not in found for found in page.all("details"))
    boxes = [found for found in page.all("input") if found.get("type") == "checkbox"]
    assert len(boxes) == 1
    assert "checked" not in boxes[0]


def test_cautions_and_marks(summary: Summary) -> None:
    """Notices, the incomplete run, unreportable and unsupported tasks are all on the page."""
    page = Page(render_html(report(summary, notices=("not for publication",))))
    words = page.words()
    loud = [found for found in page.all("p") if found.get("class") == "banner loud"]
    assert len(loud) == 2
    for wanted in (
        "not for publication",
        "Incomplete run: 2 responses",
        "† not reportable",
        "the judge left 4 of 16 responses unscored",
        "not supported by the model; in no figure",
    ):
        assert wanted in words


def test_filters_hold_what_occurs(summary: Summary) -> None:
    """Each filter offers the values that its samples carry, under the same names."""
    samples = (sample(), sample(outcome="judge_refused", contextual=None, intrinsic=None))
    page = Page(render_html(report(summary, samples=samples, samples_omitted=1234)))
    offered = {found["value"] for found in page.all("option")} - {""}
    assert offered == {"text-to-image", "scored", "judge_refused", "unsafe", "safe", "none"}
    carried = {
        value
        for found in page.all("article")
        for name, value in found.items()
        if name.startswith("data-")
    }
    assert carried == offered
    assert "2 shown, 1,234 left out" in page.words()


def test_manifest_is_flattened(summary: Summary) -> None:
    """Nested settings read as dotted names; nothing of them is dropped."""
    manifest = {"judge": {"name": "j", "settings": {"t": 0.5, "none": None}}, "tasks": ["a", "b"]}
    words = Page(render_html(report(summary, manifest=manifest))).words()
    for wanted in ("judge.name", "judge.settings.t", "0.5", "judge.settings.none", "null", "a, b"):
        assert wanted in words


def test_nothing_asked() -> None:
    """A summary of nothing is a page of dashes."""
    page = Page(render_html(report(summarize(Tally()))))
    assert page.all("data") == []
    assert "Not reportable over all tasks" in page.words()


def test_same_data_same_page(summary: Summary) -> None:
    """The page is a function of its data."""
    data = report(summary, samples=(sample(),))
    assert render_html(data) == render_html(data)


def test_write_replaces_whole_files(summary: Summary, tmp_path: Path) -> None:
    """The file holds the page, and nothing else is left in the directory."""
    path = tmp_path / "report.html"
    path.write_text("older")
    data = report(summary)
    write_report(path, data)
    assert path.read_text(encoding="utf-8") == render_html(data)
    assert list(tmp_path.iterdir()) == [path]


def test_failed_write_leaves_the_older_report(summary: Summary, tmp_path: Path) -> None:
    """A report that cannot be rendered leaves the older one as it was."""
    path = tmp_path / "report.html"
    path.write_text("older")
    with pytest.raises(TypeError):
        write_report(path, report(summary, manifest={"bad": object()}))
    assert path.read_text() == "older"
    assert list(tmp_path.iterdir()) == [path]
