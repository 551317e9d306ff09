"""Options that several commands share, each declared once."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from unisafebench.cli.parties import JudgeChoice
from unisafebench.cli.plan import Prices, parse_price
from unisafebench.core.errors import UnknownNameError, UsageError
from unisafebench.core.tasks import TASKS, find_task
from unisafebench.core.taxonomy import CATEGORIES, SUBCATEGORIES, find_category, find_subcategory
from unisafebench.endpoints.http import Limits
from unisafebench.models.base import Model, advice_on
from unisafebench.models.options import Options
from unisafebench.models.registry import resolve
from unisafebench.runs.manifest import ModelRecord

__all__ = [
    "Values",
    "dataset_options",
    "directory_option",
    "endpoint_options",
    "figures_options",
    "gates_option",
    "judge_options",
    "key_values",
    "model_options",
    "model_record",
    "named_model_options",
    "output_options",
    "price_options",
    "quiet_option",
    "subcategories",
    "task_ids",
    "tasks_option",
    "utility_options",
]

F = TypeVar("F", bound=Callable[..., Any])


def _all(*options: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


named_model_options = _all(
    click.option(
        "-m",
        "--model",
        default="demo",
        show_default=True,
        help="Model to test, as provider/name; 'demo' is a stand-in that is no model.",
    ),
    click.option("--model-base-url", default=None, help="Address of the model's endpoint."),
    click.option(
        "-M",
        "--model-option",
        multiple=True,
        metavar="KEY=VALUE",
        help="Setting of the model's adapter; repeatable.",
    ),
    click.option(
        "--field",
        multiple=True,
        metavar="OURS=THEIRS",
        help="Field of a file of recorded answers, such as text=answer; repeatable.",
    ),
    click.option(
        "--workers",
        type=click.IntRange(1, 1024),
        default=None,
        help="Processes of a model that is a command (exec:), each with a GPU of its own.",
    ),
)

model_options = _all(
    named_model_options,
    click.option(
        "--epochs",
        type=click.IntRange(1, 100),
        default=1,
        show_default=True,
        help="Responses to each sample.",
    ),
    click.option("--seed", type=int, default=0, show_default=True, help="Seed of the first epoch."),
)

tasks_option = click.option(
    "-t",
    "--tasks",
    multiple=True,
    metavar="TASK",
    help="Only these tasks; repeatable, or separated by commas.",
)

dataset_options = _all(
    click.option(
        "-d",
        "--dataset",
        default="starter",
        show_default=True,
        help="Built-in data set, or a .jsonl file of samples.",
    ),
    tasks_option,
    click.option(
        "-c",
        "--categories",
        multiple=True,
        metavar="CATEGORY",
        help="Only these categories or subcategories; repeatable, or separated by commas.",
    ),
    click.option(
        "--limit", type=click.IntRange(1), default=None, help="At most so many samples of a task."
    ),
    click.option(
        "--shuffle",
        type=int,
        default=None,
        metavar="SEED",
        help="Ask in random order; with --limit, of a random choice. The same for the same seed.",
    ),
    click.option(
        "--allow-outside",
        is_flag=True,
        help="Take pictures that lie outside the directory of the file that names them.",
    ),
)

judge_options = _all(
    click.option(
        "--judge",
        "judge_name",
        default="builtin",
        show_default=True,
        help="Judge, as provider/model; 'builtin' works offline, for smoke tests only.",
    ),
    click.option("--judge-base-url", default=None, help="Address of the judge's endpoint."),
    click.option(
        "--extractor",
        "extractor_name",
        default=None,
        help="Writes the intents; default: the judge.",
    ),
    click.option("--extractor-base-url", default=None, help="Address of the extractor's endpoint."),
    click.option(
        "--protocol",
        type=click.Choice(["strict", "paper"]),
        default="strict",
        show_default=True,
        help="Counting rules; 'paper' counts as the authors of the method do.",
    ),
    click.option(
        "--blocked-as",
        type=click.Choice(["refusal", "unscored", "separate"]),
        default="refusal",
        show_default=True,
        help="How a provider's block enters the rates.",
    ),
)

price_options = _all(
    *(
        click.option(
            f"--{party}-price",
            default=None,
            metavar="IN/OUT",
            help=f"US$ for a million tokens of the {party}, for --dry-run"
            + ("; IN/OUT/PICTURE adds one picture made." if party == "model" else "."),
        )
        for party in ("model", "judge", "extractor")
    )
)

endpoint_options = _all(
    click.option(
        "--max-connections",
        type=click.IntRange(1, 4096),
        default=32,
        show_default=True,
        help="Calls in flight at a time, for each endpoint.",
    ),
    click.option("--max-rpm", type=float, default=None, help="Calls a minute, for each endpoint."),
    click.option(
        "--timeout",
        type=float,
        default=120.0,
        show_default=True,
        help="Seconds that one call may take.",
    ),
    click.option(
        "--max-retries",
        type=click.IntRange(0, 20),
        default=5,
        show_default=True,
        help="Further tries of a call that failed in passing.",
    ),
)

directory_option = click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Directory of the run.  [default: runs/ and the names of model, data set, judge]",
)

quiet_option = click.option("-q", "--quiet", is_flag=True, help="Show no progress.")

utility_options = _all(
    click.option(
        "--utility",
        multiple=True,
        metavar="[MODEL=]FILE",
        help="Result file of another tool, or a file of scores, for utility; repeatable.",
    ),
    click.option(
        "--utility-map",
        multiple=True,
        metavar="BENCHMARK=TASK",
        help="Which task a benchmark of these files stands for; repeatable.",
    ),
    click.option(
        "--utility-metric",
        multiple=True,
        metavar="[BENCHMARK=]METRIC",
        help="Which metric of these files to take; repeatable.",
    ),
)

gates_option = click.option(
    "--fail-if",
    multiple=True,
    metavar="GATE",
    help="Gate such as 'C-U > 0.1', 'I-U[Politics] > 5%' or 'B-S drops by 0.02 vs RUN at p<0.05'; "
    "exit code 1 when one trips.",
)

figures_options = _all(
    click.option(
        "--max-unscored",
        type=click.FloatRange(0, 1),
        default=0.03,
        show_default=True,
        help="Share of a group that the judge may leave unscored before it is not reportable.",
    ),
    gates_option,
    click.option("--json", "as_json", is_flag=True, help="Print summary.json instead of tables."),
)

output_options = _all(directory_option, figures_options, quiet_option)


def task_ids(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the ids of the tasks that the user named, in the order of the tables; all if none.

    Raises:
        UnknownNameError: there is no such task.
    """
    wanted = {find_task(name).id for part in names for name in part.split(",") if name.strip()}
    return tuple(task for task in TASKS if not wanted or task in wanted)


