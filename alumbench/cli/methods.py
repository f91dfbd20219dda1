"""`alumbench methods`."""

from __future__ import annotations

import inspect
import re

import click

#: How the docstrings tell what a step costs; standard training is 3.
COST = re.compile(r"((?:[\dK+=] ?)+)forward units a step")


@click.command(short_help="how a model can be trained")
@click.argument("name", required=False)
def methods(name: str | None) -> None:
    """List the training methods; with a NAME, all about that one: what it does, its parameters, its source."""
    from alumbench.methods import load_method, make_method, method_names

    if name is not None:
        method = load_method(name)
        click.echo(f"{name}: {inspect.getdoc(method)}\n\nsource: {method.source}")
        for key, value in make_method(name, {}).parameters().items():
            click.echo(f"  --set {key}={value}")
        return
    texts = {name: inspect.getdoc(load_method(name)) or "" for name in method_names()}
    widths = max(map(len, texts)), max(len(_cost(text)) for text in texts.values())
    for name, text in texts.items():
        click.echo(f"{name:{widths[0]}}  {_cost(text):{widths[1]}}  {text.splitlines()[0]}")
    click.echo("\nCosts are in forward passes a step, a backward counting 2; standard training is 3.")
    click.echo("next: alumbench methods NAME tells a method's parameters and source")


def _cost(docstring: str) -> str:
    found = COST.search(" ".join(docstring.split()))
    return found[1].strip() if found else ""
