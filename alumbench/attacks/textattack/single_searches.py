"""Runs a TextAttack recipe on single examples: one `Attack` object per example in flight."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from alumbench.attacks.outcome import ALREADY_WRONG, BROKEN, ROBUST, Outcome, OutcomeName
from alumbench.attacks.single_search import SearchSpec, SingleSearch, ended_early, floats, similarity, words_changed
from alumbench.attacks.textattack.copies import CannotCopy, attack_copy
from alumbench.attacks.textattack.loader import load_textattack
from alumbench.attacks.textattack.shortcuts import shortcuts
from alumbench.attacks.victim import Victim, VictimWrapper
from alumbench.data import Example
from alumbench.engine.scheduler import Ended

if TYPE_CHECKING:
    from alumbench.attacks.recipe import Recipe


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
        self.attack = self._built()
        self._idle = [self.attack]

    @property
    def is_white_box(self) -> bool:
        """True if it uses more than the victim's answers."""
        return not self.attack.is_black_box

    def search(self, example: Example) -> SingleSearch:
        """The search for one example."""
        attack = self._idle.pop() if self._idle else self._another()
        return _Search(attack, self._spec.victim, example, self._recipe.goal)

    def release(self, search: SingleSearch) -> None:
        """Takes a search's attack back for another example."""
        assert isinstance(search, _Search)
        self._idle.append(search.attack)

    def running(self) -> contextlib.AbstractContextManager[None]:
        """The context in which searches run."""
        return shortcuts()

    def _built(self) -> Any:
        spec = self._spec
        wrapper = VictimWrapper(spec.victim, protected=spec.protected)
        return self._recipe.make(wrapper, spec.victim.task.columns, spec.protected, spec.query_budget, spec.models)

    def _another(self) -> Any:
        try:
            return attack_copy(self.attack)
        except CannotCopy:
            return self._built()


class _Search(SingleSearch):
    """One example's search."""

    def __init__(self, attack: Any, victim: Victim, example: Example, goal: str) -> None:
        self.attack, self.victim, self.example, self._goal = attack, victim, example, goal
        self._wrapper: VictimWrapper = attack.goal_function.model

    def run(self) -> Any:
        task = self.victim.task
        label = task.labels.index(str(self.example.label))
        self.attack.goal_function.num_queries = 0
        self.attack.clear_cache()
        self._wrapper.begin(self.example.texts, label if self._goal == "untargeted" else None)
        columns = OrderedDict(zip(task.columns, self.example.texts, strict=True))
        return self.attack.attack(columns, label)

    def outcome(self, ended: Ended, seconds: float, limit: float | None) -> Outcome:
        queries, unique = self.attack.goal_function.num_queries, self._wrapper.unique
        if ended.error is not None:
            return ended_early(ended.error, self.victim, self.example, queries, unique, seconds, limit)
        result = ended.value
        original, final = result.original_result, result.perturbed_result
        outcome = _outcome(load_textattack(), result, original, final)
        found = outcome == BROKEN
        adversarial: Mapping[str, str] | None = dict(final.attacked_text._text_input) if found else None
        return Outcome(
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
        )


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
