"""`unisafebench models`: the adapters, and what is installed."""

import click
import msgspec
from rich.console import Console
from rich.table import Table

from unisafebench.models.registry import list_models

__all__ = ["command"]


@click.command("models")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(as_json: bool) -> None:
    """List the model adapters and what is installed."""
    found = list_models()
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    table = Table("Provider", "Installed", "What it is", box=None, pad_edge=False)
    for adapter in found:
        table.add_row(adapter.provider, "yes" if adapter.installed else "no", adapter.summary)
    Console(highlight=False).print(table)
