"""Build the starter data set from `samples.toml` and `pictures.toml`.

    python authoring/starter/build.py            write samples.jsonl and images/
    python authoring/starter/build.py --check    compare with what is there; exit 1 on a difference

`--check` wants every record byte for byte and every picture pixel for pixel. With another Pillow
than the one named below, whose text may be rasterised a little differently, pictures may differ by
`TOLERANCE` grey levels on average.
"""

import argparse
import io
import sys
from pathlib import Path

import msgspec
import PIL
from draw import encode_picture, read_drawings
from PIL import Image, ImageChops, ImageStat

from unisafebench.core.tasks import PAPER_COUNTS, TASKS
from unisafebench.core.taxonomy import category_of, find_subcategory

__all__ = ["PILLOW", "TOLERANCE", "build", "main"]

PILLOW = "13.0.0"
"""The version of Pillow that drew the pictures in the package."""
TOLERANCE = 0.05
"""Mean difference in grey levels that pictures drawn by another Pillow may have."""

_HERE = Path(__file__).resolve().parent
_TARGET = _HERE.parents[1] / "src" / "unisafebench" / "datasets" / "starter"
_SHORT = {
    "text-generation": "text",
    "text-to-image": "t2i",
    "image-editing": "edit",
    "vqa-dual-unsafe": "vqa-dual",
    "vqa-image-unsafe": "vqa-image",
    "vqa-text-unsafe": "vqa-text",
    "vqa-composite-unsafe": "vqa-composite",
}


class _Query(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    prompt: str
    picture: str | None = None
    rationale: str | None = None


class _Risk(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """One underlying risk and how each task puts it to a model."""

    subcategory: str
    about: str
    text_generation: _Query | None = None
    text_to_image: _Query | None = None
    image_editing: _Query | None = None
    vqa_dual_unsafe: _Query | None = None
    vqa_image_unsafe: _Query | None = None
    vqa_text_unsafe: _Query | None = None
    vqa_composite_unsafe: _Query | None = None

    def query(self, task: str) -> _Query | None:
        """Return what `task` asks, None where the risk has no sample of it."""
        found: _Query | None = getattr(self, task.replace("-", "_"))
        return found


def build() -> dict[str, bytes]:
    """Return every file of the set, by its path relative to the set's folder.

    Raises:
        ValueError: a query contradicts its task, or a picture is unknown or unused.
    """
    drawings = read_drawings(_HERE / "pictures.toml")
    risks = msgspec.toml.decode((_HERE / "samples.toml").read_bytes(), type=dict[str, _Risk])
    paths = {name: f"images/{name}.{drawing.format}" for name, drawing in drawings.items()}
    records = [
        _record(task, risk_id, risk, query, paths)
        for task in TASKS
        for risk_id, risk in risks.items()
        if (query := risk.query(task))
    ]
    used = {path for record in records for path in _images_of(record)}
    if idle := sorted(set(paths.values()) - used):
        raise ValueError(f"pictures that no sample uses: {', '.join(idle)}")
    encoder = msgspec.json.Encoder()
    lines = b"".join(encoder.encode(record) + b"\n" for record in records)
    pictures = {paths[name]: encode_picture(drawing) for name, drawing in drawings.items()}
    return {"samples.jsonl": lines, **pictures}


def main() -> int:
    """Build the set, or check it with `--check`; return the exit code."""
    parser = argparse.ArgumentParser(description="Build the starter data set.")
    parser.add_argument("--check", action="store_true", help="compare only; write nothing")
    check = parser.parse_args().check
    files = build()
    present = {f"images/{path.name}" for path in (_TARGET / "images").glob("*")}
    stale = sorted(present - set(files))
    if check:
        problems = [f"{name}: no longer in the specification" for name in stale]
        problems += [problem for name in files if (problem := _difference(name, files[name]))]
        print("\n".join(problems) or f"{len(files)} files are as specified.")
        return 1 if problems else 0
    for name, data in files.items():
        path = _TARGET / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    for name in stale:
        (_TARGET / name).unlink()
    print(f"Wrote {len(files)} files to {_TARGET}.")
    return 0


def _record(
    task: str, risk_id: str, risk: _Risk, query: _Query, paths: dict[str, str]
) -> dict[str, object]:
    subcategory = find_subcategory(risk.subcategory, where=risk_id)
    if (task, subcategory) not in PAPER_COUNTS:
        raise ValueError(f"{risk_id}: the paper has no {task} samples of {subcategory}")
    if TASKS[task].image_input != (query.picture is not None):
        raise ValueError(f"{risk_id}: {task} wants a picture exactly when it has image input")
    if (task == "vqa-composite-unsafe") != (query.rationale is not None):
        raise ValueError(f"{risk_id}: a rationale belongs to composite samples and only to them")
    if query.picture is not None and query.picture not in paths:
        raise ValueError(f"{risk_id}: no picture is called {query.picture!r}")
    record: dict[str, object] = {
        "id": f"{_SHORT[task]}-{risk_id}",
        "task": task,
        "category": category_of(subcategory),
        "subcategory": subcategory,
        "prompt": query.prompt,
        "images": [paths[query.picture]] if query.picture else [],
        "risk": risk_id,
        "language": "en",
        "source": "unisafebench-starter",
        "license": "CC-BY-4.0",
    }
    if query.rationale:
        record["rationale"] = query.rationale
    return record


def _images_of(record: dict[str, object]) -> list[str]:
    images = record["images"]
    return [str(path) for path in images] if isinstance(images, list) else []


def _difference(name: str, data: bytes) -> str | None:
    """Say how the file on disk differs from `data`; None when it does not."""
    path = _TARGET / name
    if not path.exists():
        return f"{name}: missing"
    if path.suffix == ".jsonl":
        return None if path.read_bytes() == data else f"{name}: differs"
    with Image.open(path) as found, Image.open(io.BytesIO(data)) as wanted:
        if found.size != wanted.size:
            return f"{name}: is {found.size}, should be {wanted.size} pixels"
        difference = ImageChops.difference(found.convert("RGB"), wanted.convert("RGB"))
    mean = max(ImageStat.Stat(difference).mean)
    allowed = 0.0 if PIL.__version__ == PILLOW else TOLERANCE
    if mean > allowed:
        return f"{name}: differs by {mean:.2f} grey levels on average ({allowed:g} allowed)"
    return None


if __name__ == "__main__":
    sys.exit(main())
