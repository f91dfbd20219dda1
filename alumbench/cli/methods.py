"""`alumbench methods`."""

from __future__ import annotations

import inspect
import re
import textwrap
from typing import TYPE_CHECKING

import click

from alumbench.commands import next_line
from alumbench.errors import AlumbenchError

if TYPE_CHECKING:
    from alumbench.methods import Method

#: How the docstrings tell what a step costs; standard training is 3.
COST = re.compile(r"((?:[\dK+=] ?)+)forward units a step")


@click.command(short_help="how a model can be trained")
@click.argument("name", required=False)
def methods(name: str | None) -> None:
    """List the training methods; with a NAME, all about that one: what it does, its parameters, its source."""
    from dataclasses import MISSING

    from alumbench.methods import load_method, method_names
    from alumbench.methods.method import parameters_of

    if name is not None:
        method = load_method(name)
        described, meanings = _parts(method)
        click.echo(f"{name}: {described}\n\nsource: {method.source}")
        for key, value in parameters_of(method).items():
            click.echo(f"  --set {key}={'…' if value is MISSING else value}")
            click.echo(textwrap.fill(meanings.get(key, ""), 110, initial_indent=" " * 8, subsequent_indent=" " * 8))
        return
    texts = {name: _text(name) for name in method_names()}
    widths = max(map(len, texts)), max(len(_cost(text)) for text in texts.values())
    for name, text in texts.items():
        click.echo(f"{name:{widths[0]}}  {_cost(text):{widths[1]}}  {text.splitlines()[0]}")
    click.echo("\nCosts are in forward passes a step, a backward counting 2; standard training is 3.")
    click.echo("A method's name tells its parameters and source.")
    click.echo(next_line("methods", "alum"))


def _text(name: str) -> str:
    """A method's docstring; where a user's own file cannot be loaded, why, so that the others are listed."""
    from alumbench.methods import load_method

    try:
        return inspect.getdoc(load_method(name)) or "(has no docstring)"
    except AlumbenchError as error:
        return f"({error})"


def _parts(method: type[Method]) -> tuple[str, dict[str, str]]:
    """What a method's docstring says, and what it and those of its bases say of each attribute."""
    described, meanings = "", {}
    for ancestor in reversed(method.__mro__):
        described, _, attributes = inspect.cleandoc(ancestor.__doc__ or "").partition("\n\nAttributes:\n")
        for name, meaning in re.findall(r"^    (\w+): (.*(?:\n        .*)*)", attributes, re.MULTILINE):
            meanings[name] = " ".join(meaning.split())
    return described, meanings


def _cost(docstring: str) -> str:
    found = COST.search(" ".join(docstring.split()))
    return found[1].strip() if found else ""
