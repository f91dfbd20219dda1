"""`alumbench methods`."""

from __future__ import annotations

import inspect
import re
import textwrap
from typing import TYPE_CHECKING

import click

from alumbench.commands import next_line
from alumbench.errors import AlumbenchError
from alumbench.registry import from_whom

if TYPE_CHECKING:
    from alumbench.methods import Method

#: The cost of a step, as the docstrings state it; standard training is 3.
COST = re.compile(r"((?:[\dK+=] ?)+)forward units a step")


@click.command(short_help="list the training methods")
@click.argument("name", required=False)
def methods(name: str | None) -> None:
    """List the training methods, or describe the one called NAME: what it does, its parameters, its source."""
    from dataclasses import MISSING

    from alumbench.methods import load_method
    from alumbench.methods.method import parameters_of
    from alumbench.registry import METHODS, find, listed

    if name is not None:
        method = load_method(name)
        described, meanings = _parts(method)
        click.echo(f"{method.name}: {described}\n\nsource: {method.source}\nfrom: {find(METHODS, name).source}")
        for key, value in parameters_of(method).items():
            click.echo(f"  --set {key}={'…' if value is MISSING else value}")
            click.echo(textwrap.fill(meanings.get(key, ""), 110, initial_indent=" " * 8, subsequent_indent=" " * 8))
        return
    sources = {found.name: found for found in listed(METHODS)}
    texts = {name: _text(name) for name in sources}
    widths = max(map(len, texts)), max(len(_cost(text)) for text in texts.values())
    for name, text in texts.items():
        click.echo(f"{name:{widths[0]}}  {_cost(text):{widths[1]}}  {text.splitlines()[0]}{from_whom(sources[name])}")
    click.echo("\nCosts are forward passes per step; a backward pass counts as 2, so standard training costs 3.")
    click.echo("To see a method's parameters and source, give its name.")
    click.echo(next_line("methods", "alum"))


def _text(name: str) -> str:
    """A method's docstring, or why it cannot be loaded: a user's broken file must not hide the others."""
    from alumbench.methods import load_method

    try:
        return inspect.getdoc(load_method(name)) or "(has no docstring)"
    except AlumbenchError as error:
        return f"(broken: {error})"


def _parts(method: type[Method]) -> tuple[str, dict[str, str]]:
    """A method's description, and the text on each attribute from its docstring and those of its bases."""
    described, meanings = "", {}
    for ancestor in reversed(method.__mro__):
        described, _, attributes = inspect.cleandoc(ancestor.__doc__ or "").partition("\n\nAttributes:\n")
        for name, meaning in re.findall(r"^    (\w+): (.*(?:\n        .*)*)", attributes, re.MULTILINE):
            meanings[name] = " ".join(meaning.split())
    return described, meanings


def _cost(docstring: str) -> str:
    found = COST.search(" ".join(docstring.split()))
    return found[1].strip() if found else ""
