"""`alumbench recipes`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from alumbench.commands import next_line
from alumbench.errors import AlumbenchError
from alumbench.registry import from_whom

if TYPE_CHECKING:
    from alumbench.attacks import Recipe


@click.command(short_help="list the attacks and what each needs")
@click.argument("name", default="")
@click.option(
    "--markdown", is_flag=True, help="Print the table of docs/attacks.md, which is the same on every machine."
)
def recipes(name: str, markdown: bool) -> None:
    """List the attack recipes, or describe one: what it changes, where it comes from, what it needs."""
    from alumbench.attacks import load_recipe
    from alumbench.registry import RECIPES, find, listed

    if markdown:
        from alumbench.attacks import listing

        click.echo(listing.markdown())
    elif name:
        _tell(load_recipe(name), find(RECIPES, name).source)
    else:
        for found in listed(RECIPES):
            try:
                _list(load_recipe(found.name), from_whom(found))
            except AlumbenchError as error:
                click.echo(f"{found.name:28} broken: {error}{from_whom(found)}")
        click.echo("To see more of a recipe, and how to get what is missing, give its name.")
        click.echo(next_line("recipes", "pwws"))


def _list(recipe: Recipe, source: str) -> None:
    click.echo(
        f"{recipe.signature:28} {recipe.state()}"
        + (f": {recipe.unsupported_reason}" if recipe.unsupported_reason else "")
        + source
    )
    click.echo(f"{'':28} {recipe.description}")
    click.echo(f"{'':28} {recipe.source}" + (f"; needs {', '.join(recipe.needs)}" if recipe.needs else ""))


def _tell(recipe: Recipe, source: str) -> None:
    import inspect

    from alumbench.attacks.resources import REQUIRED_MODELS, RESOURCES

    click.echo(f"{recipe.signature}: {recipe.description}")
    click.echo(f"  source: {recipe.source}")
    click.echo(f"  from: {source}")
    if recipe.goal == "reduction":
        click.echo("  goal: the same label from fewer words ('broken' means that words could be removed)")
    if recipe.unsupported_reason:
        click.echo(f"  refused: {recipe.unsupported_reason}")
        return
    told = (inspect.getdoc(recipe.build or getattr(recipe, "search", None)) or "").splitlines()
    click.echo("\n".join(f"  {line}".rstrip() for line in told))
    for name in recipe.required_models:
        model = REQUIRED_MODELS[name]
        click.echo(f'  suites give models = {{ {name} = "{model.example}" }}: {model.about}')
    for name in recipe.needs:
        problem = RESOURCES[name].problem()
        click.echo(f"  {name}: {RESOURCES[name].about}: {f'missing: {problem}' if problem else 'available'}")
    click.echo(f"  {recipe.state()}")
