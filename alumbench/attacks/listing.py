"""A table of the recipes, the same on every machine: what each changes and needs, and whether the tests run it."""

from __future__ import annotations

from alumbench.attacks.recipe import Recipe, load_recipe
from alumbench.attacks.resources import RESOURCES
from alumbench.registry import RECIPES, names

HEADER = ("recipe", "what it does", "needs", "state")


def markdown() -> str:
    """The table of all recipes that come with the package, in Markdown."""
    rows = [HEADER, ("---",) * len(HEADER), *(_row(load_recipe(name)) for name in names(RECIPES, built_in=True))]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(recipe: Recipe) -> tuple[str, ...]:
    models = [f"`{name}` from the suite" for name in recipe.required_models]
    return f"`{recipe.signature}`", recipe.description, ", ".join([*recipe.needs, *models]) or "nothing", tried(recipe)


def tried(recipe: Recipe) -> str:
    """`runs` if the tests run it, else why they do not."""
    if recipe.unsupported_reason:
        return f"refused: {recipe.unsupported_reason}"
    untried = [name for name in recipe.needs if not RESOURCES[name].tried]
    return f"not run yet: needs {', '.join(untried)}" if untried else "runs"
