"""What the workers in this directory share: messages, loading, seeds, pictures and errors.

Copy it along with the worker of your model's family; it needs nothing but Python. The protocol is
described in docs/exec.md. The model is loaded at the first sample: hello comes at once, and what is
missing is told in the answers, so that `unisafebench doctor` shows it.
"""

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import traceback
from contextlib import contextmanager
from pathlib import Path

_HOME = Path.cwd()  # some code must run in its own directory; the user's paths are relative to this
_SMALL = 1 << 20


class LoadError(Exception):
    """The model cannot be loaded; says what is missing and what to do."""


def arguments(description):
    """Return a parser with the two options that every worker here has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--code", type=path_of, help="checkout of the model's own repository")
    parser.add_argument("--weights", type=path_of, help="the model's weights")
    return parser


def serve(*, name, can, settings, load, answer, weights=None):
    """Say hello, then answer samples one at a time until stdin ends.

    `can` names the capabilities, `load()` returns the model, and `answer(model, sample)` the fields
    of a response. What these raise ends the sample; a broken GPU ends the worker, to be started
    anew.
    """
    say = _messages()
    say(
        type="hello",
        protocol=1,
        name=name,
        capabilities=dict.fromkeys(can, True),
        settings=settings,
        revision=_revision(weights),
    )
    model = failure = None
    for line in sys.stdin.buffer:
        sample = json.loads(line)
        if sample["type"] != "sample":
            continue
        try:
            if failure is None and model is None:
                model = load()
        except LoadError as error:
            failure = f"the model cannot be loaded: {error}"
        if failure is None:
            fields = _answered(answer, model, sample)
        else:
            fields = {"status": "model_error", "error": failure}
        say(type="response", id=sample["id"], **fields)


def _answered(answer, model, sample):
    if sample.get("turns"):
        return {"status": "model_error", "error": "this worker answers one turn, not several."}
    try:
        _seed(sample["seed"])
        return answer(model, sample)
    except Exception as error:
        if "CUDA error" in str(error):
            raise
        traceback.print_exc()
        return {"status": "model_error", "error": f"{type(error).__name__}: {error}"}


def path_of(path):
    """Return a path as it was where the worker started."""
    return _HOME / path


def need(place, name, option, what):
    """Return the path of a file that must be there.

    Raises:
        LoadError: the option was not given, or the file is not there.
    """
    if place is None:
        raise LoadError(f"say {option}: {what}.")
    path = place / name
    if not path.exists():
        raise LoadError(f"{option} {place} holds no {name}; it must be {what}.")
    return path


@contextmanager
def code_of(directory):
    """Import from a checkout; a module that is missing is told with what to install.

    Raises:
        LoadError: a module is not installed where this worker runs.
    """
    sys.path.insert(0, str(directory))
    try:
        yield
    except ModuleNotFoundError as error:
        raise LoadError(
            f"the module {error.name!r} is not installed for {sys.executable}. Start this worker "
            f"with the Python of the model's own environment, made as {directory} describes."
        ) from error


def commit_of(directory):
    """Return the commit of a checkout; None where that is not known."""
    if directory is None or not directory.is_dir():
        return None
    asked = ["git", "-C", str(directory), "rev-parse", "HEAD"]
    try:
        # git, on the user's own checkout
        ended = subprocess.run(asked, capture_output=True, text=True, timeout=10)  # noqa: PLW1510, S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ended.stdout.strip() or None


def pictures_of(sample):
    """Return the input pictures of a sample, as PIL has them, in RGB."""
    from PIL import Image

    return [Image.open(path_of(path)).convert("RGB") for path in sample["images"]]


def saved(image, sample):
    """Write a PIL picture where the sample wants it; return the field of the response."""
    path = Path(sample["output_dir"]) / "picture.png"
    image.save(path)
    return [str(path)]


def _messages():
    """Keep stdout for messages: whatever else is printed, by native code too, goes to the log."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr

    def say(**message):
        out.write(json.dumps(message) + "\n")
        out.flush()

    return say


def _revision(weights):
    """Return a hash of the weights: names and sizes of all files, the content of small ones.

    It tells two checkpoints apart without reading gigabytes; it is no proof that they are the same.
    """
    if weights is None or not weights.exists():
        return None
    files = sorted(path for path in weights.rglob("*") if path.is_file()) or [weights]
    found = hashlib.sha256()
    for path in files:
        size = path.stat().st_size
        found.update(f"{path.name}\0{size}\0".encode())
        if size <= _SMALL:
            found.update(path.read_bytes())
    return f"files:{found.hexdigest()}"


def _seed(seed):
    """Seed every source of chance that is in use."""
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % (1 << 32))
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)  # of all GPUs too
