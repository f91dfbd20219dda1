"""Several searches on one problem, cheap to dear: the strongest attack within a set, as AutoAttack is for images."""

from __future__ import annotations

from collections.abc import Sequence

from alumbench.attacks.problem import Problem
from alumbench.attacks.recipe import load_recipe
from alumbench.attacks.set_search import SearchRecipe
from alumbench.errors import AlumbenchError


def members(names: Sequence[str]) -> list[SearchRecipe]:
    """The recipes of these names.

    Raises:
        AlumbenchError: One is not a search within a threat model.
    """
    found = [load_recipe(name) for name in names]
    for recipe in found:
        if not isinstance(recipe, SearchRecipe):
            raise AlumbenchError(f"recipe {recipe.name} cannot be a member of an ensemble: it brings its own set")
    return found  # type: ignore[return-value]


def search_in_turn(problem: Problem, recipes: Sequence[SearchRecipe], refine: bool) -> None:
    """Runs each search in turn until one succeeds; what an earlier one has scored costs a later one nothing.

    Args:
        problem: the problem.
        recipes: the searches; those that need more than the classifier gives are left out.
        refine: whether all of them then look for a success of a lower degree, until none finds one.
    """
    usable = [recipe for recipe in recipes if problem.gives(recipe.access)]
    largest = problem.set.largest
    while True:
        before = problem.found
        for recipe in usable:
            problem.attack = recipe.name
            recipe.search(problem)
            if problem.found is not before:
                break
        found = problem.found
        if found is before or found is None or found.degree == 1 or not refine:
            break
        problem.set.largest = found.degree - 1
    # Completeness at a lower degree says nothing of the set.
    problem.exhausted = problem.exhausted and problem.set.largest == largest and problem.found is None
    problem.set.largest = largest
