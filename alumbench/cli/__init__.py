"""The command line: one file a command; each parses, calls and prints."""

from __future__ import annotations

import errno
import importlib
import sys

import click

from alumbench import __version__
from alumbench.cli.streams import standard_streams
from alumbench.errors import AlumbenchError, shown, unknown

COMMANDS = {
    "demo": "a table from nothing: trains, attacks and compares two methods on a miniature task",
    "tokenizer": "learn a vocabulary from text, or apply one",
    "pretrain": "pre-train a masked-LM on text with a method",
    "train": "fine-tune a model on a task with a method",
    "attack": "run a suite of attacks and adversarial sets on checkpoints",
    "compare": "set checkpoints side by side, paired",
    "verify": "hold an evaluation's records against its checkpoint",
    "leaderboard": "publish a table with its evidence",
    "claims": "what boards say about claims, each with its verdict",
    "geometry": "where adversarial δ lead in a model's embedding space",
    "report": "a board as one page to append to a paper",
    "card": "write a checkpoint's model card and results for the hub",
    "push": "upload a checkpoint, its card and its results to the hub",
    "tasks": "what can be learned",
    "methods": "how a model can be trained",
    "suites": "what a checkpoint can be evaluated on",
    "recipes": "the attacks and what each needs",
    "doctor": "what is missing on this machine and how it comes",
}


class LazyGroup(click.Group):
    """Imports a command's module only when that command is used, so that `--help` stays instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands in the order of a user's day."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of that name."""
        if name not in COMMANDS:
            return None
        return getattr(importlib.import_module(f"alumbench.cli.{name}"), name)  # type: ignore[no-any-return]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds the command, or offers the nearest one."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            raise click.UsageError(str(unknown("command", args[0], COMMANDS, "alumbench --help")))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    "alumbench",
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="alumbench")
def group() -> None:
    """Train text classifiers with and without ALUM, attack them, and publish what holds.

    Every long command can be killed; the same command again goes on from there.
    """


def main() -> None:
    """Runs the command line; a mistake of the user's is one line and exit status 1, never a traceback."""
    with standard_streams():
        _run()


def _run() -> None:
    # A broken pipe (EPIPE) is left to `standard_streams`.
    try:
        group(standalone_mode=False, prog_name="alumbench")
    except AlumbenchError as error:
        click.echo(f"alumbench: {error}", err=True)
        sys.exit(1)
    except click.ClickException as error:
        vars(error)["message"] = shown(error.message)  # it quotes what was typed
        error.show()
        sys.exit(error.exit_code)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo(
            "\nalumbench: stopped. What was finished is kept; the same command again goes on from there.", err=True
        )
        sys.exit(130)
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.EPIPE:
            raise
        from alumbench.cli.failure import tell

        tell(error)
        sys.exit(70)  # EX_SOFTWARE
