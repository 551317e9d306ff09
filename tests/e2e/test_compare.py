"""Comparing runs whose verdicts a judge behind an endpoint gave as the test decided."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import Command, Ended, write_rows
from loopback import LoopbackServer, Reply, say, words_of

SAMPLES = 30


def _judge(body: dict[str, Any]) -> Reply:
    """Give the verdicts that stand in the response; of the probe's examples all are safe."""
    text = words_of(body)
    contextual, intrinsic = 1, 1
    if found := re.search(r"Response of kind (\w)(\w)\.", text):
        if found[1] == "x":
            return say("I do not know what to make of it.")
        contextual, intrinsic = int(found[1]), int(found[2])
    result = contextual if "Tell me about" in text else intrinsic
    return say(f'{{"reason": "As decided.", "result": {result}}}')


@pytest.fixture(scope="module")
def judge() -> Iterator[LoopbackServer]:
    """Return the judge's endpoint."""
    with LoopbackServer(_judge) as server:
        yield server


def _judged(
    command: Command,
    directory: Path,
    judge: LoopbackServer,
    name: str,
    kinds: list[str],
    *more: str,
) -> Ended:
    """Judge a file of responses into a run of the same name."""
    rows = [
        {
            "id": number,
            "prompt": f"Tell me about topic {number}.",
            "category": "Politics",
            "intention": "The user wants something of this category.",
            "output_image": None,
            "generated_text": f"Response of kind {kind}.",
            "reject_image": False,
        }
        for number, kind in enumerate(kinds)
    ]
    write_rows(directory / f"{name}.jsonl", rows)
    return command(
        "judge", f"{name}.jsonl", "--task", "text-generation", "--judge", "vllm/known",
        "--judge-base-url", judge.url, "--model-name", name, "-o", name, "-q", *more,
    )  # fmt: skip


def _kinds(unsafe: range) -> list[str]:
    return ["00" if number in unsafe else "21" for number in range(SAMPLES)]


def test_a_planted_difference_is_found(
    command: Command, tmp_path: Path, judge: LoopbackServer
) -> None:
    """6 and 15 of 30 unsafe with 3 in common: the tables, the files and the p-value agree."""
    assert _judged(command, tmp_path, judge, "base", _kinds(range(6))).code == 0
    assert _judged(command, tmp_path, judge, "unified", _kinds(range(3, 18))).code == 0
    (tmp_path / "families.toml").write_text('[[family]]\nunified = "unified"\nllm = "base"\n')
    ended = command(
        "compare", "base", "unified", "--families", "families.toml",
        "--output", "c.json", "--output", "c.md", env={"COLUMNS": "100"},
    )  # fmt: skip
    assert ended.code == 0, ended.err
    rows = [" ".join(line.split()) for line in ended.out.splitlines()]
    assert any(row.startswith("text-generation C-U 20.0 50.0 +30.0 [") for row in rows)
    assert any(row.endswith("+12 -3") for row in rows)
    assert "Cost of unification: unified less base" in rows
    ids = "text-generation/6, text-generation/7, text-generation/8, text-generation/9"
    assert f"C-U in unified only: {ids}, text-generation/10 and 7 more" in rows
    found = json.loads((tmp_path / "c.json").read_text())
    delta = found["pairs"][0]["tasks"]["text-generation"]["rates"]["C-U"]
    # Exact McNemar of 12 against 3: 2 (1 + 15 + 105 + 455) / 2^15, and Holm over four of them.
    assert delta["difference"]["p_value"] == pytest.approx(1152 / 32768)
    assert delta["p_adjusted"] == pytest.approx(4 * 1152 / 32768)
    assert [flip["sample_id"] for flip in found["pairs"][0]["flips"]["C-U"]["only_first"]] == [
        "0", "1", "2",
    ]  # fmt: skip
    assert "| text-generation | C-U | 20.0 | 50.0 | +30.0 [" in (tmp_path / "c.md").read_text()

    published = command("diff", "published:Bagel", "unified", "--json")
    assert published.code == 0, published.err
    pair = json.loads(published.out)["pairs"][0]
    assert (pair["mark"], pair["shared_tasks"]) == ("published, unpaired", ["text-generation"])
    assert pair["overall"]["rates"]["C-U"]["second"]["n"] == SAMPLES


def test_other_ways_of_judging_are_refused(
    command: Command, tmp_path: Path, judge: LoopbackServer
) -> None:
    """Another protocol stops the comparison; allowed, it is shown above the figures."""
    _judged(command, tmp_path, judge, "one", _kinds(range(2)))
    _judged(command, tmp_path, judge, "two", _kinds(range(2)), "--protocol", "paper")
    refused = command("compare", "one", "two")
    assert refused.code == 2
    assert "protocol: one has strict, two has paper" in refused.err
    assert not refused.out
    allowed = command("compare", "one", "two", "--allow-different")
    assert allowed.code == 0, allowed.err
    assert "! Not made in the same way: protocol is strict in one and paper in two." in allowed.out


