"""`alumbench recipes`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from alumbench.commands import next_line

if TYPE_CHECKING:
    from alumbench.attacks import Recipe


@click.command(short_help="the attacks and what each needs")
@click.argument("name", default="")
@click.option(
    "--markdown", is_flag=True, help="Print the table of docs/attacks.md, which is the same on every machine."
)
def recipes(name: str, markdown: bool) -> None:
    """List the attack recipes, or tell all about one: what it changes, where it comes from, what it needs."""
    from alumbench.attacks import load_recipe, recipe_names

    if markdown:
        from alumbench.attacks import listing

        click.echo(listing.markdown())
    elif name:
        _tell(load_recipe(name))
    else:
        for recipe in map(load_recipe, recipe_names()):
            _list(recipe)
        click.echo("A recipe's name tells more, and how what is missing comes.")
        click.echo(next_line("recipes", "pwws"))


def _list(recipe: Recipe) -> None:
    click.echo(f"{recipe.signature:28} {recipe.state()}" + (f": {recipe.refused}" if recipe.refused else ""))
    click.echo(f"{'':28} {recipe.parts}")
    click.echo(f"{'':28} {recipe.source}" + (f"; needs {', '.join(recipe.needs)}" if recipe.needs else ""))


def _tell(recipe: Recipe) -> None:
    import inspect

    from alumbench.attacks.resources import PARTS, RESOURCES

    click.echo(f"{recipe.signature}: {recipe.parts}")
    click.echo(f"  source: {recipe.source}")
    if recipe.goal == "reduction":
        click.echo("  goal: the same label from fewer words ('broken' means that words could be taken away)")
    if recipe.refused:
        click.echo(f"  refused: {recipe.refused}")
        return
    told = (inspect.getdoc(recipe.build) or "").splitlines()
    click.echo("\n".join(f"  {line}".rstrip() for line in told))
    for name in recipe.parts_needed:
        click.echo(f'  suites give parts = {{ {name} = "{PARTS[name].example}" }}: {PARTS[name].about}')
    for name in recipe.needs:
        problem = RESOURCES[name].problem()
        click.echo(f"  {name}: {RESOURCES[name].about}: {f'missing: {problem}' if problem else 'here'}")
    click.echo(f"  {recipe.state()}")