def subcategories(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the subcategories that the user named, in the order of the tables; () if none.

    A category stands for all its subcategories.

    Raises:
        UnknownNameError: there is no such category or subcategory.
    """
    wanted: set[str] = set()
    for name in (part.strip() for given in names for part in given.split(",") if part.strip()):
        try:
            wanted.update(CATEGORIES[find_category(name)])
        except UnknownNameError:
            try:
                wanted.add(find_subcategory(name))
            except UnknownNameError:
                raise UnknownNameError("category", name, [*CATEGORIES, *SUBCATEGORIES]) from None
    return tuple(name for name in SUBCATEGORIES if name in wanted)


def key_values(pairs: tuple[str, ...]) -> dict[str, str]:
    """Return `KEY=VALUE` arguments as a mapping.

    Raises:
        UsageError: one of them has no "=".
    """
    found = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UsageError(f"{pair!r} is not of the form KEY=VALUE.")
        found[key] = value
    return found


def model_record(model: Model) -> ModelRecord:
    """Return what the manifest says of a model."""
    return ModelRecord(
        name=model.name, settings=dict(model.settings), capabilities=model.capabilities
    )


class Values:
    """The values of the shared options that a command was given, by name."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given

    def __getattr__(self, name: str) -> Any:
        try:
            return self._given[name]
        except KeyError:
            raise AttributeError(name) from None

    def open_model(self) -> Model:
        """Make the model that the options name; nothing is sent yet.

        Raises:
            UsageError: its name or an option is unusable.
        """
        options = key_values(self.model_option)
        options |= {f"field.{ours}": theirs for ours, theirs in key_values(self.field).items()}
        if self.workers is not None:
            options["workers"] = str(self.workers)
        if self.model_base_url is not None:
            options["base_url"] = self.model_base_url
        return resolve(self.model, Options(options, limits=self.limits()))

    def supported_tasks(self, model: Model) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Split the tasks asked for into those the model can do and those it cannot.

        Raises:
            UsageError: it can do none of them.
        """
        wanted = task_ids(self.tasks)
        able = tuple(task for task in wanted if model.capabilities.supports(TASKS[task]))
        if not able:
            advice = advice_on(model, map(TASKS.__getitem__, wanted))
            raise UsageError(
                f"the model {model.name!r} can do none of the tasks asked for: {', '.join(wanted)}."
                + (f" {advice}" if advice else "")
            )
        return able, tuple(task for task in wanted if task not in able)

    def judge_choice(self) -> JudgeChoice:
        """Return what the judge options say."""
        return JudgeChoice(
            judge=self.judge_name,
            judge_base_url=self.judge_base_url,
            extractor=self.extractor_name,
            extractor_base_url=self.extractor_base_url,
            protocol=self.protocol,
            blocked_as=self.blocked_as,
            limits=self.limits(),
        )

    def prices(self) -> Prices:
        """Return what the parties cost, as far as the user said it.

        Raises:
            UsageError: a price is not of its form.
        """
        return Prices(
            model=parse_price(self.model_price, "--model-price"),
            judge=parse_price(self.judge_price, "--judge-price"),
            extractor=parse_price(self.extractor_price, "--extractor-price"),
        )

    def limits(self) -> Limits:
        """Return the limits that the endpoint options ask for.

        Raises:
            UsageError: a number makes no sense.
        """
        if self.max_rpm is not None and self.max_rpm <= 0:
            raise UsageError(f"--max-rpm is {self.max_rpm:g}; give a number above 0.")
        if self.timeout <= 0:
            raise UsageError(f"--timeout is {self.timeout:g}; give seconds above 0.")
        return Limits(
            max_connections=self.max_connections,
            requests_per_minute=self.max_rpm,
            timeout_s=self.timeout,
            max_retries=self.max_retries,
        )
