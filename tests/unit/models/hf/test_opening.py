"""Opening a model: what is refused before anything is loaded, and what fails on loading."""

import json
import shutil
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
import tiny_language
import torch
from local_models import answers_of, opened, request
from transformers import dynamic_module_utils

from unisafebench.core.errors import (
    EndpointUnusableError,
    MissingExtraError,
    UnknownNameError,
    UsageError,
)
from unisafebench.models.base import Model
from unisafebench.models.hf import create
from unisafebench.models.hf.families.language import FAMILY
from unisafebench.models.registry import resolve


def _copy(source: Path, target: Path, **config: object) -> Path:
    """Copy a model and change its config; None takes a field away."""
    shutil.copytree(source, target)
    file = target / "config.json"
    fields = json.loads(file.read_bytes()) | config
    file.write_text(
        json.dumps({name: value for name, value in fields.items() if value is not None})
    )
    return target


def _refusal(name: str, **options: str) -> str:
    with pytest.raises(UsageError) as caught:
        resolve(name, options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def _failure(model: Model) -> str:
    with pytest.raises(EndpointUnusableError) as caught:
        await model.generate(request("Abc"))
    await model.aclose()
    return str(caught.value)


def test_nothing_heavy_is_imported_before_a_model_is_made() -> None:
    """Listing the adapters, and importing this one, leave torch and transformers alone."""
    code = (
        "import sys, unisafebench.models.hf\n"
        "from unisafebench.models.registry import list_models\n"
        "list_models()\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_missing_extra_is_one_line_with_the_pip_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the module that is not there, and nothing is imported."""

    def find(name: str, _package: str | None = None) -> ModuleSpec | None:
        return None if name == "torch" else ModuleSpec(name, None)

    monkeypatch.setattr("unisafebench.models.hf.find_spec", find)
    with pytest.raises(MissingExtraError) as caught:
        create("hf/some/model", {})
    assert str(caught.value) == (
        "The model 'hf/some/model' needs the module 'torch', which is not installed. "
        "Install it with: pip install 'unisafebench[hf]'"
    )


def test_a_model_is_named_by_directory_in_three_ways(
    language_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`hf:/path`, `hf/./path` and, where it is there, a bare relative path: the same files."""
    monkeypatch.chdir(language_model.parent)
    served = {
        resolve(name).settings["model"]
        for name in (f"hf:{language_model}", "hf/./language", "hf:language", "hf:./language/")
    }
    assert len(served) == 1


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("hf", "'hf' names no model"),
        ("hf/", "'hf/' names no model"),
        ("hf/./nowhere", "there is no directory './nowhere'"),
        ("hf:/nowhere/at/all", "there is no directory '/nowhere/at/all'"),
        ("hf/some org/some model", "neither a directory nor a model's name"),
        ("hf/organisation/model", "is not in the local cache of the hub"),
    ],
)
def test_a_name_of_nothing_is_refused(name: str, says: str) -> None:
    """Each way in which a name can be wrong is said in one line."""
    assert says in _refusal(name)


def test_a_directory_without_a_model_is_refused(tmp_path: Path, language_model: Path) -> None:
    """No config, no weights, a diffusers pipeline, a config that is no JSON."""
    assert "it has no config.json" in _refusal(f"hf:{tmp_path}")
    (tmp_path / "model_index.json").write_text("{}")
    assert "name it with diffusers:" in _refusal(f"hf:{tmp_path}")
    (tmp_path / "config.json").write_text("{}")
    assert "holds no weights" in _refusal(f"hf:{tmp_path}")
    broken = _copy(language_model, tmp_path / "broken")
    (broken / "config.json").write_text("{")
    assert "cannot be read" in _refusal(f"hf:{broken}")


def test_kinds_that_are_not_run_are_named_with_those_that_are(
    tmp_path: Path, language_model: Path
) -> None:
    """A kind that transformers does not know, one that is not run here, and a classifier."""
    unknown = _copy(language_model, tmp_path / "unknown", model_type="mistery")
    assert "does not know the kind of model" in _refusal(f"hf:{unknown}")
    encoder = _copy(
        language_model, tmp_path / "encoder", model_type="bert", architectures=["BertModel"]
    )
    said = _refusal(f"hf:{encoder}")
    assert "is of the kind 'bert' (BertModel)" in said
    assert "vision-language model, causal language model" in said
    classifier = tiny_language.save_classifier(tmp_path / "classifier")
    assert "(LlamaForSequenceClassification)" in _refusal(f"hf:{classifier}")


async def test_code_of_the_repository_runs_only_when_it_is_trusted(
    tmp_path: Path, language_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without trust the error says how to trust it, and nothing is run; with trust it answers."""
    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    path = _copy(
        language_model,
        tmp_path / "custom",
        model_type="tiny-custom",
        auto_map={"AutoConfig": "custom.TinyConfig", "AutoModelForCausalLM": "custom.TinyModel"},
    )
    ran = tmp_path / "ran"
    (path / "custom.py").write_text(
        "from pathlib import Path\n"
        "from transformers import LlamaConfig, LlamaForCausalLM\n"
        f"Path({str(ran)!r}).touch()\n"
        "class TinyConfig(LlamaConfig):\n"
        "    model_type = 'tiny-custom'\n"
        "class TinyModel(LlamaForCausalLM):\n"
        "    config_class = TinyConfig\n"
    )
    said = _refusal(f"hf:{path}")
    assert "trust_remote_code=yes" in said
    assert not ran.exists()
    async with opened(path, trust_remote_code="yes") as model:
        assert (await model.generate(request("Abc"))).text
        assert model.settings["trust_remote_code"] is True
    assert ran.exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_a_gpu_that_is_not_there_is_refused(language_model: Path, device: str) -> None:
    """Before anything is loaded, and with what to do."""
    said = _refusal(f"hf:{language_model}", device=device)
    assert said.startswith(f"the option 'device' is {device!r}, but ")
    assert said.endswith("Or use device=cpu.")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"device": "tpu9"}, "give auto, cpu, cuda, cuda:N or mps"),
        ({"device": "cpu", "device_map": "auto"}, "contradict each other"),
        ({"revision": "main"}, "a directory has none"),
        ({"image.steps": "20"}, "draws no pictures: it has no options image.NAME"),
        ({"images": "yes"}, "draws no pictures: leave out images"),
        ({"text": "no"}, "text=no leaves nothing"),
        ({"temperature": "-1"}, "'temperature' is '-1'"),
        ({"max_tokens": "0"}, "'max_tokens' is '0'"),
        ({"trust_remote_code": "maybe"}, "give yes or no"),
        ({"batchsize": "4"}, "Did you mean batch_size"),
    ],
)
def test_unusable_options_are_refused(
    language_model: Path, options: dict[str, str], says: str
) -> None:
    """One clear message for each."""
    assert says in _refusal(f"hf:{language_model}", **options)


