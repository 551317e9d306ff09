"""`unisafebench tasks`: the seven tasks and the taxonomy."""

import click
import msgspec
from rich.console import Console
from rich.table import Table

from unisafebench.core.tasks import PAPER_COUNTS, TASKS
from unisafebench.core.taxonomy import CATEGORIES

__all__ = ["command"]


@click.command("tasks")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(as_json: bool) -> None:
    """List the seven tasks and the taxonomy, with the sample counts of the paper's set."""
    if as_json:
        document = {"tasks": list(TASKS.values()), "categories": dict(CATEGORIES)}
        click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
        return
    console = Console(highlight=False)
    tasks = Table(box=None, pad_edge=False)
    tasks.add_column("Task", no_wrap=True)
    for column in ("Name", "Input", "Output", "Unsafe in"):
        tasks.add_column(column)
    for task in TASKS.values():
        asked = "text + image" if task.image_input else "text"
        tasks.add_row(task.id, task.name, asked, task.output, task.unsafe_in)
    console.print(tasks)
    taxonomy = Table("Category", "Subcategory", box=None, pad_edge=False)
    taxonomy.add_column("Samples in the paper", justify="right")
    for category, subcategories in CATEGORIES.items():
        for subcategory in subcategories:
            count = sum(PAPER_COUNTS.get((task, subcategory), 0) for task in TASKS)
            taxonomy.add_row(category, subcategory, str(count))
    console.print()
    console.print(taxonomy)
