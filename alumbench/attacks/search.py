"""One example under one attack: its own seed, its own time limit, and an outcome whatever happens."""

from __future__ import annotations

import contextlib
import hashlib
import random
import signal
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from types import FrameType
from typing import Any

import numpy as np
import torch

from alumbench.attacks.outcome import ALREADY_WRONG, BROKEN, ERROR, ROBUST, TIMEOUT, Outcome
from alumbench.attacks.recipe import Recipe
from alumbench.attacks.textattack_loader import load_textattack
from alumbench.attacks.victim import Victim, VictimWrapper
from alumbench.errors import AlumbenchError
from alumbench.tasks import Example


class TimeLimit(BaseException):
    """The example's time is over. No `Exception`, so that no library takes it for an error of its own and goes on."""


class Searcher:
    """Runs one recipe against one victim, an example at a time."""

    def __init__(
        self,
        recipe: Recipe,
        victim: Victim,
        seed: int,
        query_budget: int | None = None,
        seconds: float | None = None,
        protect: bool = True,
    ) -> None:
        """Builds the attack.

        Args:
            recipe: how to attack.
            victim: whom.
            seed: the run's seed; each example's generators are seeded by it, the recipe and the example's id.
            query_budget: model answers an example may cost.
            seconds: time an example may take.
            protect: whether the task's context columns may not change.

        Raises:
            AlumbenchError: A resource is missing, or the task is a regression.
        """
        if victim.task.is_regression:
            raise AlumbenchError(
                f"recipe {recipe.name}: task {victim.task.name} is a regression, and has no label to flip"
            )
        self.recipe, self.victim, self.seed, self.seconds = recipe, victim, seed, seconds
        protected = victim.task.protected if protect else ()
        self.attack = recipe.make(VictimWrapper(victim), victim.task.columns, protected, query_budget)

    def run(self, example: Example) -> Outcome:
        """Attacks one example; an exception or a hang of the attack is its outcome, not this run's end."""
        textattack = load_textattack()
        goal = self.attack.goal_function
        columns = OrderedDict(zip(self.victim.task.columns, example.texts, strict=True))
        gold = self.victim.task.labels.index(str(example.label))
        scored, start = self.victim.texts_scored, time.monotonic()
        goal.num_queries = 0
        result, message, ended = None, "", ""
        self.attack.clear_cache()
        with _own_generators(f"{self.seed}|{self.recipe.signature}|{example.id}"):
            try:
                with _time_limit(self.seconds):
                    result = self.attack.attack(columns, gold)
            except TimeLimit:
                ended, message = TIMEOUT, f"no end after {self.seconds:g} s"
            except Exception as error:
                ended, message = ERROR, f"{type(error).__name__}: {error}"[:300]
        seconds = time.monotonic() - start
        unique = self.victim.texts_scored - scored
        if result is None:
            first = self._first_answer(example)
            return Outcome(ended, first, None, None, goal.num_queries, unique, 0, 0, None, message, seconds)
        original, final = result.original_result, result.perturbed_result
        outcome = _outcome(textattack, result, original, final)
        found = outcome == BROKEN
        return Outcome(
            outcome=outcome,
            scores=_floats(original.raw_output),
            adversarial=dict(final.attacked_text._text_input) if found else None,
            adversarial_scores=_floats(final.raw_output) if found else None,
            queries=goal.num_queries,
            queries_unique=unique,
            words=original.attacked_text.num_words,
            words_changed=_words_changed(original.attacked_text.words, final.attacked_text.words) if found else 0,
            similarity=_similarity(original.attacked_text.text, final.attacked_text.text) if found else None,
            message="",
            seconds=seconds,
        )

    def _first_answer(self, example: Example) -> list[float] | None:
        """What the model says to the text of a search that ended early, None where that fails too."""
        try:
            return _floats(self.victim.scores([example.texts]).softmax(-1)[0])
        except Exception:  # whatever stopped the search stops this: the outcome already says so
            return None


def _outcome(textattack: Any, result: Any, original: Any, final: Any) -> str:
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
    """Word-level edit distance: 1 for each word replaced, added or taken away."""
    import editdistance

    return int(editdistance.eval(before, after))


def _similarity(before: str, after: str) -> float:
    import editdistance

    return 1.0 - float(editdistance.eval(before, after)) / max(len(before), len(after), 1)


def _floats(output: torch.Tensor) -> list[float]:
    return [float(value) for value in output]


@contextlib.contextmanager
def _own_generators(key: str) -> Iterator[None]:
    """TextAttack draws from the global generators: seeds them from the key and puts them back afterwards."""
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big")
    python, numpy, torch_state = random.getstate(), np.random.get_state(), torch.get_rng_state()
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(torch_state)


@contextlib.contextmanager
def _time_limit(seconds: float | None) -> Iterator[None]:
    """Raises `TimeLimit` in the block after that time, and again each second in case something swallows it.

    It interrupts Python code and waits; a hang inside one call of a C library ends only when that call does.
    """
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    armed = True

    def stop(_signal: int, _frame: FrameType | None) -> None:
        if armed:
            raise TimeLimit

    start = time.monotonic()
    before = signal.signal(signal.SIGALRM, stop)
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        try:
            yield
        finally:
            armed = False  # an alarm that rings from here on is too late to mean anything
    finally:  # of its own, so that one that rings on the line above still leaves nothing behind
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left:  # somebody else's timer (a test runner's) goes on with what is left of it
            signal.setitimer(signal.ITIMER_REAL, max(0.001, left - (time.monotonic() - start)), interval)
