"""`alumbench methods`."""

from __future__ import annotations

import inspect

import click


@click.command(short_help="how a model can be trained")
def methods() -> None:
    """List the training methods with their sources and parameters."""
    from alumbench.methods import load_method, make_method, method_names

    for name in method_names():
        method = load_method(name)
        click.echo(f"{name:15} {(inspect.getdoc(method) or '').splitlines()[0]}")
        click.echo(f"{'':15} source: {method.source}")
        for key, value in make_method(name, {}).parameters().items():
            click.echo(f"{'':15} --set {key}={value}")