def test_an_unknown_dtype_lists_those_there_are(language_model: Path) -> None:
    """Quantisation is not among them."""
    with pytest.raises(UnknownNameError) as caught:
        resolve(f"hf:{language_model}", {"dtype": "int8"})
    assert caught.value.known == ("auto", "float32", "bfloat16", "float16")


def test_a_template_that_cannot_be_rendered_is_refused(tmp_path: Path) -> None:
    """Before the run, with the template's own words."""
    path = tiny_language.save_language_model(
        tmp_path / "model", template="{{ raise_exception('only tools are served') }}"
    )
    assert "only tools are served" in _refusal(f"hf:{path}")


def test_a_vision_model_without_a_template_is_refused(tmp_path: Path) -> None:
    """Where its pictures belong is not guessed."""
    path = tiny_language.save_vision_model(tmp_path / "model", template=None)
    assert "has no processor with a chat template" in _refusal(f"hf:{path}")


async def test_weights_that_are_missing_are_never_made_up(
    tmp_path: Path, language_model: Path
) -> None:
    """A config that asks for a third layer, and for wider ones: no random answers."""
    deeper = _copy(language_model, tmp_path / "deeper", num_hidden_layers=3)
    said = await _failure(resolve(f"hf:{deeper}", {"device": "cpu"}))
    assert "lacks weights that a LlamaForCausalLM needs" in said
    assert "model.layers.2" in said
    wider = _copy(language_model, tmp_path / "wider", intermediate_size=65)
    said = await _failure(resolve(f"hf:{wider}", {"device": "cpu"}))
    assert "have other shapes than its config.json says" in said


async def test_a_truncated_weights_file_is_one_clear_message(
    tmp_path: Path, language_model: Path
) -> None:
    """A download that was cut off."""
    path = _copy(language_model, tmp_path / "cut")
    weights = path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    said = await _failure(resolve(f"hf:{path}", {"device": "cpu"}))
    assert said.startswith(f"{path} cannot be read: ")
    assert "\n" not in said


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"
        ),
        MemoryError(),
    ],
)
async def test_a_model_that_does_not_fit_is_tried_once(
    language_model: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """All requests in flight get the same clear error; the weights are not read again."""
    tries = []

    def load(*_: object, **__: object) -> object:
        tries.append(None)
        raise error

    monkeypatch.setattr("transformers.AutoModelForCausalLM.from_pretrained", load)
    async with opened(language_model, batch_size="1") as model:
        for _ in range(2):
            with pytest.raises(EndpointUnusableError, match="does not fit in memory"):
                await answers_of(model, [request("Abc"), request("Def")])
    assert len(tries) == 1


async def test_memory_that_runs_out_halves_the_batch_of_a_real_model(
    language_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An allocator with room for two prompts: eight answers, the same as with room for all."""
    requests = [request(f"Number {number}") for number in range(8)]
    async with opened(language_model) as model:
        expected = [output.text for output in await answers_of(model, requests)]
    real = type(FAMILY).load_model

    def load(family: object, source: object) -> object:
        loaded = real(family, source)  # type: ignore[arg-type]  # the family's own arguments

        def allocate(_module: object, arguments: dict[str, torch.Tensor]) -> None:
            if arguments["input_ids"].shape[0] > 2:
                raise torch.OutOfMemoryError("CUDA out of memory.")

        loaded.register_forward_pre_hook(
            lambda module, _, arguments: allocate(module, arguments), with_kwargs=True
        )
        return loaded

    monkeypatch.setattr(type(FAMILY), "load_model", load)
    async with opened(language_model) as model:
        outputs = await answers_of(model, requests)
        assert model.learned["smaller_batches"] == {"text": 2}  # type: ignore[attr-defined]
    assert [output.text for output in outputs] == expected
    assert [output.details["batch"] for output in outputs] == [2] * 8


async def test_a_gpu_that_fails_for_good_ends_the_run(
    language_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a device-side assertion no further call can work: none is tried."""
    calls = []

    def answer(*_: object) -> object:
        calls.append(None)
        raise torch.AcceleratorError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(type(FAMILY), "answer", answer)
    async with opened(language_model) as model:
        for _ in range(2):
            with pytest.raises(EndpointUnusableError, match="the GPU has failed"):
                await model.generate(request("Abc"))
    assert len(calls) == 1
