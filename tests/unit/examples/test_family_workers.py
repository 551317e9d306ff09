"""The workers for families of research models, as far as they go without weights."""

import sys
from pathlib import Path

import pytest
from exec_workers import asked, command, opened

from unisafebench.models.base import Capabilities, ModelError

WORKERS = Path(__file__).parents[3] / "examples" / "workers"
_DRAWS = Capabilities(image_input=True, image_output=True)
_EDITS = Capabilities(image_input=True, image_output=True, image_editing=True)

# Of each family: what it can do; the files that its worker asks for, by option, in the order in
# which it does; the first module that it imports.
FAMILIES: dict[str, tuple[Capabilities, dict[str, list[str]], str]] = {
    "bagel": (_EDITS, {"code": ["inferencer.py"], "weights": ["ema.safetensors"]}, "torch"),
    "harmon": (
        _DRAWS,
        {
            "code": ["configs/models/qwen2_5_1_5b_kl16_mar_h.py", "checkpoints/kl16.ckpt"],
            "weights": [""],
        },
        "torch",
    ),
    "showo2": (
        _DRAWS,
        {
            "code": ["inference_t2i.py", "configs/showo2_1.5b_demo_432x432.yaml"],
            "weights": ["config.json"],
            "vae": [""],
        },
        "models",
    ),
    "tar": (
        _DRAWS,
        {
            "code": ["tok/mm_autoencoder.py"],
            "weights": ["config.json"],
            "visual": ["ta_tok.pth", "ar_dtok_lp_1024px.pth", "vq_ds16_t2i.pt"],
        },
        "torch",
    ),
}


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


async def _error(family: str, options: dict[str, Path]) -> str:
    """Start a worker without any package; return what it says to a sample."""
    words = [str(word) for name, path in options.items() for word in (f"--{name}", path)]
    name = command(sys.executable, "-S", WORKERS / f"{family}.py", *words)
    async with opened(name) as model:
        with pytest.raises(ModelError) as caught:
            await model.generate(asked("What is a vote?"))
        # It goes on, and says the same to the next one.
        with pytest.raises(ModelError) as again:
            await model.generate(asked("What is a vote?"))
        assert str(again.value) == str(caught.value)
    return str(caught.value)


def test_every_worker_is_tested() -> None:
    """There is a family for each worker."""
    found = {path.stem for path in WORKERS.glob("*.py")} - {"family_worker"}
    assert found == set(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES)
async def test_hello_says_what_the_family_can(family: str) -> None:
    """A worker starts without its model and says hello at once."""
    async with opened(command(sys.executable, "-S", WORKERS / f"{family}.py")) as model:
        assert model.capabilities == FAMILIES[family][0]


@pytest.mark.parametrize("family", FAMILIES)
async def test_each_missing_file_is_named(family: str, tmp_path: Path) -> None:
    """Option by option and file by file, the answer says what is missing and what it must be."""
    _, files, module = FAMILIES[family]
    options: dict[str, Path] = {}
    for option, names in files.items():
        message = await _error(family, options)
        assert f"the model cannot be loaded: say --{option}: " in message
        options[option] = tmp_path / option
        for name in names:
            message = await _error(family, options)
            assert f" holds no {name or option}; it must be " in message
            _made(options[option] / name)
    message = await _error(family, options)
    assert f"the module {module!r} is not installed for {sys.executable}" in message


@pytest.mark.parametrize("family", FAMILIES)
def test_help_says_how_it_is_started(family: str) -> None:
    """The docstring with the command is the help."""
    import subprocess

    ended = subprocess.run(
        [sys.executable, "-S", str(WORKERS / f"{family}.py"), "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "exec:" in ended.stdout
    assert "--weights" in ended.stdout
