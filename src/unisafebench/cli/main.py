"""The command `unisafebench`.

Commands are imported only when they are called, so that `--help` answers at once.
"""

import gc
import importlib
import signal
import sys
from typing import Any

import click

from unisafebench import __version__
from unisafebench.core.errors import UniSafeBenchError

__all__ = ["cli", "main", "relax_collector"]

# name -> (module, one-line help); aliases are what users of other tools type first.
_COMMANDS = {
    "run": ("run", "Run the benchmark on a model: responses, intents, verdicts, report."),
    "generate": ("generate", "Only make the responses; judge them another day or elsewhere."),
    "judge": ("judge", "Judge responses that already exist: a run, a file, the authors' format."),
    "report": ("report", "Write summary and report of a run again."),
    "compare": ("compare", "Compare runs on the same samples, or with published results."),
    "export": ("export", "Write tables, figures and files for papers and CI."),
    "doctor": ("doctor", "Check model and judge with a tiny call each, or look a run over."),
    "models": ("models", "List the model adapters and what is installed."),
    "tasks": ("tasks", "List the seven tasks and the taxonomy."),
}
_ALIASES = {
    "eval": "run",
    "score": "judge",
    "view": "report",
    "summary": "report",
    "ls": "tasks",
    "diff": "compare",
    "check": "doctor",
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        name = _ALIASES.get(cmd_name, cmd_name)
        if name not in _COMMANDS:
            return None
        module = importlib.import_module(f"unisafebench.cli.{_COMMANDS[name][0]}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from difflib import get_close_matches  # noqa: PLC0415 -- only on a typing error

        if args and self.get_command(ctx, args[0]) is None:
            near = get_close_matches(args[0], [*_COMMANDS, *_ALIASES], n=2, cutoff=0.5)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            ctx.fail(f"no such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


def _dashes(name: str) -> str:
    """Take `--max_connections` for `--max-connections`."""
    return name.replace("_", "-")


@click.group(
    cls=_Lazy,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "token_normalize_func": _dashes,
        "max_content_width": 100,
        "auto_envvar_prefix": "UNISAFEBENCH",
    },
)
@click.version_option(__version__, prog_name="unisafebench")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def cli(ctx: click.Context, debug: bool) -> None:
    """Check whether unified multimodal models are safe.

    Try it: "unisafebench run" runs all seven tasks offline on a stand-in model.

    Exit codes: 0 done; 1 a gate (--fail-if) tripped; 2 bad usage or bad input; 3 finished with
    unscored samples, or not reportable; 130 interrupted.
    """
    ctx.obj = debug


def relax_collector() -> None:
    """Let the garbage collector look less often.

    Every call and every record leaves short-lived objects behind, hardly any in cycles; looking
    for cycles took a seventh of the time of judging (`benchmarks/judging.py`).
    """
    gc.set_threshold(50_000, 20, 100)


def main(args: list[str] | None = None) -> Any:
    """Run the command line; the entry point of the console script.

    A user's mistake ends in one message on stderr and an exit code, never in a traceback.
    """
    relax_collector()
    debug = "--debug" in (sys.argv[1:] if args is None else args)
    try:
        code = cli.main(args=args, prog_name="unisafebench", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("Interrupted.", err=True)
        sys.exit(130)
    except UniSafeBenchError as error:
        if debug:
            raise
        from unisafebench.report.visible import visible  # noqa: PLC0415 -- only on an error

        # The message may quote an endpoint, which could send terminal commands.
        click.echo(f"Error: {visible(str(error))}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        if debug:
            raise
        # A disk that is full, read-only or gone, at a place that has no words of its own for it.
        where = f"{error.filename}: " if error.filename else ""
        click.echo(
            f"Error: {where}{error.strerror or error}. What was finished is kept: look after "
            "the disk and repeat the command.",
            err=True,
        )
        sys.exit(2)
    except SystemExit:
        # click ends so when whoever read our output (head, less) has gone. Its own code, 1, would
        # say that a gate tripped; this is the one that a shell shows for a closed pipe.
        sys.exit(128 + signal.SIGPIPE)
    sys.exit(code if isinstance(code, int) else 0)
