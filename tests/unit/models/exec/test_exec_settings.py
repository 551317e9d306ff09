"""The command and the options."""

import pytest

from unisafebench.core.errors import UsageError
from unisafebench.models.exec.settings import ExecSettings, read_settings
from unisafebench.models.options import Options


def read(name: str = "exec:worker", **options: str) -> ExecSettings:
    """Read options as the command line gives them."""
    return read_settings(name, Options(options))


def test_the_command_is_split_without_a_shell() -> None:
    """Quotes group words; nothing else of a shell's language means anything."""
    settings = read("exec:python3 'my worker.py' --size=2 $HOME | cat")
    assert settings.command == ("python3", "my worker.py", "--size=2", "$HOME", "|", "cat")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("exec:", "names no command"),
        ("exec", "names no command"),
        ("exec/worker.py", "names no command"),
        ("exec:python3 'worker.py", "cannot be split into words: No closing quotation"),
    ],
)
def test_a_name_without_a_command_is_refused(name: str, message: str) -> None:
    """The message shows how a command is named."""
    with pytest.raises(UsageError, match=message):
        read(name)


@pytest.mark.parametrize(
    ("options", "visible", "devices"),
    [
        ({}, None, (None,)),
        ({}, "4,5", (None,)),
        ({"workers": "2"}, "4,5", ("4", "5")),
        ({"workers": "3"}, "4,GPU-8f", ("4", "GPU-8f", "4")),
        ({"workers": "2"}, "", (None, None)),
        ({"gpus": "0,1"}, "4,5", ("0", "1")),
        ({"gpus": "0+1,2+3"}, None, ("0,1", "2,3")),
        ({"gpus": "7"}, None, ("7",)),
        ({"gpus": "0,1", "workers": "4"}, None, ("0", "1", "0", "1")),
        ({"gpus": "0,1", "workers": "1"}, None, ("0",)),
    ],
)
def test_each_worker_gets_its_device(
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, str],
    visible: str | None,
    devices: tuple[str | None, ...],
) -> None:
    """One device for each of several workers; a single one keeps all, unless it is told."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert read(**options).devices == devices


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": "0"}, "'workers' is '0'; give a number from 1"),
        ({"gpus": "0,,1"}, "'gpus' is '0,,1'; give devices as CUDA_VISIBLE_DEVICES numbers them"),
        ({"timeout": "soon"}, "'timeout' is 'soon'; give a number"),
        ({"time_out": "5"}, "'time_out' is no option of 'exec:worker'. Did you mean timeout"),
    ],
)
def test_unusable_options_are_named(options: dict[str, str], message: str) -> None:
    """A slip in an option stops before anything is started."""
    with pytest.raises(UsageError, match=message):
        read(**options)
