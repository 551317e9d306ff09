"""The registry against real installed packages, made in a temporary directory."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from unisafebench.cli.models import command as command_models
from unisafebench.core.errors import MissingExtraError, UnknownNameError, UsageError
from unisafebench.models import registry
from unisafebench.models.base import Capabilities
from unisafebench.models.demo import DemoModel
from unisafebench.models.registry import list_models, provider_of, resolve

_ADAPTER = '''"""Repeats what it is told.

More about it.
"""
from unisafebench.testing import FunctionModel

def create(name, options):
    return FunctionModel(lambda request: None, name=name, settings=dict(options))
'''


def _install(site: Path, package: str, provider: str, module: str, source: str | None) -> None:
    """Put a package with one adapter into a directory as an installer would."""
    record = site / f"{package}-1.0.dist-info"
    record.mkdir(parents=True)
    (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (record / "entry_points.txt").write_text(
        f"[unisafebench.models]\n{provider} = {module}:create\n"
    )
    if source is not None:
        (site / f"{module}.py").write_text(source)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of installed packages that is searched before the others."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "provider"),
    [
        ("demo", "demo"),
        ("openai/gpt-4o", "openai"),
        ("hf/deepseek-community/Janus-Pro-7B", "hf"),
        ("exec:python3 answer.py --out /tmp", "exec"),
        ("recorded:runs/a:b.jsonl", "recorded"),
        ("vllm/http://localhost:8000", "vllm"),
    ],
)
def test_provider_is_what_stands_before_the_first_separator(name: str, provider: str) -> None:
    """Either separator ends the provider, whichever comes first."""
    assert provider_of(name) == provider


def test_demo_is_resolved_by_its_entry_point() -> None:
    """The installed package offers the stand-in."""
    assert isinstance(resolve("demo"), DemoModel)


@pytest.mark.parametrize("name", ["dmeo/x", "dmeo"])
def test_unknown_provider_lists_near_matches(name: str) -> None:
    """A slip of the pen gets a suggestion."""
    with pytest.raises(UnknownNameError, match=r"unknown model provider 'dmeo'.*'demo'"):
        resolve(name, {})


def test_a_name_without_a_provider_is_told_the_form() -> None:
    """Where it is no slip of the pen, all providers are listed."""
    with pytest.raises(UsageError, match=r"openai/some-model-9b\. Providers are: .*\bvllm\b"):
        resolve("some-model-9b", {})


def test_adapter_of_another_package_gets_name_and_options(site: Path) -> None:
    """The whole name and the options reach the adapter unchanged."""
    _install(site, "parrots", "parrot", "parrot_adapter_a", _ADAPTER)
    model = resolve("parrot/grey:b", {"shout": "yes"})
    assert model.name == "parrot/grey:b"
    assert model.settings == {"shout": "yes"}


def test_two_packages_with_one_provider_are_named(site: Path) -> None:
    """Neither of two claims wins silently; other providers stay usable."""
    _install(site, "parrots", "parrot", "parrot_adapter_b", _ADAPTER)
    _install(site, "cages", "parrot", "parrot_adapter_c", _ADAPTER)
    with pytest.raises(UsageError, match="claimed by the packages 'cages' and 'parrots'"):
        resolve("parrot/x")
    assert isinstance(resolve("demo"), DemoModel)
    assert [info.provider for info in list_models()].count("parrot") == 2


def test_missing_module_is_named_with_the_package(site: Path) -> None:
    """An adapter whose import fails for a missing module says which one, and whose it is."""
    source = '"""Needs a thing."""\nimport no_such_module_of_anyone\n'
    _install(site, "needy", "needy", "needy_adapter", source)
    with pytest.raises(UsageError, match=r"needs the module 'no_such_module_of_anyone'.*'needy'"):
        resolve("needy/x")
    info = next(info for info in list_models() if info.provider == "needy")
    assert (info.summary, info.installed) == ("Needs a thing.", False)


@pytest.mark.parametrize(
    "source",
    [
        'EXTRA = "deep"\nimport no_such_module_of_anyone\n',
        'EXTRA = "deep"\nREQUIRES = ("no_such_module_of_anyone",)\ncreate = lambda *_: None\n',
    ],
    ids=["import", "declared"],
)
def test_missing_extra_is_one_line_with_the_command(
    site: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """Whether it fails at import or is declared, the message says what to type."""
    module = f"deep_adapter_{len(source)}"
    _install(site, "whales", "whale", module, f'"""Sings."""\n{source}')
    command = "pip install 'whales[deep]'"
    with pytest.raises(UsageError) as caught:
        resolve("whale/x")
    assert str(caught.value).endswith(
        "needs the module 'no_such_module_of_anyone', which is not installed. "
        f"Install it with: {command}"
    )
    assert "\n" not in str(caught.value)
    info = next(info for info in list_models() if info.provider == "whale")
    assert (info.summary, info.installed) == ("Sings.", False)
    assert (info.missing, info.extra) == (("no_such_module_of_anyone",), "deep")
    assert info.install == command
    ended = CliRunner().invoke(command_models, [])
    assert f"whale: {command} adds no_such_module_of_anyone\n" in ended.output
    # An adapter of our own package raises the error that all our extras share.
    monkeypatch.setattr(registry, "_OURS", "whales")
    with pytest.raises(MissingExtraError, match="The model provider 'whale' needs"):
        resolve("whale/x")


def test_module_that_is_missed_only_when_a_model_is_made(site: Path) -> None:
    """An adapter that imports late and declares nothing gets the same line."""
    source = 'EXTRA = "deep"\ndef create(name, options):\n    import no_such_module_of_anyone\n'
    _install(site, "squids", "squid", "squid_adapter", source)
    with pytest.raises(UsageError, match=r"Install it with: pip install 'squids\[deep\]'$"):
        resolve("squid/x")


def test_installed_extra_asks_for_nothing(site: Path) -> None:
    """With all modules there, no command is shown."""
    source = 'EXTRA = "deep"\nREQUIRES = ("json",)\ncreate = lambda *_: None\n'
    _install(site, "seals", "seal", "seal_adapter", source)
    info = next(info for info in list_models() if info.provider == "seal")
    assert (info.installed, info.missing, info.install) == (True, (), None)


def test_capabilities_where_they_are_known(site: Path) -> None:
    """What all models of an adapter can do is listed; what depends on the model is left blank."""
    source = (
        "from unisafebench.models.base import Capabilities\n"
        "CAPABILITIES = Capabilities(image_input=True)\ncreate = lambda *_: None\n"
    )
    _install(site, "cranes", "crane", "crane_adapter", source)
    found = {info.provider: info.capabilities for info in list_models()}
    assert found["crane"] == Capabilities(image_input=True)
    assert found["openai"] is None
    listed = CliRunner().invoke(command_models, [], env={"COLUMNS": "200"}).output.splitlines()
    assert next(line for line in listed if line.startswith("crane")).split() == [
        *("crane", "yes", "text,", "vision")
    ]
    as_json = json.loads(CliRunner().invoke(command_models, ["--json"]).output)
    crane = next(info for info in as_json if info["provider"] == "crane")
    assert crane["capabilities"]["image_input"] is True


def test_adapter_whose_own_module_is_gone_asks_for_a_new_installation(site: Path) -> None:
    """A package that lost its files is told apart from one that lacks a dependency."""
    _install(site, "ghosts", "ghost", "ghost_adapter", None)
    with pytest.raises(
        UsageError, match=r"its module is not there. Reinstall the package 'ghosts'"
    ):
        resolve("ghost/x")
    info = next(info for info in list_models() if info.provider == "ghost")
    assert (info.summary, info.module, info.installed) == ("", "ghost_adapter", False)


def test_adapter_without_create_is_one_clear_error(site: Path) -> None:
    """A name that the module lacks is a usage error, not a traceback."""
    _install(site, "empty", "hollow", "hollow_adapter", "")
    with pytest.raises(UsageError, match=r"the adapter of 'hollow' .* cannot be loaded"):
        resolve("hollow/x")


def test_factory_that_makes_no_model_is_refused(site: Path) -> None:
    """What an adapter makes is looked at before a run starts."""
    _install(site, "odd", "odd", "odd_adapter", "def create(name, options):\n    return 3\n")
    with pytest.raises(UsageError, match="made an object of type 'int', which is no model"):
        resolve("odd/x")


def test_list_shows_the_first_line_of_the_docstring(site: Path) -> None:
    """An adapter without a summary is introduced by its docstring."""
    _install(site, "parrots", "parrot", "parrot_adapter_d", _ADAPTER)
    info = next(info for info in list_models() if info.provider == "parrot")
    assert (info.summary, info.module) == ("Repeats what it is told.", "parrot_adapter_d")
    assert info.installed


def test_list_reads_summary_and_required_modules(site: Path) -> None:
    """An adapter that imports late can say what it needs and is."""
    source = (
        'SUMMARY = "Late."\nREQUIRES = ("json", "no_such_package.part")\ncreate = lambda *_: None\n'
    )
    _install(site, "late", "late", "late_adapter", source)
    info = next(info for info in list_models() if info.provider == "late")
    assert (info.summary, info.installed) == ("Late.", False)


def test_list_holds_the_demo_and_says_what_it_is() -> None:
    """The stand-in is listed as one."""
    info = next(info for info in list_models() if info.provider == "demo")
    assert info.installed
    assert "no model" in info.summary
