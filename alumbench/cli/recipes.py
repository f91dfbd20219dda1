"""`alumbench recipes`."""

from __future__ import annotations

import click


@click.command(short_help="the attacks and what each needs")
def recipes() -> None:
    """List the attack recipes: what they change, where they come from, and what they need that is not here."""
    from alumbench.attacks import load_recipe, recipe_names

    for name in recipe_names():
        recipe = load_recipe(name)
        click.echo(f"{recipe.signature:24} {recipe.parts}")
        click.echo(f"{'':24} source: {recipe.source}")
        if recipe.goal == "reduction":
            click.echo(f"{'':24} goal: the same label from fewer words ('broken' means that words could be taken away)")
        for missing in recipe.missing():
            click.echo(f"{'':24} missing: {missing}")
        if not recipe.missing():
            click.echo(f"{'':24} ready" + (f" (uses {', '.join(recipe.needs)})" if recipe.needs else ""))
