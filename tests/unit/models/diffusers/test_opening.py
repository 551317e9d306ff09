"""What cannot be opened or loaded, and what is said then: one clear message each."""

import json
import shutil
from pathlib import Path

import pytest
from asking_pipelines import answers_of, opened, request
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from unisafebench.core.errors import EndpointUnusableError, MissingExtraError, UsageError
from unisafebench.models.diffusers import create
from unisafebench.models.registry import resolve

_COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"device": "cuda:7"}, "the option 'device' is 'cuda:7', but"),
        ({"device_map": "balanced", "device": "cpu"}, "contradict each other"),
        ({"height": "100"}, "'height' is 100; this pipeline draws in blocks of 8 pixels"),
        ({"width": "36"}, "a multiple of that: 32 or 40"),
        ({"image.strength": "0.5"}, "unknown argument of StableDiffusionPipeline 'strength'"),
        ({"image.guidance_scale": "2"}, "set guidance_scale with the option 'guidance'"),
        ({"image.prompt": "x"}, "image.prompt cannot be set"),
        ({"image.guidance_rescal": "2"}, "Did you mean 'guidance_rescale'"),
        ({"revision": "main"}, "a directory has none"),
        ({"editing": "yes"}, "unknown value of the option 'editing'"),
        ({"stepz": "2"}, "Did you mean steps"),
    ],
)
def test_options_that_cannot_be(drawing: Path, options: dict[str, str], says: str) -> None:
    """Each is found before a weight is read."""
    with pytest.raises(UsageError) as caught:
        resolve(f"diffusers:{drawing}", options)
    assert says in str(caught.value)


def test_an_option_that_a_call_does_not_take_names_what_it_takes(editing: Path) -> None:
    """InstructPix2Pix draws in the size of its source."""
    with pytest.raises(UsageError, match="which StableDiffusionInstructPix2PixPipeline does not"):
        resolve(f"diffusers:{editing}", {"height": "64"})
    with pytest.raises(UsageError, match="image_guidance_scale"):
        resolve(f"diffusers:{editing}", {"height": "64"})


def test_sides_of_a_transformer_are_multiples_of_16(both: Path) -> None:
    """It sees latents in patches of 2 x 2, each of them 8 pixels wide."""
    with pytest.raises(UsageError, match="give a multiple of that: 32 or 48"):
        resolve(f"diffusers:{both}", {"height": "40"})


def test_directories_that_are_no_pipelines(tmp_path: Path) -> None:
    """Not there, without an index, of transformers, an index that is none, unknown or own code."""
    cases = {
        "nothing": (None, "there is no directory"),
        "empty": ({}, "no diffusers pipeline: it has no model_index.json. Name the directory"),
        "model": ({"config.json": "{}"}, "name it with hf: instead of diffusers:"),
        "text": ({"model_index.json": "what?"}, "its model_index.json cannot be read"),
        "list": ({"model_index.json": "[]"}, "names no pipeline class"),
        "newer": ({"model_index.json": '{"_class_name": "NewPipeline"}'}, "is a NewPipeline"),
        "code": ({"model_index.json": '{"_class_name": ["a", "B"]}'}, "needs Python code from"),
        "no pipeline": ({"model_index.json": '{"_class_name": "UNet2DModel"}'}, "is a UNet2DModel"),
    }
    for name, (files, says) in cases.items():
        path = tmp_path / name
        for file, text in (files or {}).items():
            path.mkdir(exist_ok=True)
            (path / file).write_text(text)
        if files == {}:
            path.mkdir()
        with pytest.raises(UsageError) as caught:
            resolve(f"diffusers:{path}", {})
        assert says in str(caught.value)
    with pytest.raises(UsageError, match="names no model"):
        resolve("diffusers:", {})


async def _load_error(path: Path) -> str:
    """Return the one message with which all requests to a broken pipeline end."""
    async with opened(path) as model:
        with pytest.raises(EndpointUnusableError) as caught:
            await model.generate(request("a cat"))
        with pytest.raises(EndpointUnusableError) as again:
            await model.generate(request("a dog"))
    assert str(again.value) == str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("part", ["unet", "text_encoder", "safety_checker"])
