"""An attack's recipe: how its TextAttack `Attack` is built, what it needs, and where it comes from."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from alumbench.errors import AlumbenchError, unknown


@dataclass(frozen=True)
class Recipe:
    """One way to attack a classifier.

    Attributes:
        name: how suites call it. An attack with other parts than its paper's has another name.
        version: raised whenever its results could change.
        build: makes the TextAttack `Attack` from a model wrapper.
        needs: names of `resources.RESOURCES`.
        source: paper and link.
        parts: what it changes, in a line.
        goal: `untargeted` (another label) or `reduction` (the same label from as few words as possible).
    """

    name: str
    version: int
    build: Callable[[Any], Any]
    source: str
    parts: str
    needs: tuple[str, ...] = ()
    goal: str = "untargeted"

    @property
    def signature(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"

    def missing(self) -> list[str]:
        """For each resource that is not here, what it is and the command that brings it."""
        from alumbench.attacks.resources import RESOURCES

        return [f"{name}: {RESOURCES[name].remedy}" for name in self.needs if not RESOURCES[name].here()]

    def make(self, wrapper: Any, columns: Sequence[str], protected: Sequence[str], query_budget: int | None) -> Any:
        """The attack with the task's context columns protected and a query budget.

        Args:
            wrapper: the victim as a TextAttack model wrapper.
            columns: the task's text columns.
            protected: those that may not change.
            query_budget: model queries an example may cost, None for no limit.

        Raises:
            AlumbenchError: A resource is missing.
        """
        from alumbench.attacks.textattack_loader import load_textattack, offline

        textattack = load_textattack()
        missing = self.missing()
        if missing:
            raise AlumbenchError(f"recipe {self.name} needs {'; '.join(missing)}")
        with offline():
            attack = self.build(wrapper)
        if protected:
            constraint = textattack.constraints.pre_transformation.InputColumnModification(
                list(columns), set(protected)
            )
            attack.pre_transformation_constraints.append(constraint)
        if query_budget is not None:
            attack.goal_function.query_budget = query_budget
            _end_at_budget(attack)
        return attack


def _end_at_budget(attack: Any) -> None:
    """Lets a search end before it begins when the first look at the text has spent the budget: some fail then."""
    search, goal = attack.search_method.perform_search, attack.goal_function

    def perform(initial_result: Any) -> Any:
        return initial_result if goal.num_queries >= goal.query_budget else search(initial_result)

    attack.search_method.perform_search = perform


def recipe_names() -> list[str]:
    """All recipes, sorted: a file `input_reduction.py` is the recipe `input-reduction`."""
    from alumbench.attacks import recipes

    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(recipes.__path__))


def load_recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        AlumbenchError: There is none; the nearest name is offered.
    """
    if name not in recipe_names():
        raise unknown("recipe", name, recipe_names(), "alumbench recipes")
    module = importlib.import_module(f"alumbench.attacks.recipes.{name.replace('-', '_')}")
    return module.RECIPE  # type: ignore[no-any-return]
