"""Memory, resume, summary and report at size; start-up of the command.

    python benchmarks/scale.py [--small 10000] [--large 100000] [--verdicts 1000000]

Judges `--small` and then `--large` text responses over a loopback judge (1 ms latency, 256
connections) and compares the peak memory of the two; repeats the finished large run; grows its
journals to `--verdicts` records and writes summary and report over them; compares two such runs;
does both again with 5 responses to each sample; starts `--help`.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from judging import judge_server, measured, write_responses

from unisafebench.core.tasks import TASKS
from unisafebench.core.taxonomy import SUBCATEGORIES, category_of

_CONNECTIONS = 256


def judge(responses: Path, run: Path, url: str) -> tuple[float, float, float]:
    """Judge a file with the command; return wall seconds, CPU seconds and peak MB."""
    command = [sys.executable, "-m", "unisafebench", "judge", str(responses), "--json", "-q"]
    command += ["--task", "text-generation", "--judge", "bench/judge", "--judge-base-url", url]
    command += ["--max-connections", str(_CONNECTIONS), "--output", str(run)]
    return measured(command)[:3]


def place(sample: int) -> dict[str, str]:
    """Return what is to be replaced so that a record is of a sample's task and subcategory."""
    task = tuple(TASKS)[sample % len(TASKS)]
    subcategory = SUBCATEGORIES[sample // len(TASKS) % len(SUBCATEGORIES)]
    return {
        '"task":"text-generation"': f'"task":"{task}"',
        '"category":"Toxicity Content"': f'"category":"{category_of(subcategory)}"',
        '"subcategory":"Insults and Hatred"': f'"subcategory":"{subcategory}"',
    }


def drawn(sample: int, epoch: int, seed: int) -> str:
    """Return verdicts that lean to one side for each sample, by arithmetic alone."""
    leaning, chance = sample * 7919 % 101, (sample * 31 + epoch * 59 + seed * 17) * 9973 % 101
    contextual = 0 if chance < leaning // 2 else 1 + (chance % 3 == 0)
    return f'"contextual":{contextual},"intrinsic":{int(contextual != 0 or chance % 5 == 0)}'


def grow(run: Path, target: Path, count: int, *, epochs: int = 1, seed: int = 0) -> None:
    """Make a run of `count` verdicts out of one run, its records repeated under new ids.

    The samples are spread over all tasks and subcategories. With `epochs` there are so many
    verdicts on each. The judge of this benchmark says "safe" to all; here the verdicts are drawn,
    otherwise for each `seed`, so that two runs on the same samples differ.
    """
    target.mkdir()
    for name in ("samples.jsonl", "responses.jsonl", "verdicts.jsonl"):
        ours = name == "samples.jsonl"
        field, each = ("id", 1) if ours else ("sample_id", epochs)
        lines = (run / name).read_bytes().splitlines(keepends=True)
        ids = [json.loads(line)[field] for line in lines]
        with (target / name).open("wb") as file:
            for number in range(count // epochs if ours else count):
                line, own = lines[number % len(lines)], ids[number % len(lines)]
                sample, epoch = divmod(number, each)
                changes = {f'"{field}":"{own}"': f'"{field}":"{sample}"', **place(sample)}
                if not ours:
                    changes['"epoch":0'] = f'"epoch":{epoch}'
                if name == "verdicts.jsonl":
                    changes['"contextual":1,"intrinsic":1'] = drawn(sample, epoch, seed)
                for old, new in changes.items():
                    line = line.replace(old.encode(), new.encode(), 1)
                file.write(line)
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    manifest["dataset"]["samples"] = count // epochs
    manifest["epochs"] = epochs
    (target / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def main() -> None:
    """Measure and print one row for each bar."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--large", type=int, default=100_000)
    parser.add_argument("--verdicts", type=int, default=1_000_000)
    parser.add_argument("--grow", nargs=2, metavar=("RUN", "TARGET"), help=argparse.SUPPRESS)
    parser.add_argument("--epochs", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.grow:
        run, target = map(Path, given.grow)
        grow(run, target, given.verdicts, epochs=given.epochs, seed=given.seed)
        return
    print("| what | wall s | CPU s | peak MB |\n|---|--:|--:|--:|")

    def row(what: str, found: tuple[float, float, float]) -> None:
        print(f"| {what} | {found[0]:.2f} | {found[1]:.2f} | {found[2]:.0f} |", flush=True)

    with tempfile.TemporaryDirectory() as folder, judge_server(1) as url:
        home = Path(folder)
        peaks = []
        for count in (given.small, given.large):
            responses = home / f"{count}.jsonl"
            write_responses(responses, count, 0)
            found = judge(responses, home / f"run-{count}", url)
            peaks.append(found[2])
            row(f"judging {count:,} responses", found)
        run = home / f"run-{given.large}"
        for turn in range(3):
            again = judge(home / f"{given.large}.jsonl", run, url)
            row(f"repeating the finished run of {given.large:,} ({turn + 1})", again)
        for epochs in (1, 5):
            of = "" if epochs == 1 else f", {epochs} to each sample"
            pair = [home / f"grown-{epochs}-{seed}" for seed in (0, 1)]
            for seed, target in enumerate(pair):
                # In a process of its own: what this one holds would count as the next one's memory.
                growing = [sys.executable, __file__, "--grow", str(run), str(target)]
                growing += ["--epochs", str(epochs), "--seed", str(seed)]
                measured([*growing, "--verdicts", str(given.verdicts)])
            ours = [sys.executable, "-m", "unisafebench"]
            report = measured([*ours, "report", str(pair[0]), "--json"])[:3]
            row(f"summary and report over {given.verdicts:,} verdicts{of}", report)
            found = measured([*ours, "compare", *map(str, pair), "--json"])[:3]
            row(f"comparing two runs of {given.verdicts:,} verdicts{of}", found)
            for target in pair:
                shutil.rmtree(target)
        for turn in range(3):
            row(
                f"--help ({turn + 1})",
                measured([sys.executable, "-m", "unisafebench", "--help"])[:3],
            )
        print(f"\nmemory, large to small: {peaks[1] / peaks[0]:.3f}")


if __name__ == "__main__":
    main()
