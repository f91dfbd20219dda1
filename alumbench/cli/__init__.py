"""The command line: one file per command; each parses, calls and prints."""

from __future__ import annotations

import errno
import importlib
import shlex
import sys
import warnings
from collections.abc import Callable
from typing import Any

import click

from alumbench import __version__
from alumbench.cli.streams import standard_streams
from alumbench.errors import AlumbenchError, shown, unknown
from alumbench.old_names import OldName

COMMANDS = {
    "demo": "a complete example: train, attack and compare two methods on a miniature task",
    "tokenizer": "learn a tokenizer from text, or apply one",
    "pretrain": "pre-train a masked LM on text with a method",
    "train": "fine-tune a model on a task with a method",
    "attack": "run a suite of attacks and adversarial sets on checkpoints",
    "compare": "compare evaluated checkpoints, paired by example",
    "verify": "check an evaluation's records against its checkpoint",
    "leaderboard": "build, check and publish leaderboards",
    "report": "write a board as one page for a paper's appendix",
    "card": "write a checkpoint's model card and results for the hub",
    "push": "upload a checkpoint, its card and its results to the hub",
    "tasks": "list the tasks to train on",
    "methods": "list the training methods",
    "suites": "list the suites to evaluate with",
    "recipes": "list the attacks and what each needs",
    "threat-models": "list what attackers may do: the sets of texts to attack within",
    "doctor": "show what is missing on this machine and how to get it",
}

#: Commands of earlier versions that are modules of the repository now.
MOVED = {"claims": "experiments.claims", "geometry": "experiments.geometry"}


class LazyGroup(click.Group):
    """Imports a command's module only when that command is used, so that `--help` stays instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order in which a user needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command with that name."""
        if name not in COMMANDS:
            return None
        module = name.replace("-", "_")
        return getattr(importlib.import_module(f"alumbench.cli.{module}"), module)  # type: ignore[no-any-return]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds the command, or suggests the nearest name."""
        if args and args[0] in MOVED:
            command = shlex.join(["python", "-m", MOVED[args[0]], *args[1:]])
            raise click.UsageError(f"{args[0]} is no longer in the package; in a clone of the repository: {command}")
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
    """Train text classifiers with and without adversarial regularization, attack them, and publish the results.

    Every long command can be killed; rerun the same command to resume.
    """


def main(command: click.Command | None = None, name: str = "alumbench") -> None:
    """Runs a command line; a user's mistake gives one line and exit status 1, never a traceback."""
    with standard_streams(), warnings.catch_warnings():
        warnings.simplefilter("once", OldName)
        warnings.showwarning = _in_one_line(warnings.showwarning)
        _run(command or group, name)


def _in_one_line(show: Callable[..., None]) -> Callable[..., None]:
    """A way of showing warnings that prints those about old names as notes."""

    def shown(message: Warning | str, category: type[Warning], *args: Any, **kwargs: Any) -> None:
        if issubclass(category, OldName):
            click.echo(f"note: {message}", err=True)
        else:
            show(message, category, *args, **kwargs)

    return shown


def _run(command: click.Command, name: str) -> None:
    # A broken pipe (EPIPE) is left to `standard_streams`.
    try:
        command(standalone_mode=False, prog_name=name)
    except AlumbenchError as error:
        click.echo(f"alumbench: {error}", err=True)
        sys.exit(1)
    except click.ClickException as error:
        vars(error)["message"] = shown(error.message)  # it quotes the user's input
        error.show()
        sys.exit(error.exit_code)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("\nalumbench: stopped. What was finished is kept; rerun the same command to resume.", err=True)
        sys.exit(130)
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.EPIPE:
            raise
        from alumbench.cli.failure import tell

        tell(error)
        sys.exit(70)  # EX_SOFTWARE