def test_other_samples_are_refused(command: Command, tmp_path: Path, judge: LoopbackServer) -> None:
    """A run on fewer samples is not compared as if it were the same."""
    _judged(command, tmp_path, judge, "all", _kinds(range(2)))
    _judged(command, tmp_path, judge, "few", _kinds(range(2))[:10])
    refused = command("compare", "all", "few")
    assert refused.code == 2
    assert "samples of text-generation: all has 30 samples, few has 10, 10 the same" in refused.err
    allowed = command("compare", "all", "few", "--allow-different")
    assert "left out: 20 (20 not asked in few)" in allowed.out


def test_unscored_responses_end_in_exit_code_3(
    command: Command, tmp_path: Path, judge: LoopbackServer
) -> None:
    """What the judge gave no verdict on is left out of both, counted, and said."""
    _judged(command, tmp_path, judge, "one", _kinds(range(2)))
    torn = _judged(command, tmp_path, judge, "two", ["xx", *_kinds(range(2))[1:]])
    assert torn.code == 3
    ended = command("compare", "one", "two")
    assert ended.code == 3
    assert "left out: 1 (1 unparsed in two only)" in ended.out
    assert "N = 29" in ended.out
    assert "exit code 3" in ended.err


def test_bad_input_gets_one_message(
    command: Command, tmp_path: Path, judge: LoopbackServer
) -> None:
    """What cannot be compared ends with exit code 2 and one message on stderr."""
    _judged(command, tmp_path, judge, "one", _kinds(range(2)))
    generated = command("generate", "-m", "demo", "--limit", "1", "-o", "responses", "-q")
    assert generated.code in {0, 3}, generated.err
    _judged(command, tmp_path, judge, "old", _kinds(range(2)))
    manifest = json.loads((tmp_path / "old" / "manifest.json").read_text())
    (tmp_path / "old" / "manifest.json").write_text(json.dumps(manifest | {"format": "other-0"}))
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.toml").write_text("[[family]")
    for arguments, message in (
        (("one",), "one alone cannot be compared"),
        (("one", "one/"), "named twice"),
        (("one", "empty"), "empty is no run"),
        (("one", "responses"), "responses has no verdicts to compare"),
        (("one", "old"), "other-0"),
        (("one", "published:Nobody"), "unknown published model"),
        (("one", "published:Bagel", "--families", "bad.toml"), "bad.toml: not TOML"),
        (("one", "published:Bagel", "--baseline", "two"), "none of the runs"),
        ((), "Missing argument"),
    ):
        ended = command("compare", *arguments)
        assert ended.code == 2, arguments
        assert message in ended.err
        assert not ended.out
    listed = command("compare", "published:")
    assert listed.code == 0
    assert len(listed.out.splitlines()) == 16


def test_utility_puts_the_runs_on_the_plane(
    command: Command, tmp_path: Path, judge: LoopbackServer
) -> None:
    """One model is safer and more useful than the other: it alone is on the front."""
    _judged(command, tmp_path, judge, "base", _kinds(range(6)))
    _judged(command, tmp_path, judge, "unified", _kinds(range(3, 18)))
    (tmp_path / "scores.csv").write_text(
        "model,task,metric,score,n,source\nbase,text-generation,acc,0.74,1000,own\n"
        "unified,text-generation,acc,0.66,1000,own\n"
    )
    arguments = ("compare", "base", "unified", "--utility", "scores.csv")
    ended = command(*arguments, "-o", "c.json", "-o", "c.md")
    assert ended.code == 0, ended.err
    plane = json.loads((tmp_path / "c.json").read_text())["plane"]
    assert [(each["model"], each["on_front"]) for each in plane["points"]] == [
        ("base", True),
        ("unified", False),
    ]
    # 24 and 15 of 30 are safe in both verdicts.
    assert [each["safety"]["count"] for each in plane["points"]] == [24, 15]
    assert "Safety and utility" in ended.out
    assert "## Safety and utility" in (tmp_path / "c.md").read_text()


def test_a_published_model_brings_its_own_utility(command: Command) -> None:
    """As printed, with an error that nobody knows."""
    ended = command("compare", "published:Bagel", "published:Qwen2.5-7B-Instruct", "--json")
    points = json.loads(ended.out)["plane"]["points"]
    assert [(each["model"], each["utility"]["value"]) for each in points] == [
        ("Qwen2.5-7B-Instruct", 0.741),
        ("Bagel", 0.667),
    ]
    assert all(each["membership"] is None for each in points)


def test_gates_are_checked_on_every_run(
    command: Command, tmp_path: Path, judge: LoopbackServer
) -> None:
    """One drops by 9 of 30 and trips; a change from a run is no gate on that run itself."""
    _judged(command, tmp_path, judge, "base", _kinds(range(6)))
    _judged(command, tmp_path, judge, "unified", _kinds(range(3, 18)))
    gate = ("--fail-if", "B-S drops by 0.02 vs base at p<0.05")
    ended = command("compare", "base", "unified", *gate)
    assert ended.code == 1
    (said,) = [line for line in ended.err.splitlines() if line.startswith("unified: Gate: ")]
    assert "B-S" in said
    assert command("compare", "base", "unified", "--fail-if", "B-S < 10%").code == 0
    assert command("compare", "base", "unified", "--fail-if", "B-S rises by 1% vs base").code == 0
    broken = command("compare", "base", "unified", "--fail-if", "B-S drops by")
    assert broken.code == 2
    assert "^" in broken.err


def test_a_map_without_a_file_is_refused(command: Command) -> None:
    """It would have no effect."""
    ended = command("compare", "published:Bagel", "published:Tar-7B", "--utility-map", "a=t2i")
    assert ended.code == 2
    assert "add --utility" in ended.err


def test_several_judges_of_the_same_responses(
    command: Command, tmp_path: Path, judge: LoopbackServer
) -> None:
    """The same judge twice agrees wholly; another one that calls three of them safe does not."""

    def other(body: dict[str, Any]) -> Reply:
        return _judge(json.loads(json.dumps(body).replace("kind 00", "kind 11")))

    _judged(command, tmp_path, judge, "one", _kinds(range(3)))
    with LoopbackServer(other) as milder:
        again = command(
            "judge", "one", "--judge", "vllm/mild", "--judge-base-url", milder.url,
            "-o", "two", "-q",
        )  # fmt: skip
    assert again.code == 0, again.err
    refused = command("compare", "one", "two")
    assert refused.code == 2
    assert "say --judges" in refused.err
    ended = command("compare", "--judges", "one", "two", "-o", "j.json", "-o", "j.md")
    assert ended.code == 0, ended.err
    rows = [" ".join(line.split()) for line in ended.out.splitlines()]
    assert "text-generation C-U 10.0 0.0 0.0 to 10.0 10.0" in rows
    found = json.loads((tmp_path / "j.json").read_text())
    assert found["format"] == "unisafebench-judges-1"
    assert found["overall"]["contextual"]["same"] == 27
    assert "| text-generation | C-U | 10.0 | 0.0 |" in (tmp_path / "j.md").read_text()
    for more, message in (
        (("published:Bagel",), "of published results none are known"),
        (("two", "--fail-if", "C-U > 1%"), "leave out --fail-if"),
        ((), "one alone cannot be compared"),
    ):
        wrong = command("compare", "--judges", "one", *more)
        assert wrong.code == 2
        assert message in wrong.err


def test_several_epochs_are_seen(command: Command, tmp_path: Path, judge: LoopbackServer) -> None:
    """Of 25 samples with 2 responses 10 are unsafe once, 5 twice: 40 % of tries, 60 % of pairs."""
    samples = [
        {
            "id": str(number), "task": "text-generation", "category": "Sensitive Topics",
            "subcategory": "Politics", "prompt": f"Tell me about topic {number}.", "intent": "So.",
        }
        for number in range(25)
    ]  # fmt: skip
    write_rows(tmp_path / "samples.jsonl", samples)
    for name, twice in (("base", 5), ("unified", 15)):
        responses = [
            {
                "sample_id": str(number), "task": "text-generation", "epoch": epoch, "model": name,
                "text": f"Response of kind {'00' if number < (15, twice)[epoch] else '11'}.",
            }
            for number in range(25)
            for epoch in range(2)
        ]  # fmt: skip
        write_rows(tmp_path / f"{name}.jsonl", responses)
        ended = command(
            "judge", f"{name}.jsonl", "-d", "samples.jsonl", "--judge", "vllm/known",
            "--judge-base-url", judge.url, "--model-name", name, "-o", name, "-q",
        )  # fmt: skip
        assert ended.code == 0, ended.err
    assert "@2 60.0" in command("report", "base").out
    found = json.loads((tmp_path / "base" / "summary.json").read_text())
    unsafe = found["tries"]["overall"]["C-U"]
    assert (unsafe["never"], unsafe["sometimes"], unsafe["always"]) == (10, 10, 5)
    assert [at["value"] for at in unsafe["unsafe_at"]] == pytest.approx([0.4, 0.6])
    compared = command("compare", "base", "unified")
    assert compared.code == 0, compared.err
    rows = [" ".join(line.split()) for line in compared.out.splitlines()]
    assert any(row.startswith("text-generation base C-U 25 10 10 5 40.0 60.0") for row in rows)
    assert any(row.startswith("of 25 samples I-U 40.0 60.0 +20.0") for row in rows)
    exported = command("export", "base", "--format", "csv", "--what", "samples").out.splitlines()
    assert len(exported) == 26
    assert exported[1].endswith(",0,false,,2,2,2,0,2,0,1.0,1.0")
