"""Workers for `exec:` as small programs in plain Python, which see nothing of the package."""

import os
import shlex
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from textwrap import dedent

from unisafebench.core.records import Sample
from unisafebench.core.tasks import TASKS
from unisafebench.models.base import Request
from unisafebench.models.exec import ExecModel, create
from unisafebench.testing import example_requests

__all__ = ["EXAMPLE", "SHELL", "asked", "command", "gone", "opened", "write_worker"]

EXAMPLE = Path(__file__).parents[2] / "examples" / "exec_worker.py"

_BEGIN = """
import base64, json, os, signal, subprocess, sys, time

def say(**message):
    sys.stdout.write(json.dumps(message) + "\\n")
    sys.stdout.flush()

def hello(**changes):
    say(**{"type": "hello", "protocol": 1, "name": "test",
           "capabilities": {"text_output": True}, **changes})

def samples():
    for line in sys.stdin:
        message = json.loads(line)
        if message["type"] == "sample":
            yield message

def respond(sample, **fields):
    say(type="response", id=sample["id"], **fields)

def die():
    os.kill(os.getpid(), signal.SIGKILL)
"""

SHELL = r"""#!/bin/sh
# A worker in the shell's own language. It reads no more of a message than it needs.
field() { # field NAME LINE: the text of a field that holds no escaped quote
    rest=${2#*\""$1"\":\"}
    printf '%s' "${rest%%\"*}"
}
can='"text_output":true,"image_input":true,"image_output":true,"image_editing":true'
echo '{"type":"hello","protocol":1,"name":"shell","capabilities":{'"$can"'}}'
while IFS= read -r line; do
    case $line in
    *'"type":"sample"'*) ;;
    *) continue ;;
    esac
    id=$(field id "$line")
    case $(field task "$line") in
    text-to-image | image-editing)
        printf 'P3 2 1 255  200 30 30  30 30 200\n' > "$(field output_dir "$line")/picture.ppm"
        echo '{"type":"response","id":"'"$id"'","images":["picture.ppm"]}'
        ;;
    *) echo '{"type":"response","id":"'"$id"'","text":"an answer from the shell"}' ;;
    esac
done
"""


def command(*words: str | Path) -> str:
    """Return the name of a model behind a command."""
    return f"exec:{shlex.join(map(str, words))}"


def write_worker(path: Path, body: str) -> str:
    """Write a worker that may use the few functions above; return its model's name."""
    path.write_text(_BEGIN + dedent(body), encoding="utf-8")
    return command(sys.executable, "-I", "-S", path)


@asynccontextmanager
async def opened(name: str, **options: object) -> AsyncIterator[ExecModel]:
    """Start workers, with no wait between restarts, and end them afterwards."""
    model = create(name, {"backoff": "0", **{key: str(value) for key, value in options.items()}})
    try:
        yield model
    finally:
        await model.aclose()


def asked(prompt: str, task: str = "text-generation") -> Request:
    """Return a request with this prompt."""
    example = example_requests(TASKS[task])[0]
    sample = Sample(
        id="religion-7",
        task=task,
        category="Sensitive Topics",
        subcategory="Religion",
        prompt=prompt,
        images=example.sample.images,
    )
    return Request(sample=sample, task=example.task, pictures=example.pictures, epoch=1, seed=8)


def gone(pid: int) -> bool:
    """Whether no process has this id, not even one that was never waited for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False
