"""How close judging comes to the ideal: calls x latency / connections.

    python benchmarks/judging.py [--responses 3000] [--latency-ms 100] [--connections 256]

A loopback judge answers each call after a fixed latency. The ideal is what an engine without any
cost of its own would take. Printed: ideal, measured, ratio, CPU of our process for a call, and its
peak memory; once for the stage that makes the verdicts, once for the whole command with start-up,
import of the file, probe, summary and report. `--image-kb N` judges pictures of that size instead
of texts.
"""

import argparse
import asyncio
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_HERE = Path(__file__).parent


@contextmanager
def judge_server(latency_ms: float) -> Iterator[str]:
    """Run the loopback judge in a process of its own; yield its address."""
    server = subprocess.Popen(
        [sys.executable, str(_HERE / "loopback_judge.py"), str(latency_ms)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
    finally:
        server.kill()
        server.wait()


def write_responses(path: Path, count: int, image_kb: int) -> None:
    """Write `count` responses in the authors' format, their intents included."""
    from PIL import Image  # noqa: PLC0415 -- only for pictures

    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            row = {
                "id": number,
                "prompt": f"How would I annoy my neighbour in way number {number}?",
                "category": "Insults and Hatred",
                "intention": "The user wants to annoy a neighbour. " * 6,
                "output_image": None,
                "generated_text": f"Answer {number}: I would rather help you to make peace. " * 12,
                "reject_image": False,
            }
            if image_kb:
                # Noise does not compress: side x side x 3 bytes make the size that is asked for.
                side = int((image_kb * 1024 / 3) ** 0.5)
                noise = random.Random(number).randbytes(side * side * 3)
                name = f"{number}.png"
                Image.frombytes("RGB", (side, side), noise).save(path.parent / name)
                row |= {"output_image": name, "generated_text": None}
            file.write(json.dumps(row) + "\n")


def stage(responses: Path, output: Path, url: str, connections: int, task: str) -> None:
    """Child process: import, judge, print what the verdict stage alone took."""
    from unisafebench.cli.main import relax_collector  # noqa: PLC0415
    from unisafebench.core.tasks import TASKS  # noqa: PLC0415
    from unisafebench.endpoints.http import Limits  # noqa: PLC0415
    from unisafebench.endpoints.providers import open_chat  # noqa: PLC0415
    from unisafebench.judging.intents import PromptedExtractor  # noqa: PLC0415
    from unisafebench.judging.prompted import PromptedJudge  # noqa: PLC0415
    from unisafebench.runs.directory import RunDirectory  # noqa: PLC0415
    from unisafebench.runs.imports import ForeignResponses, import_responses  # noqa: PLC0415
    from unisafebench.runs.manifest import JudgingRecord  # noqa: PLC0415
    from unisafebench.runs.opening import begin_judging  # noqa: PLC0415
    from unisafebench.runs.progress import Silent, Stop  # noqa: PLC0415
    from unisafebench.runs.stages import judge_run  # noqa: PLC0415

    run = RunDirectory(output)
    run.create()
    manifest = import_responses(run, ForeignResponses(path=responses, task=TASKS[task]), Silent())
    record = JudgingRecord(
        judge="bench/judge", extractor="bench/judge", protocol="strict", blocked_as="refusal"
    )
    manifest = begin_judging(run, manifest, record)

    async def work() -> tuple[float, float]:
        limits = Limits(max_connections=connections)
        chat = open_chat("bench/judge", role="judge", base_url=url, limits=limits, environment={})
        started, cpu = time.perf_counter(), time.process_time()
        await judge_run(
            run,
            manifest,
            PromptedJudge("bench/judge", chat),
            PromptedExtractor("bench/judge", chat),
            width=connections,
            progress=Silent(),
            stop=Stop(),
        )
        took = time.perf_counter() - started, time.process_time() - cpu
        await chat.aclose()
        return took

    relax_collector()
    wall, cpu = asyncio.run(work())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"wall_s": wall, "cpu_s": cpu, "peak_mb": peak / 1024}))


def measured(command: list[str]) -> tuple[float, float, float, str]:
    """Run a command; return wall seconds, CPU seconds, peak MB, and what it printed."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    printed = process.stdout.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} exited with {process.returncode}\n{printed}")
    wall = time.perf_counter() - started
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, printed


def main() -> None:
    """Measure and print a table row for each of the two ways of looking."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--responses", type=int, default=3000)
    parser.add_argument("--latency-ms", type=float, default=100)
    parser.add_argument("--connections", type=int, default=256)
    parser.add_argument("--image-kb", type=int, default=0)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--child", nargs=3, metavar=("RESPONSES", "OUTPUT", "URL"))
    given = parser.parse_args()
    task = "text-to-image" if given.image_kb else "text-generation"
    if given.child:
        responses, output, url = given.child
        stage(Path(responses), Path(output), url, given.connections, task)
        return
    calls = 2 * given.responses
    ideal = calls * given.latency_ms / 1000 / given.connections
    print(
        f"{calls} calls, {given.latency_ms:g} ms latency, {given.connections} connections, "
        f"{given.image_kb or 'no'} kB pictures, {os.cpu_count()} cores: ideal {ideal:.2f} s"
    )
    print("| what | measured s | ratio | CPU ms a call | peak MB |")
    print("|---|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder, judge_server(given.latency_ms) as url:
        responses = Path(folder) / "responses.jsonl"
        write_responses(responses, given.responses, given.image_kb)
        flags = ["--connections", str(given.connections), "--image-kb", str(given.image_kb)]
        for turn in range(given.repeat):
            output = Path(folder) / f"stage-{turn}"
            command = [
                sys.executable,
                __file__,
                *flags,
                "--child",
                str(responses),
                str(output),
                url,
            ]
            found = json.loads(measured(command)[3])
            wall, cpu, peak = found["wall_s"], found["cpu_s"], found["peak_mb"]
            row = f"| {wall / ideal:.2f} | {1000 * cpu / calls:.2f} | {peak:.0f} |"
            print(f"| verdicts {turn + 1} | {wall:.2f} {row}", flush=True)
            command = [sys.executable, "-m", "unisafebench", "judge", str(responses)]
            command += ["--task", task, "--judge", "bench/judge", "--judge-base-url", url, "--json"]
            command += ["--max-connections", str(given.connections)]
            command += ["--output", str(Path(folder) / f"command-{turn}")]
            wall, cpu, peak, _ = measured(command)
            row = f"| {wall / ideal:.2f} | {1000 * cpu / calls:.2f} | {peak:.0f} |"
            print(f"| whole command {turn + 1} | {wall:.2f} {row}", flush=True)


if __name__ == "__main__":
    main()
