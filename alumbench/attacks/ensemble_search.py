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


def search_in_turn(problem: Problem, recipes: Sequence[SearchRecipe]) -> None:
    """Runs each search in turn until one succeeds; what an earlier one has scored costs a later one nothing.

    Args:
        problem: the problem.
        recipes: the searches; those that need more than the classifier gives are left out.
    """
    before = problem.found
    for recipe in recipes:
        if problem.gives(recipe.access):
            problem.attack = recipe.name
            recipe.search(problem)
            if problem.found is not before:
                break


def search_for_the_least(
    problem: Problem, recipes: Sequence[SearchRecipe], one_step: Sequence[SearchRecipe] = ()
) -> None:
    """`search_in_turn`, and again for a success of a lower degree, until there is none.

    Args:
        problem: the problem.
        recipes: the searches.
        one_step: in place of them in a set of one step: the first of these that has what it needs. () for `recipes`.
    """
    largest, single = problem.set.largest, [recipe for recipe in one_step if problem.gives(recipe.access)][:1]
    while True:
        before = problem.found
        search_in_turn(problem, single if single and problem.set.largest == 1 else recipes)
        found = problem.found
        if found is before or found is None or found.degree == 1:
            break
        problem.set.largest = found.degree - 1
    # Completeness at a lower degree says nothing of the set.
    problem.exhausted = problem.exhausted and problem.set.largest == largest and problem.found is None
    problem.set.largest = largest
