"""Runs one attack on examples: each has its own seed and time limit, and always gets an outcome."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch

from alumbench.attacks.outcome import ALREADY_WRONG, BROKEN, ERROR, ROBUST, TIMEOUT, Outcome, OutcomeName
from alumbench.attacks.recipe import NO_MODELS, Recipe
from alumbench.attacks.textattack.copies import CannotCopy, attack_copy
from alumbench.attacks.textattack.loader import load_textattack
from alumbench.attacks.textattack.shortcuts import shortcuts
from alumbench.attacks.victim import Victim, VictimWrapper
from alumbench.data import Example
from alumbench.engine.batcher import Batcher
from alumbench.engine.scheduler import Ended, SearchTask, TimeLimit, run_searches
from alumbench.errors import AlumbenchError, ClassifierStopped

#: Default number of examples in flight.
IN_FLIGHT = 64


class Searcher:
    """Runs one recipe on one victim, many examples at a time, with the same outcomes as one at a time."""

    def __init__(
        self,
        recipe: Recipe,
        victim: Victim,
        seed: int,
        query_budget: int | None = None,
        seconds: float | None = None,
        protect: bool = True,
        models: Mapping[str, str] = NO_MODELS,
    ) -> None:
        """Builds the attack.

        Args:
            recipe: the recipe.
            victim: the model to attack.
            seed: the run's seed; each example's generators are seeded with it, the recipe and the example's id.
            query_budget: model answers allowed per example.
            seconds: time limit per example.
            protect: whether to keep the task's context columns unchanged.
            models: the models that the recipe leaves open, by name.

        Raises:
            AlumbenchError: A resource or a model is missing, or the task is a regression.
        """
        if victim.task.is_regression:
            raise AlumbenchError(
                f"recipe {recipe.name}: task {victim.task.name} is a regression, so it has no label to flip"
            )
        self.recipe, self.victim, self.seed, self.seconds = recipe, victim, seed, seconds
        protected = victim.task.protected if protect else ()
        self._protected, self._budget, self._models = protected, query_budget, models
        self.attack = self._built()
        self._idle = [self.attack]

    def run(self, example: Example) -> Outcome:
        """Attacks one example; if the attack fails or hangs, that is the outcome and does not end the run."""
        ((_, outcome),) = self.run_all([example], width=1)
        return outcome

    def run_all(
        self, examples: Iterable[Example], width: int = IN_FLIGHT, on_turn: Callable[[], None] = lambda: None
    ) -> Iterator[tuple[Example, Outcome]]:
        """Attacks examples, `width` at a time, and yields each as it ends.

        Outcome, text and query count of an example depend only on the example, the recipe, the seed and the model, not
        on `width` or on what else is in flight. `on_turn` is called before each turn of a search.
        """
        searches: dict[SearchTask, _Search] = {}

        def tasks() -> Iterator[SearchTask]:
            for example in examples:
                attack = self._idle.pop() if self._idle else self._another()
                search = _Search(attack, self.victim, example)
                key = f"{self.seed}|{self.recipe.signature}|{example.id}"
                task = SearchTask(search.run, key, self.seconds)
                searches[task] = search
                yield task

        with shortcuts():
            for task, ended in run_searches(tasks(), width, Batcher(self.victim.scorer), on_turn):
                search = searches.pop(task)
                yield search.example, search.outcome(ended, task.seconds, self.seconds)
                self._idle.append(search.attack)

    def _built(self) -> Any:
        wrapper = VictimWrapper(self.victim, protected=self._protected)
        return self.recipe.make(wrapper, self.victim.task.columns, self._protected, self._budget, self._models)

    def _another(self) -> Any:
        try:
            return attack_copy(self.attack)
        except CannotCopy:
            return self._built()


class _Search:
    """One example's search."""

    def __init__(self, attack: Any, victim: Victim, example: Example) -> None:
        self.attack, self.victim, self.example = attack, victim, example
        self._wrapper: VictimWrapper = attack.goal_function.model
        self._first: list[float] | None = None

    def run(self) -> Any:
        task = self.victim.task
        self.attack.goal_function.num_queries = 0
        self.attack.clear_cache()
        self._wrapper.begin(self.example.texts)
        columns = OrderedDict(zip(task.columns, self.example.texts, strict=True))
        return self.attack.attack(columns, task.labels.index(str(self.example.label)))

    def outcome(self, ended: Ended, seconds: float, limit: float | None) -> Outcome:
        queries, unique = self.attack.goal_function.num_queries, self._wrapper.unique
        if ended.error is not None:
            kind: OutcomeName = ERROR
            message = f"{type(ended.error).__name__}: {ended.error}"[:300]
            if isinstance(ended.error, TimeLimit):
                kind, message = TIMEOUT, f"no end after {limit:g} s"
            return Outcome(kind, self._first_answer(), None, None, queries, unique, 0, 0, None, message, seconds)
        result = ended.value
        original, final = result.original_result, result.perturbed_result
        outcome = _outcome(load_textattack(), result, original, final)
        found = outcome == BROKEN
        adversarial: Mapping[str, str] | None = dict(final.attacked_text._text_input) if found else None
        return Outcome(
            outcome=outcome,
            scores=_floats(original.raw_output),
            adversarial=adversarial,
            adversarial_scores=_floats(final.raw_output) if found else None,
            queries=queries,
            queries_unique=unique,
            words=original.attacked_text.num_words,
            words_changed=_words_changed(original.attacked_text.words, final.attacked_text.words) if found else 0,
            similarity=_similarity(original.attacked_text.text, final.attacked_text.text) if found else None,
            message="",
            seconds=seconds,
        )

    def _first_answer(self) -> list[float] | None:
        """The model's scores for the text of a search that ended early, None if that fails too."""
        try:
            return _floats(self.victim.scores([self.example.texts]).softmax(-1)[0])
        except ClassifierStopped:
            raise
        except Exception:  # the search failed for the same reason: the outcome already says so
            return None


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


def _words_changed(before: list[str], after: list[str]) -> int:
    """Word-level edit distance: 1 for each word replaced, added or removed."""
    import editdistance

    return int(editdistance.eval(before, after))


def _similarity(before: str, after: str) -> float:
    import editdistance

    return 1.0 - float(editdistance.eval(before, after)) / max(len(before), len(after), 1)


def _floats(output: torch.Tensor) -> list[float]:
    return [float(value) for value in output]
