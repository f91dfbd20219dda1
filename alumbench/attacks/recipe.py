"""An attack's recipe: the function that builds its TextAttack `Attack`, the resources it needs, and its source."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType, MethodType
from typing import TYPE_CHECKING, Any, ClassVar, NotRequired, TypedDict

from alumbench.errors import AlumbenchError
from alumbench.old_names import RECIPE, TakesOldNames
from alumbench.registry import RECIPES, find, names

if TYPE_CHECKING:
    from alumbench.attacks.single_search import Searches, SearchSpec
    from alumbench.attacks.threat_models.threat_model import ThreatModelAt
    from alumbench.models.checkpoint.identity import Fingerprint

NO_MODELS: Mapping[str, str] = MappingProxyType({})


class SentenceSettings(TypedDict):
    """Settings of TextAttack's constraint on sentence similarity."""

    threshold: float
    metric: str
    compare_against_original: bool
    window_size: NotRequired[int]
    skip_text_shorter_than_window: NotRequired[bool]


@dataclass(frozen=True)
class Recipe(metaclass=TakesOldNames):
    """One way to attack a classifier.

    Attributes:
        name: its name in suites. An attack that differs from its paper's has another name.
        version: increased whenever its results could change.
        build: makes the TextAttack `Attack` from a model wrapper and, by name, the models in `required_models`; None if
            the recipe is refused.
        source: paper and link.
        description: what it changes, in one line.
        needs: names in `resources.RESOURCES`.
        goal: `untargeted` (another label) or `reduction` (the same label from as few words as possible).
        required_models: names in `resources.REQUIRED_MODELS` that a suite's entry has to give, such as the masked LM.
        unsupported_reason: why it cannot attack a classifier at all; empty if it can.
        kind: the kind of suite entry that uses it.
    """

    name: str
    version: int
    build: Callable[..., Any] | None
    source: str
    description: str
    needs: tuple[str, ...] = ()
    goal: str = "untargeted"
    required_models: tuple[str, ...] = ()
    unsupported_reason: str = ""

    _OLD_NAMES: ClassVar[Mapping[str, str]] = RECIPE
    kind: ClassVar[str] = "attack"

    @property
    def signature(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"

    def absent(self) -> list[str]:
        """Names of the missing resources, found without reading any."""
        from alumbench.attacks.resources import RESOURCES

        return [name for name in self.needs if not RESOURCES[name].is_present()]

    def state(self) -> str:
        """A few words on whether it can run here."""
        if self.unsupported_reason:
            return "refused"
        absent = self.absent()
        if absent:
            return f"missing: {', '.join(absent)}"
        given = ", ".join(f"{name} = …" for name in self.required_models)
        return f"ready with models = {{ {given} }}" if given else "ready"

    def missing(self) -> list[str]:
        """Reasons why it cannot run here: a remedy for each missing or damaged resource, or why it never can."""
        from alumbench.attacks.resources import RESOURCES

        if self.unsupported_reason:
            return [self.unsupported_reason]
        problems = {name: RESOURCES[name].problem() for name in self.needs}
        return [f"{name}: {problem}" for name, problem in problems.items() if problem]

    def check_models(self, models: Mapping[str, str] = NO_MODELS, also: Sequence[str] = ()) -> list[str]:
        """Problems of the models that an entry names: missing, unknown or damaged. Downloads nothing.

        Args:
            models: the models by name.
            also: names that the entry's threat model requires.
        """
        from alumbench.attacks.resources import REQUIRED_MODELS

        required = tuple(dict.fromkeys([*self.required_models, *also]))
        absent = [name for name in required if not models.get(name)]
        if absent:
            example = ", ".join(f'{name} = "{REQUIRED_MODELS[name].example}"' for name in absent)
            return [f"recipe {self.name} needs models = {{ {example} }} in its suite entry"]
        strange = sorted(set(models) - set(required))
        if strange:
            known = ", ".join(required) or "none"
            return [f"recipe {self.name} takes no model {', '.join(strange)}; it takes {known}"]
        problems = [REQUIRED_MODELS[name].problem(value) for name, value in models.items()]
        return [problem for problem in problems if problem]

    def model_identities(
        self, models: Mapping[str, str] = NO_MODELS, also: Sequence[str] = ()
    ) -> dict[str, Fingerprint]:
        """The identity of each transformers model that it uses besides the victim, by name or resource.

        Args:
            models: the models that a suite's entry names.
            also: resources that the entry's threat model needs.

        Raises:
            AlumbenchError: A model's file cannot be read.
        """
        from alumbench.attacks.resources import RESOURCES
        from alumbench.models.checkpoint import ModelFiles
        from alumbench.models.checkpoint.identity import identity
        from alumbench.models.hub_cache import find_cached

        asked = {name: RESOURCES[name].model for name in (*self.needs, *also) if RESOURCES[name].model} | dict(models)
        found = {name: find_cached(value) for name, value in sorted(asked.items())}
        return {name: identity(ModelFiles(path)) for name, path in found.items() if path is not None}

    def signature_within(self, at: ThreatModelAt) -> str:
        """Its part of the signature of an entry with a threat model."""
        return self.signature

    @property
    def needs_threat_model(self) -> bool:
        """True if it searches whatever set it is given, and has none of its own."""
        return False

    def words(self, texts: Mapping[str, str]) -> list[list[str]]:
        """The words of an example, as its records count them: TextAttack's, all columns in one.

        Args:
            texts: the text of each column.
        """
        from alumbench.attacks.textattack.loader import load_textattack

        return [list(load_textattack().shared.AttackedText(OrderedDict(texts)).words)]

    def words_in(self, texts: Mapping[str, str]) -> int:
        """The number of `words`."""
        return sum(map(len, self.words(texts)))

    def words_changed(self, before: Mapping[str, str], after: Mapping[str, str]) -> int:
        """Words replaced, added or removed; columns apart where `words` has them apart."""
        from alumbench.attacks.single_search import words_changed

        return sum(map(words_changed, self.words(before), self.words(after)))

    def why_not_within(self, at: ThreatModelAt) -> str:
        """Why it cannot search the set of a threat model, '' if it can."""
        return "it keeps the label, and no text of a set is a success then" if self.goal == "reduction" else ""

    def searches(self, spec: SearchSpec) -> Searches:
        """Makes the searches for single examples.

        Raises:
            AlumbenchError: It cannot attack a classifier, or something it needs is missing or damaged.
        """
        from alumbench.attacks.textattack.single_searches import TextAttackSearches

        return TextAttackSearches(self, spec)

    def make(
        self,
        wrapper: Any,
        columns: Sequence[str],
        protected: Sequence[str],
        query_budget: int | None,
        models: Mapping[str, str] = NO_MODELS,
    ) -> Any:
        """Builds the attack, with protected columns and a query budget.

        Args:
            wrapper: the victim as a TextAttack model wrapper.
            columns: the task's text columns.
            protected: columns that may not change.
            query_budget: model queries allowed per example, None for no limit.
            models: the models that a suite's entry names.

        Raises:
            AlumbenchError: It cannot attack a classifier, or something it needs is missing or damaged.
        """
        from alumbench.attacks.textattack.loader import load_textattack, offline

        if self.unsupported_reason or self.build is None:
            raise AlumbenchError(f"recipe {self.name} cannot attack a classifier: {self.unsupported_reason}")
        textattack = load_textattack()
        missing = self.missing()
        if missing:
            raise AlumbenchError(f"recipe {self.name} needs {'; '.join(missing)}")
        wrong = self.check_models(models)
        if wrong:
            raise AlumbenchError("; ".join(wrong))
        with offline():
            attack = self.build(wrapper, **models)
        from alumbench.attacks.textattack.seen_words import SeenWords

        attack.pre_transformation_constraints.append(SeenWords(attack.goal_function.model))
        if protected:
            constraint = textattack.constraints.pre_transformation.InputColumnModification(
                list(columns), set(protected)
            )
            attack.pre_transformation_constraints.append(constraint)
        if query_budget is not None:
            attack.goal_function.query_budget = query_budget
        # Some searches fail if the first query has spent the budget, or if the text has no words: they are skipped
        # then.
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
    return names(RECIPES)


def load_recipe(name: str, folder: str = "") -> Recipe:
    """Loads the recipe of this name or path: `./attack.py`, `./attack.py:RECIPE`.

    Args:
        name: a name or a path, without a version.
        folder: the folder that a relative path starts from.

    Raises:
        AlumbenchError: There is none (the message offers the nearest name), or its file has no valid recipe.
    """
    found = find(RECIPES, name, folder)
    recipe = found.load()
    if not isinstance(recipe, Recipe):
        raise AlumbenchError(f"{found.where}: {found.attribute} must be a Recipe or a WhiteBoxRecipe")
    found.named(recipe.name)
    return recipe
