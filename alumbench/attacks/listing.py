"""Tables of recipes and threat models, the same on every machine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from alumbench.attacks.recipe import Recipe, load_recipe
from alumbench.attacks.resources import RESOURCES
from alumbench.attacks.threat_models.references import load_family
from alumbench.attacks.threat_models.threat_model import Family, ThreatModel
from alumbench.registry import RECIPES, THREAT_MODELS, names

RECIPE_HEADER = ("recipe", "what it does", "needs", "state")
THREAT_MODEL_HEADER = ("threat model", "what the attacker may do", "a degree counts", "needs")


def markdown() -> str:
    """The table of all recipes that come with the package, in Markdown: what each does and needs, and its state."""
    return _table(RECIPE_HEADER, (_row(load_recipe(name)) for name in names(RECIPES, built_in=True)))


def threat_models_markdown() -> str:
    """The table of all threat models that come with the package, in Markdown."""
    return _table(THREAT_MODEL_HEADER, (_family_row(load_family(name)) for name in names(THREAT_MODELS, built_in=True)))


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, ("---",) * len(header), *rows])


def _row(recipe: Recipe) -> tuple[str, ...]:
    return f"`{recipe.signature}`", recipe.description, _needs(recipe), tried(recipe)


def _family_row(family: Family) -> tuple[str, ...]:
    counts = "percent of the words" if family.percent else f"{family.unit}s" if family.symbol == "k" else family.unit
    return f"`{family.signature}`", family.description, counts, _needs(family)


def _needs(part: Recipe | Family) -> str:
    if not isinstance(part, Recipe | ThreatModel):
        return "nothing"
    models = [f"`{name}` from the suite" for name in part.required_models]
    within = ["a threat model"] if isinstance(part, Recipe) and part.needs_threat_model else []
    return ", ".join([*part.needs, *models, *within]) or "nothing"


def tried(recipe: Recipe) -> str:
    """`runs` if the tests run it, else why they do not."""
    if recipe.unsupported_reason:
        return f"refused: {recipe.unsupported_reason}"
    untried = [name for name in recipe.needs if not RESOURCES[name].tried]
    return f"not run yet: needs {', '.join(untried)}" if untried else "runs"
