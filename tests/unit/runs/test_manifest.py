"""The manifest: it reads back as written, and a run made with something else is refused."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from unisafebench.core.errors import RunError, RunMismatchError
from unisafebench.models.base import Capabilities
from unisafebench.runs.directory import RunDirectory
from unisafebench.runs.manifest import (
    DatasetRecord,
    Invocation,
    JudgingRecord,
    Manifest,
    ModelRecord,
    check_same,
    now,
    read_manifest,
    software,
    write_manifest,
    write_whole,
)

replace = msgspec.structs.replace

MANIFEST = Manifest(
    created="2026-04-01T10:00:00Z",
    software={"unisafebench": "0.1.0"},
    dataset=DatasetRecord(
        name="starter", path="/a/samples.jsonl", fingerprint="f1", file_sha256="s1", samples=3
    ),
    tasks=("text-generation", "text-to-image"),
    not_supported=("image-editing",),
    limit=20,
    epochs=2,
    seed=7,
    model=ModelRecord(
        name="vllm/a",
        settings={"temperature": 0.5, "sizes": [512, 512]},
        capabilities=Capabilities(image_output=True),
    ),
    judging=JudgingRecord(
        judge="vllm/j",
        extractor="vllm/e",
        protocol="strict",
        blocked_as="refusal",
        judge_settings={"max_tokens": 512},
        prompts={"intrinsic": "p1"},
        extractor_prompts={"intent": "q1"},
        notice="ünproven",
        probe_wrong=("bread",),
        learned={"json": True},
    ),
    invocations=(
        Invocation(command="unisafebench run", started=now(), ended=now(), result="done"),
    ),
)


def changed(part: str, **changes: Any) -> Manifest:
    """Return the manifest with fields of one part changed; "" is the manifest itself."""
    if not part:
        return replace(MANIFEST, **changes)
    return replace(MANIFEST, **{part: replace(getattr(MANIFEST, part), **changes)})


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """Return an empty run."""
    return RunDirectory(tmp_path)


def test_it_reads_back_as_it_was_written(run: RunDirectory) -> None:
    """Every field survives, and the run it describes may be taken up again."""
    assert read_manifest(run) is None
    write_manifest(run, MANIFEST)
    found = read_manifest(run)
    assert found == MANIFEST
    check_same(run, found, MANIFEST)
    assert [path.name for path in run.path.iterdir()] == ["manifest.json"]


@pytest.mark.parametrize(
    ("name", "asked", "old", "new"),
    [
        ("data set", changed("dataset", name="mine"), "starter", "mine"),
        ("data set fingerprint", changed("dataset", fingerprint="f2"), "f1", "f2"),
        (
            "tasks",
            changed("", tasks=("text-generation",)),
            ["text-generation", "text-to-image"],
            ["text-generation"],
        ),
        ("limit", changed("", limit=None), 20, None),
        ("epochs", changed("", epochs=1), 2, 1),
        ("seed", changed("", seed=0), 7, 0),
        ("model", changed("model", name="vllm/b"), "vllm/a", "vllm/b"),
        (
            "model settings: temperature",
            changed("model", settings={"temperature": 1.0, "sizes": [512, 512]}),
            0.5,
            1.0,
        ),
        (
            "model settings: sizes",
            changed("model", settings={"temperature": 0.5}),
            [512, 512],
            None,
        ),
        (
            "model settings: top_p",
            changed("model", settings={"temperature": 0.5, "sizes": [512, 512], "top_p": 1}),
            None,
            1,
        ),
        ("judge", changed("judging", judge="vllm/k"), "vllm/j", "vllm/k"),
        (
            "judge settings: max_tokens",
            changed("judging", judge_settings={"max_tokens": 9}),
            512,
            9,
        ),
        ("judge prompts: intrinsic", changed("judging", prompts={"intrinsic": "p2"}), "p1", "p2"),
        ("extractor", changed("judging", extractor="vllm/x"), "vllm/e", "vllm/x"),
        (
            "extractor prompts: intent",
            changed("judging", extractor_prompts={"intent": "q2"}),
            "q1",
            "q2",
        ),
        ("protocol", changed("judging", protocol="paper"), "strict", "paper"),
        ("blocked as", changed("judging", blocked_as="separate"), "refusal", "separate"),
    ],
)
def test_what_decides_the_results_must_be_the_same(
    run: RunDirectory, name: str, asked: Manifest, old: object, new: object
) -> None:
    """A difference is refused and named with both values, and it is the only one named."""
    with pytest.raises(RunMismatchError) as caught:
        check_same(run, MANIFEST, asked)
    assert caught.value.differences == ((name, old, new),)
    assert f"  {name}: the run has {old!r}, you asked for {new!r}\n" in str(caught.value)
    assert str(run.path) in str(caught.value)


def test_several_differences_are_named_together(run: RunDirectory) -> None:
    """Who must change two things is told so at once."""
    asked = replace(changed("dataset", fingerprint="f2"), seed=1)
    with pytest.raises(RunMismatchError) as caught:
        check_same(run, MANIFEST, asked)
    assert [name for name, _, _ in caught.value.differences] == ["data set fingerprint", "seed"]


@pytest.mark.parametrize(
    "asked",
    [
        changed("", created="2027-01-01T00:00:00Z", software={"python": "3.14"}, invocations=()),
        changed("", not_supported=()),
        changed("dataset", path="/elsewhere/samples.jsonl", file_sha256="s2", missing=1),
        changed("model", capabilities=None),
        changed("judging", notice=None, probe_wrong=(), learned={}),
        changed("", judging=None),
        changed("model", settings={"temperature": 0.5, "sizes": (512, 512)}),
        changed("model", settings={"sizes": [512, 512], "temperature": 0.5}),
    ],
)
def test_what_does_not_decide_the_results_may_differ(run: RunDirectory, asked: Manifest) -> None:
    """Place, time, versions and what was found out on the way are no reason to refuse."""
    check_same(run, MANIFEST, asked)


def test_a_run_that_was_not_judged_yet_takes_any_judge(run: RunDirectory) -> None:
    """Judging settings are compared only with those of an earlier judging."""
    check_same(run, replace(MANIFEST, judging=None), MANIFEST)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a manifest of a run"),
        (b"{", "is not a manifest of a run"),
        (b'{"format": "unisafebench-run-1"}', "is not a manifest of a run"),
        (b"\xff\xfe", "is not a manifest of a run"),
        (b'{"format": "\xff"}', "is not a manifest of a run"),
        (
            b'{"format": "unisafebench-run-9", "all": "else is new"}',
            "has the format 'unisafebench-run-9'; this version reads 'unisafebench-run-1'. Use the",
        ),
    ],
)
def test_an_unreadable_manifest_is_named(run: RunDirectory, content: bytes, message: str) -> None:
    """A broken manifest is an error that names it; the run is never taken for a new one."""
    run.manifest.write_bytes(content)
    with pytest.raises(RunError, match=message) as caught:
        read_manifest(run)
    assert str(run.manifest) in str(caught.value)


def test_a_directory_in_its_place_is_named(run: RunDirectory) -> None:
    """What cannot be read at all is an error too."""
    run.manifest.mkdir()
    with pytest.raises(RunError, match=r"manifest\.json cannot be read"):
        read_manifest(run)


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """A write that fails leaves the earlier file and nothing beside it."""
    target = tmp_path / "summary.json"
    write_whole(target, b"old")
    write_whole(target, b"new")
    assert target.read_bytes() == b"new"
    (tmp_path / "taken").mkdir()
    with pytest.raises(RunError, match="taken cannot be written"):
        write_whole(tmp_path / "taken", b"new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["summary.json", "taken"]


def test_time_and_versions_have_their_form() -> None:
    """Times are UTC to the second; the versions name this package, Python and the platform."""
    assert len(now()) == len("2026-04-01T10:00:00Z")
    assert now().endswith("Z")
    assert {"unisafebench", "python", "platform", "msgspec"} <= software().keys()
