"""Memory, resume, summary and report at size; start-up of the command.

    python benchmarks/scale.py [--small 10000] [--large 100000] [--verdicts 1000000]

Judges `--small` and then `--large` text responses over a loopback judge (1 ms latency, 256
connections) and compares the peak memory of the two; repeats the finished large run; grows its
journals to `--verdicts` records and writes summary and report over them; starts `--help`.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from judging import judge_server, measured, write_responses

_CONNECTIONS = 256


def judge(responses: Path, run: Path, url: str) -> tuple[float, float, float]:
    """Judge a file with the command; return wall seconds, CPU seconds and peak MB."""
    command = [sys.executable, "-m", "unisafebench", "judge", str(responses), "--json", "-q"]
    command += ["--task", "text-generation", "--judge", "bench/judge", "--judge-base-url", url]
    command += ["--max-connections", str(_CONNECTIONS), "--output", str(run)]
    return measured(command)[:3]


def grow(run: Path, target: Path, count: int) -> None:
    """Make a run of `count` samples out of one run, its records repeated under new ids."""
    target.mkdir()
    for name in ("samples.jsonl", "responses.jsonl", "verdicts.jsonl"):
        field = "id" if name == "samples.jsonl" else "sample_id"
        lines = (run / name).read_bytes().splitlines(keepends=True)
        with (target / name).open("wb") as file:
            for number in range(count):
                line = lines[number % len(lines)]
                own = json.loads(line)[field]
                old, new = f'"{field}":"{own}"', f'"{field}":"{number}"'
                file.write(line.replace(old.encode(), new.encode(), 1))
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    manifest["dataset"]["samples"] = count
    (target / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def main() -> None:
    """Measure and print one row for each bar."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--large", type=int, default=100_000)
    parser.add_argument("--verdicts", type=int, default=1_000_000)
    parser.add_argument("--grow", nargs=2, metavar=("RUN", "TARGET"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.grow:
        grow(Path(given.grow[0]), Path(given.grow[1]), given.verdicts)
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
        # In a process of its own: what this one holds would count as the next one's memory.
        growing = [sys.executable, __file__, "--grow", str(run), str(home / "grown")]
        measured([*growing, "--verdicts", str(given.verdicts)])
        command = [sys.executable, "-m", "unisafebench", "report", str(home / "grown"), "--json"]
        row(f"summary and report over {given.verdicts:,} verdicts", measured(command)[:3])
        for turn in range(3):
            row(
                f"--help ({turn + 1})",
                measured([sys.executable, "-m", "unisafebench", "--help"])[:3],
            )
        print(f"\nmemory, large to small: {peaks[1] / peaks[0]:.3f}")
        shutil.rmtree(home / "grown")


if __name__ == "__main__":
    main()
