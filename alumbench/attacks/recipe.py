"""An attack's recipe: how its TextAttack `Attack` is built, what it needs, and where it comes from."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType, MethodType
from typing import Any

from alumbench.errors import AlumbenchError, unknown

NO_PARTS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Recipe:
    """One way to attack a classifier.

    Attributes:
        name: how suites call it. An attack with other parts than its paper's has another name.
        version: raised whenever its results could change.
        build: makes the TextAttack `Attack` from a model wrapper and, by name, the parts in `parts_needed`; None for
            those that are refused.
        source: paper and link.
        parts: what it changes, in a line.
        needs: names of `resources.RESOURCES`.
        goal: `untargeted` (another label) or `reduction` (the same label from as few words as possible).
        parts_needed: parts that a suite's entry has to name, of `resources.PARTS`: the masked LM, say.
        refused: why it cannot attack a classifier at all; empty for those that can.
    """

    name: str
    version: int
    build: Callable[..., Any] | None
    source: str
    parts: str
    needs: tuple[str, ...] = ()
    goal: str = "untargeted"
    parts_needed: tuple[str, ...] = ()
    refused: str = ""

    @property
    def signature(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"

    def absent(self) -> list[str]:
        """Names of the resources that are not here, found without reading any."""
        from alumbench.attacks.resources import RESOURCES

        return [name for name in self.needs if not RESOURCES[name].here()]

    def state(self) -> str:
        """In a few words, whether it can run here."""
        if self.refused:
            return "refused"
        absent = self.absent()
        if absent:
            return f"missing: {', '.join(absent)}"
        given = ", ".join(f"{name} = …" for name in self.parts_needed)
        return f"ready with parts = {{ {given} }}" if given else "ready"

    def missing(self) -> list[str]:
        """Why it cannot run here: for each resource that is absent or damaged what mends it, or why it never can."""
        from alumbench.attacks.resources import RESOURCES

        if self.refused:
            return [self.refused]
        problems = {name: RESOURCES[name].problem() for name in self.needs}
        return [f"{name}: {problem}" for name, problem in problems.items() if problem]

    def check_parts(self, parts: Mapping[str, str] = NO_PARTS) -> list[str]:
        """What is wrong with the parts that an entry names: absent, unknown or damaged. Downloads nothing."""
        from alumbench.attacks.resources import PARTS

        absent = [name for name in self.parts_needed if not parts.get(name)]
        if absent:
            example = ", ".join(f'{name} = "{PARTS[name].example}"' for name in absent)
            return [f"recipe {self.name} needs parts = {{ {example} }} in its suite entry"]
        strange = sorted(set(parts) - set(self.parts_needed))
        if strange:
            known = ", ".join(self.parts_needed) or "none"
            return [f"recipe {self.name} takes no part {', '.join(strange)}; it takes {known}"]
        problems = [PARTS[name].problem(value) for name, value in parts.items()]
        return [problem for problem in problems if problem]

    def models(self, parts: Mapping[str, str] = NO_PARTS) -> dict[str, dict[str, Any]]:
        """Of each transformers model that it asks beside the victim, by its part or resource, the identity.

        Raises:
            AlumbenchError: A file of one cannot be read.
        """
        from alumbench.attacks.resources import RESOURCES, find_cached
        from alumbench.checkpoints import ModelFiles
        from alumbench.checkpoints.identity import identity

        asked = {name: RESOURCES[name].model for name in self.needs if RESOURCES[name].model} | dict(parts)
        found = {name: find_cached(value) for name, value in sorted(asked.items())}
        return {name: identity(ModelFiles(path)) for name, path in found.items() if path is not None}

    def make(
        self,
        wrapper: Any,
        columns: Sequence[str],
        protected: Sequence[str],
        query_budget: int | None,
        parts: Mapping[str, str] = NO_PARTS,
    ) -> Any:
        """The attack with the task's context columns protected and a query budget.

        Args:
            wrapper: the victim as a TextAttack model wrapper.
            columns: the task's text columns.
            protected: those that may not change.
            query_budget: model queries an example may cost, None for no limit.
            parts: the parts that a suite's entry names.

        Raises:
            AlumbenchError: It cannot attack a classifier, or something it needs is absent or damaged.
        """
        from alumbench.attacks.textattack_loader import load_textattack, offline

        if self.refused or self.build is None:
            raise AlumbenchError(f"recipe {self.name} cannot attack a classifier: {self.refused}")
        textattack = load_textattack()
        missing = self.missing()
        if missing:
            raise AlumbenchError(f"recipe {self.name} needs {'; '.join(missing)}")
        wrong = self.check_parts(parts)
        if wrong:
            raise AlumbenchError("; ".join(wrong))
        with offline():
            attack = self.build(wrapper, **parts)
        from alumbench.attacks.seen_words import SeenWords

        attack.pre_transformation_constraints.append(SeenWords(attack.goal_function.model))
        if protected:
            constraint = textattack.constraints.pre_transformation.InputColumnModification(
                list(columns), set(protected)
            )
            attack.pre_transformation_constraints.append(constraint)
        if query_budget is not None:
            attack.goal_function.query_budget = query_budget
        # Some searches fail when the first look at the text has spent the budget, or at a text without a word: they end
        # before they begin.
        search = attack.search_method
        search.search_in_full, search.perform_search = search.perform_search, MethodType(_where_it_can, attack)
        return attack


def _where_it_can(attack: Any, initial_result: Any) -> Any:
    goal, search = attack.goal_function, attack.search_method
    spent = goal.query_budget is not None and goal.num_queries >= goal.query_budget
    nothing = not initial_result.attacked_text.num_words
    return initial_result if spent or nothing else search.search_in_full(initial_result)


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
