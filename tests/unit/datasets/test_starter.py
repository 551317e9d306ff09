"""The starter set keeps what its data card promises."""

import re
import subprocess
import sys
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import pytest

from unisafebench.core.records import Sample
from unisafebench.core.tasks import PAPER_COUNTS, TASKS
from unisafebench.core.taxonomy import SUBCATEGORIES, category_of
from unisafebench.media.pictures import read_picture

FOLDER = Path(str(files("unisafebench.datasets.starter")))
AUTHORING = Path(__file__).resolve().parents[3] / "authoring" / "starter"


@pytest.fixture(scope="module")
def records() -> list[dict[str, Any]]:
    """The records of the set as they stand in the file."""
    lines = (FOLDER / "samples.jsonl").read_text(encoding="utf-8").splitlines()
    return [msgspec.json.decode(line, type=dict[str, Any]) for line in lines]


@pytest.fixture(scope="module")
def samples(records: list[dict[str, Any]]) -> list[Sample]:
    """The same records as samples."""
    return [msgspec.convert(record, Sample) for record in records]


def test_every_cell_of_the_paper_has_two_samples(samples: list[Sample]) -> None:
    """Each of the paper's 101 cells has two samples, and no other cell has any."""
    cells = Counter((sample.task, sample.subcategory) for sample in samples)
    assert len(PAPER_COUNTS) == 101
    assert cells == dict.fromkeys(PAPER_COUNTS, 2)


def test_names_are_canonical(samples: list[Sample]) -> None:
    """Tasks, categories and subcategories are written as the taxonomy writes them."""
    for sample in samples:
        assert sample.task in TASKS
        assert sample.subcategory in SUBCATEGORIES
        assert sample.category == category_of(sample.subcategory)


def test_ids_are_unique_and_readable(samples: list[Sample]) -> None:
    """An id is made of lower-case words and a number, and names one sample only."""
    assert len({sample.id for sample in samples}) == len(samples)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z]+)+-[12]", sample.id) for sample in samples)


def test_provenance_is_complete(samples: list[Sample]) -> None:
    """Every sample names its language, licence and source."""
    assert {(sample.language, sample.license, sample.source) for sample in samples} == {
        ("en", "CC-BY-4.0", "unisafebench-starter")
    }


def test_a_risk_is_put_to_a_task_once(samples: list[Sample]) -> None:
    """The 32 risks each belong to one subcategory and come once in a task, so tasks compare."""
    assert len({sample.risk for sample in samples}) == 32
    assert len({(sample.risk, sample.subcategory) for sample in samples}) == 32
    assert len({(sample.risk, sample.task) for sample in samples}) == len(samples)


def test_prompts_are_short_and_distinct(samples: list[Sample]) -> None:
    """A prompt has 20 to 300 characters, and none is used twice."""
    assert all(20 <= len(sample.prompt) <= 300 for sample in samples)
    assert len({sample.prompt for sample in samples}) == len(samples)


def test_pictures_come_exactly_with_image_input(samples: list[Sample]) -> None:
    """Tasks with image input have a picture, the others have none."""
    for sample in samples:
        assert len(sample.images) == (1 if TASKS[sample.task].image_input else 0), sample.id


def test_pictures_are_usable_small_and_all_used(samples: list[Sample]) -> None:
    """Every picture decodes, is a real picture of less than 60 kB, and serves a sample."""
    named = {image for sample in samples for image in sample.images}
    assert named == {f"images/{path.name}" for path in (FOLDER / "images").iterdir()}
    assert len(named) <= 144
    hashes = set()
    for image in named:
        picture = read_picture(FOLDER / image)
        assert picture.flaw is None, image
        assert (picture.width, picture.height) == (480, 360), image
        assert len(picture.data) < 60_000, image
        assert picture.extension == Path(image).suffix, image
        hashes.add(picture.sha256)
    assert len(hashes) == len(named)


def test_unsafe_and_harmless_pictures_are_kept_apart(samples: list[Sample]) -> None:
    """A picture that one task calls unsafe is never the harmless picture of another."""
    unsafe = {"vqa-dual-unsafe", "vqa-image-unsafe"}
    of_unsafe = {image for sample in samples if sample.task in unsafe for image in sample.images}
    of_harmless = {
        image for sample in samples if sample.task not in unsafe for image in sample.images
    }
    assert not of_unsafe & of_harmless


def test_composite_samples_say_why(records: list[dict[str, Any]]) -> None:
    """Composite samples explain in one sentence why the combination is unsafe; others do not."""
    for record in records:
        rationale = record.get("rationale", "")
        if record["task"] == "vqa-composite-unsafe":
            assert 40 <= len(rationale) <= 200, record["id"]
            assert rationale.endswith("."), record["id"]
        else:
            assert not rationale, record["id"]


def test_numbers_and_addresses_cannot_be_real() -> None:
    """Cards hold only zeros, telephones are 555-01xx, mail goes to example domains."""
    text = _written_text()
    for number in re.findall(r"(?:\d[ -]?){12,}", text):
        assert set(number) <= set("0 -"), number
    for number in re.findall(r"\b\d{3}-\d{4}\b", text):
        assert number.startswith("555-01"), number
    assert not re.findall(r"\+\d|\(\d{3}\)|\b\d{3}[ -]\d{3}[ -]\d{4}\b", text)
    for number in re.findall(r"\b\d{3}-\d{2}-\d{4}\b", text):
        assert number.startswith("000-00-"), number
    for domain in re.findall(r"[\w.+-]+@([\w.-]*\w)", text):
        assert re.fullmatch(r"(\w+\.)*example\.(com|org)", domain), domain
    assert "http" not in text


def test_nobody_is_a_minor() -> None:
    """No word of the prompts or in the pictures speaks of minors."""
    minors = r"\b(child|children|kids?|boys?|girls?|teen\w*|minors?|pupils?|schools?|bab(y|ies))\b"
    assert not re.search(minors, _written_text(), re.IGNORECASE)


def test_the_folder_is_small() -> None:
    """The set adds less than 3 MB to the package."""
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 3_000_000


def test_the_data_card_gives_the_true_counts(samples: list[Sample]) -> None:
    """The numbers in the data card are those of the files."""
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    pictures = len(list((FOLDER / "images").iterdir()))
    assert f"{len(samples)} samples and {pictures} pictures" in card
    for task, count in Counter(sample.task for sample in samples).items():
        assert f"| {task} | {count} |" in card


def test_the_set_is_what_its_specification_says() -> None:
    """Building from the specification gives the same records and the same pixels."""
    done = subprocess.run(
        [sys.executable, str(AUTHORING / "build.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _written_text() -> str:
    """Everything that a model may read: the prompts and the words drawn in the pictures."""
    pictures = (AUTHORING / "pictures.toml").read_text(encoding="utf-8")
    drawn = re.sub(r"(?m)^#.*$", "", pictures)
    return (FOLDER / "samples.jsonl").read_text(encoding="utf-8") + drawn
