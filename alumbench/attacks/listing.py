"""The recipes as a table that is the same on every machine: what each changes and needs, and whether it was run."""

from __future__ import annotations

from alumbench.attacks.recipe import Recipe, load_recipe, recipe_names
from alumbench.attacks.resources import RESOURCES

HEADER = ("recipe", "what it does", "needs", "state")


def markdown() -> str:
    """The table of all recipes in Markdown."""
    rows = [HEADER, ("---",) * len(HEADER), *(_row(load_recipe(name)) for name in recipe_names())]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(recipe: Recipe) -> tuple[str, ...]:
    parts = [f"`{name}` from the suite" for name in recipe.parts_needed]
    return f"`{recipe.signature}`", recipe.parts, ", ".join([*recipe.needs, *parts]) or "nothing", tried(recipe)


def tried(recipe: Recipe) -> str:
    """`runs` where the tests run it, else why they do not."""
    if recipe.refused:
        return f"refused: {recipe.refused}"
    untried = [name for name in recipe.needs if not RESOURCES[name].tried]
    return f"not run yet, for want of {', '.join(untried)}" if untried else "runs"
