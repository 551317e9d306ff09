"""`unisafebench models`: the adapters, what is installed, and what an extra would add."""

import click
import msgspec
from rich.console import Console
from rich.table import Table

from unisafebench.models.base import Capabilities
from unisafebench.models.registry import AdapterInfo, list_models
from unisafebench.report.visible import visible

__all__ = ["command"]

_ABILITIES = {
    "text_output": "text",
    "image_input": "vision",
    "image_output": "images",
    "image_editing": "editing",
}


@click.command("models")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(as_json: bool) -> None:
    """List the model adapters, what is installed, and what an extra would add.

    What a model can do is said where it is known before the model is loaded.
    """
    found = list_models()
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    table = Table("Provider", "Installed", "Can", "What it is", box=None, pad_edge=False)
    for adapter in found:
        installed = "yes" if adapter.installed else "no"
        table.add_row(
            adapter.provider, installed, _can(adapter.capabilities), visible(adapter.summary)
        )
    Console(highlight=False, markup=False).print(table)
    lacking = [adapter for adapter in found if not adapter.installed]
    if lacking:
        click.echo()
    for adapter in lacking:
        click.echo(visible(_lacks(adapter)))


def _can(capabilities: Capabilities | None) -> str:
    """Return what a model can do in words; "" where that is not known."""
    return ", ".join(
        word for name, word in _ABILITIES.items() if getattr(capabilities, name, False)
    )


def _lacks(adapter: AdapterInfo) -> str:
    """Return one line on what an adapter lacks and how to add it."""
    modules = ", ".join(adapter.missing) or f"the module {adapter.module}"
    if adapter.install is None:
        return f"{adapter.provider} lacks {modules}"
    return f"{adapter.provider}: {adapter.install} adds {modules}"
