"""Options for the kind of model that an argument names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from alumbench.cli.options import CommandOptions

if TYPE_CHECKING:
    from alumbench.models.resolve import ModelOptions

F = TypeVar("F", bound=Callable[..., Any])


def model_options(command: F) -> F:
    """`--hard-labels`, and the options for functions, endpoints and causal LMs only."""
    for option in reversed(
        [
            click.option("--hard-labels", is_flag=True, help="Use only the model's label, not its scores."),
            click.option(
                "--scores",
                type=click.Choice(["auto", "probabilities", "logits"]),
                default="auto",
                show_default=True,
                help="Kind of a function's or an endpoint's scores; auto: detected and printed.",
            ),
            click.option("--model-version", default="", help="Your version of a function's or an endpoint's model."),
            click.option(
                "--http-format",
                type=click.Choice(["plain", "huggingface"]),
                default="plain",
                show_default=True,
                help="Format of an endpoint's requests and answers; see docs/your-model.md.",
            ),
            reached_options,
            click.option(
                "--prompt", default="", help=r"Prompt of a causal LM: 'Review: {text}\nSentiment:'; \n is a new line."
            ),
            click.option("--label-words", default="", help="The word of each label in --prompt; default: its name."),
        ]
    ):
        command = option(command)
    return command


def reached_options(command: F) -> F:
    """Connection options of an endpoint, which no evaluation records."""
    number = click.FloatRange(min=0)
    for option in reversed(
        [
            click.option(
                "--auth-env", default="", metavar="NAME", help="Environment variable that holds an endpoint's key."
            ),
            click.option(
                "--timeout",
                default=60.0,
                type=number,
                show_default=True,
                help="Time limit of a request to an endpoint, in seconds.",
            ),
            click.option(
                "--retries",
                default=5,
                type=click.IntRange(min=0),
                show_default=True,
                help="Retries of a failed request to an endpoint.",
            ),
            click.option(
                "--rate-limit", default=0.0, type=number, help="Requests per second to an endpoint; 0: no limit."
            ),
        ]
    ):
        command = option(command)
    return command


def options_of(options: CommandOptions, labels: Sequence[str]) -> ModelOptions:
    """The model options from the command line."""
    version = options["model_version"]
    return replace(
        reached_of(options),
        labels=tuple(labels),
        hard_labels=options["hard_labels"],
        scores=options["scores"],
        version=version,
        http=replace(reached_of(options).http, format=options["http_format"], version=version),
        prompt=options["prompt"].replace("\\n", "\n"),
        words=tuple(word for word in options["label_words"].split(",") if word),
        device=options["device"],
    )


def reached_of(options: CommandOptions) -> ModelOptions:
    """The connection options of an endpoint from the command line."""
    from alumbench.models.http import HttpOptions
    from alumbench.models.resolve import ModelOptions

    named = {"auth_env": "auth_env", "timeout": "timeout", "retries": "retries", "requests_per_second": "rate_limit"}
    return ModelOptions(http=HttpOptions(**{name: options[option] for name, option in named.items()}))
