"""Runs a TextAttack recipe on single examples: one `Attack` object per example in flight."""

from __future__ import annotations

import contextlib
import math
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from alumbench.attacks.outcome import ALREADY_WRONG, BROKEN, ROBUST, Outcome, OutcomeName, Searched
from alumbench.attacks.single_search import (
    SearchSpec,
    SingleSearch,
    ended_early,
    floats,
    similarity,
    strayed,
    words_changed,
)
from alumbench.attacks.textattack.copies import CannotCopy, attack_copy
from alumbench.attacks.textattack.loader import load_textattack
from alumbench.attacks.textattack.shortcuts import shortcuts
from alumbench.attacks.victim_wrapper import VictimWrapper
from alumbench.data import Example
from alumbench.engine.scheduler import Ended
from alumbench.errors import AlumbenchError

if TYPE_CHECKING:
    from alumbench.attacks.recipe import Recipe
    from alumbench.attacks.textattack.within import Within


class TextAttackSearches:
    """Makes the searches of one recipe against one victim.

    Attributes:
        attack: the first `Attack` object.
    """

    def __init__(self, recipe: Recipe, spec: SearchSpec) -> None:
        """Builds the attack.

        Raises:
            AlumbenchError: A resource or a model is missing.
        """
        self._recipe, self._spec = recipe, spec
        self._check_set()
        self.attack = self._built()
        self._own_budget = self.attack.goal_function.query_budget
        self._idle = [self.attack]

    @property
    def is_white_box(self) -> bool:
        """True if it uses more than the victim's answers."""
        return not self.attack.is_black_box

    def search(self, example: Example) -> SingleSearch:
        """The search for one example."""
        attack = self._idle.pop() if self._idle else self._another()
        return _Search(attack, self._recipe, self._spec, example, self._own_budget)

    def release(self, search: SingleSearch) -> None:
        """Takes a search's attack back for another example."""
        assert isinstance(search, _Search)
        self._idle.append(search.attack)

    def running(self) -> contextlib.AbstractContextManager[None]:
        """The context in which searches run."""
        return shortcuts()

    def _built(self) -> Any:
        spec, recipe = self._spec, self._recipe
        wrapper = VictimWrapper(spec.victim, protected=spec.protected)
        models = spec.models
        if spec.limits.threat_model is not None:
            models = {name: value for name, value in models.items() if name in recipe.required_models}
        attack = recipe.make(wrapper, spec.victim.task.columns, spec.protected, spec.query_budget, models)
        if spec.limits.threat_model is not None:
            from alumbench.attacks.textattack.within import confine

            confine(attack)
        return attack

    def _check_set(self) -> None:
        """Checks that the recipe can be confined to the threat model, if there is one."""
        recipe, at = self._recipe, self._spec.limits.threat_model
        if at is None:
            return
        if why := recipe.why_not_within(at):
            raise AlumbenchError(f"recipe {recipe.name} cannot search {at.name}: {why}")
        problems = recipe.missing() or at.model.missing()
        problems = problems or recipe.check_models(self._spec.models, at.model.required_models)
        if problems:
            raise AlumbenchError(f"recipe {recipe.name} within {at.name} needs {'; '.join(problems)}")

    def _another(self) -> Any:
        try:
            return attack_copy(self.attack)
        except CannotCopy:
            return self._built()


class _Search(SingleSearch):
    """One example's search."""

    def __init__(self, attack: Any, recipe: Recipe, spec: SearchSpec, example: Example, own_budget: float) -> None:
        self.attack, self.victim, self.example = attack, spec.victim, example
        self._recipe, self._spec = recipe, spec
        self._own_budget = own_budget  # the recipe's, infinite for none
        self._wrapper: VictimWrapper = attack.goal_function.model
        self._within: Within | None = None
        if spec.limits.threat_model is not None:
            from alumbench.attacks.textattack.within import within_of

            self._within = within_of(attack)

    def run(self) -> Any:
        task = self.victim.task
        label = task.labels.index(str(self.example.label))
        self.attack.goal_function.num_queries = 0
        self.attack.clear_cache()
        self._wrapper.begin(self.example.texts, label if self._recipe.goal == "untargeted" else None)
        columns = OrderedDict(zip(task.columns, self.example.texts, strict=True))
        self._limit(columns)
        return self.attack.attack(columns, label)

    def _limit(self, columns: Mapping[str, str]) -> None:
        """Sets the example's own set and query budget, where the attack is limited by either."""
        limits, goal = self._spec.limits, self.attack.goal_function
        if limits.queries_per_word is not None:
            words = self._recipe.words_in(columns)
            goal.query_budget = min(self._own_budget, self._spec.budget(words) or math.inf)
        elif self._within is not None:
            goal.query_budget = self._own_budget
        members = self._spec.set_around(self._wrapper)
        if self._within is not None and members is not None:
            self._within.begin(members)
            if not members.largest:
                goal.query_budget = 1  # there is nothing to search: the original is all that is asked

    def _searched(self, adversarial: Mapping[str, str] | None) -> Searched | None:
        """How far a confined search came."""
        members = self._within.members if self._within else None
        if self._within is None or members is None:
            return None
        degree = None if adversarial is None else self._within.degree_of(tuple(adversarial.values()))
        return Searched(degree, members.largest, words=members.words)

    def outcome(self, ended: Ended, seconds: float, limit: float | None) -> Outcome:
        queries, unique = self.attack.goal_function.num_queries, self._wrapper.unique
        if ended.error is not None:
            return ended_early(ended.error, self.victim, self.example, queries, unique, seconds, limit)
        result = ended.value
        original, final = result.original_result, result.perturbed_result
        outcome = _outcome(load_textattack(), result, original, final)
        found = outcome == BROKEN
        adversarial: Mapping[str, str] | None = dict(final.attacked_text._text_input) if found else None
        searched = self._searched(adversarial)
        made = Outcome(
            outcome=outcome,
            scores=floats(original.raw_output),
            adversarial=adversarial,
            adversarial_scores=floats(final.raw_output) if found else None,
            queries=queries,
            queries_unique=unique,
            words=original.attacked_text.num_words,
            words_changed=words_changed(original.attacked_text.words, final.attacked_text.words) if found else 0,
            similarity=similarity(original.attacked_text.text, final.attacked_text.text) if found else None,
            message="",
            seconds=seconds,
            searched=searched,
        )
        at = self._spec.limits.threat_model
        return strayed(at, made) if at and found and searched and searched.degree is None else made


def _outcome(textattack: Any, result: Any, original: Any, final: Any) -> OutcomeName:
    kinds = textattack.attack_results
    if isinstance(result, kinds.SkippedAttackResult):
        return ALREADY_WRONG
    if isinstance(result, kinds.MaximizedAttackResult):
        # Input reduction maximizes: it has found something when fewer words keep the label.
        shorter = final.attacked_text.num_words < original.attacked_text.num_words
        kept = int(final.raw_output.argmax()) == final.ground_truth_output
        return BROKEN if shorter and kept else ROBUST
    return BROKEN if isinstance(result, kinds.SuccessfulAttackResult) else ROBUST
