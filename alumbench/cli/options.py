"""Options and parsing that several commands share."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

import click

from alumbench.errors import AlumbenchError

F = TypeVar("F", bound=Callable[..., Any])
#: A command's options by name as click passes them: their types are those of the declarations, which click checks.
CommandOptions: TypeAlias = dict[str, Any]


def key_values(pairs: Sequence[str], option: str) -> dict[str, object]:
    """`("alpha=1", "norm=linf")` as a mapping; JSON values are parsed, others stay strings.

    Raises:
        AlumbenchError: A pair has no '='.
    """
    values: dict[str, object] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise AlumbenchError(f"{option} {pair}: expected {option} NAME=VALUE")
        if value.casefold() in {"true", "false"}:  # Python's spelling and JSON's
            value = value.casefold()
        try:
            values[key.replace("-", "_")] = json.loads(value)
        except (ValueError, RecursionError):
            values[key.replace("-", "_")] = value
    return values


def split_names(text: str) -> tuple[str, ...]:
    """`"a, b"` as `("a", "b")`."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def device_option(command: F) -> F:
    """`--device`."""
    return click.option(
        "--device",
        type=click.Choice(["auto", "cpu", "cuda"]),
        default="auto",
        show_default=True,
        help="Device to run on.",
    )(command)


def table_options(command: F) -> F:
    """`--delimiter` and `--encoding`, for files where detection is wrong."""
    delimiter = click.option("--delimiter", default="", help="Delimiter of csv and tsv files: a character, or 'tab'.")
    encoding = click.option("--encoding", default="", help="Encoding of text files, as Python names it.")
    return delimiter(encoding(command))


def compile_option(command: F) -> F:
    """`--compile`."""
    return click.option(
        "--compile", "compiled", is_flag=True, help="Use torch.compile; worthwhile on a GPU, and in long runs on a CPU."
    )(command)


def report_to_option(command: F) -> F:
    """`--report-to`."""
    return click.option(
        "--report-to",
        multiple=True,
        metavar="TRACKER",
        help="Send losses and dev figures to tensorboard, trackio, wandb, mlflow, …; repeatable. Default: none.",
    )(command)


def quiet_libraries() -> None:
    """Keeps the libraries' progress bars and hints out of a command's output."""
    import os

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