async def test_weights_that_are_missing_in_part_are_not_made_up(
    blackening: Path, tmp_path: Path, part: str
) -> None:
    """The libraries would fill them with random numbers, the safety checker's too."""
    broken = shutil.copytree(blackening, tmp_path / "broken")
    (file,) = (broken / part).glob("*.safetensors")
    weights = load_file(file)
    gone = sorted(weights)[len(weights) // 2]
    del weights[gone]
    save_file(weights, file, metadata={"format": "pt"})
    error = await _load_error(broken)
    assert "would be random" in error
    assert gone in error


async def test_weights_that_are_missing_or_damaged(drawing: Path, tmp_path: Path) -> None:
    """A file that is not there, and one that is cut off."""
    for name, damage in (
        ("gone", lambda file: file.unlink()),
        ("cut", lambda file: file.write_bytes(file.read_bytes()[:2000])),
    ):
        broken = shutil.copytree(drawing, tmp_path / name)
        (file,) = (broken / "unet").glob("*.safetensors")
        damage(file)
        assert f"{broken} cannot be read" in await _load_error(broken)


async def test_code_that_comes_with_a_part_is_not_run(drawing: Path, tmp_path: Path) -> None:
    """A file of Python beside the weights stays what it is: a file."""
    broken = shutil.copytree(drawing, tmp_path / "code")
    index = json.loads((broken / "model_index.json").read_text()) | {"unet": ["mine", "Mine"]}
    (broken / "model_index.json").write_text(json.dumps(index))
    (broken / "unet" / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    assert "needs Python code from its own repository" in await _load_error(broken)
    assert not (tmp_path / "ran").exists()


async def test_a_pipeline_that_does_not_fit_in_memory(
    drawing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run ends with advice; nothing is tried again for each sample."""
    monkeypatch.setattr("torch.nn.Module.to", _no_room)
    assert "does not fit in memory. Use a smaller dtype" in await _load_error(drawing)


def _no_room(*_: object, **__: object) -> None:
    raise MemoryError("no room")


def test_a_missing_extra_is_one_line(drawing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says which module is missing, and the command that installs it."""
    monkeypatch.setattr(
        "unisafebench.models.diffusers.find_spec", lambda name: {"diffusers": None}.get(name, name)
    )
    with pytest.raises(MissingExtraError, match=r"pip install 'unisafebench\[diffusers\]'"):
        create(f"diffusers:{drawing}", {})


@pytest.fixture
def hub(tmp_path: Path, drawing: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a cache of the hub with one model, used in place of the user's own."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    home = tmp_path / "models--organisation--model"
    shutil.copytree(drawing, home / "snapshots" / _COMMIT)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(_COMMIT)
    return tmp_path


@pytest.mark.usefixtures("hub")
async def test_a_cached_model_runs_without_network_and_names_its_commit() -> None:
    """The branch is resolved to the commit that it stands for."""
    for options in ({}, {"revision": "main"}, {"revision": _COMMIT}):
        model = resolve("diffusers/organisation/model", {"device": "cpu", "steps": "1", **options})
        (output,) = await answers_of(model, [request("a cat")])  # type: ignore[arg-type]
        await model.aclose()
        assert output.served_model == f"organisation/model@{_COMMIT}"
        assert model.settings["model"] == output.served_model


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    ("name", "revision", "says"),
    [
        ("organisation/other", None, "organisation/other is not in the local cache"),
        ("organisation/model", "v2", "organisation/model at revision 'v2' is not in the local"),
        ("a/b/c", None, "neither a directory nor a model's name"),
    ],
)
def test_what_is_not_in_the_cache(name: str, revision: str | None, says: str) -> None:
    """Without network a name that is not there cannot be told from one that does not exist."""
    with pytest.raises(UsageError) as caught:
        resolve(f"diffusers/{name}", {"revision": revision} if revision else {})
    assert says in str(caught.value)


async def test_the_files_decide_the_name_that_is_recorded(drawing: Path, tmp_path: Path) -> None:
    """A copy has the same hash; another scheduler, in a file of a few bytes, has another."""
    copied = shutil.copytree(drawing, tmp_path / "draws")
    names = []
    for path in (drawing, copied):
        async with opened(path) as model:
            names.append(model.settings["model"])
    file = copied / "scheduler" / "scheduler_config.json"
    config = json.loads(file.read_text()) | {"beta_end": 0.021}
    file.write_text(json.dumps(config))
    async with opened(copied) as model:
        names.append(model.settings["model"])
    assert names[0] == names[1] != names[2]
