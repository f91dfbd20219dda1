"""Searches of ours: they move in the set of a threat model and take no part of TextAttack."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from alumbench.attacks.outcome import ALREADY_WRONG, BROKEN, ROBUST, Outcome, OutcomeName, Searched
from alumbench.attacks.problem import Access, BudgetSpent, Problem
from alumbench.attacks.recipe import Recipe, load_recipe
from alumbench.attacks.single_search import (
    SearchSpec,
    SingleSearch,
    ended_early,
    floats,
    similarity,
    strayed,
)
from alumbench.attacks.threat_models.threat_model import ThreatModelAt
from alumbench.attacks.victim_wrapper import VictimWrapper
from alumbench.attacks.words import words_of
from alumbench.data import Example
from alumbench.engine.rng_state import seed_of
from alumbench.engine.scheduler import Ended
from alumbench.errors import AlumbenchError


@dataclass(frozen=True)
class SearchRecipe(Recipe):
    """A search in the set of any threat model; a suite's entry names both. All else is as in `Recipe`.

    Attributes:
        search: searches one problem; it returns when it is done, and `Problem.found` has the result.
        access: what it needs of the classifier.
        suits: why it cannot search a threat model, '' if it can.
        uses_gradient: whether it uses the gradient where there is one; `access` says what it cannot do without.
        members: for an ensemble of searches, the names of those that it runs within a threat model.
    """

    build: Callable[..., Any] | None = field(default=None, kw_only=True)
    search: Callable[[Problem], None] = field(kw_only=True)
    access: Access = field(default="scores", kw_only=True)
    suits: Callable[[ThreatModelAt], str] = field(default=lambda at: "", kw_only=True)
    uses_gradient: bool = field(default=False, kw_only=True)
    members: Callable[[ThreatModelAt], Sequence[str]] = field(default=lambda at: (), kw_only=True)

    kind: ClassVar[str] = "attack"

    def signature_within(self, at: ThreatModelAt) -> str:
        """`name@version`, of an ensemble with its members: `standard@1(charmer@1+beam@1)`."""
        members = "+".join(load_recipe(name).signature for name in self.members(at))
        return f"{self.signature}({members})" if members else self.signature

    @property
    def needs_threat_model(self) -> bool:
        """True: it has no set of its own."""
        return True

    def words(self, texts: Mapping[str, str]) -> list[list[str]]:
        """The words of an example, as its records count them: those of `attacks/words.py`, of each column."""
        return [words_of(text) for text in texts.values()]

    def why_not_within(self, at: ThreatModelAt) -> str:
        """`suits`: why it cannot search the set of a threat model, '' if it can."""
        return self.suits(at)

    def searches(self, spec: SearchSpec) -> SetSearches:
        """Makes the searches for single examples.

        Raises:
            AlumbenchError: It cannot search this set or attack this classifier, or something is missing.
        """
        at, victim = spec.limits.threat_model, spec.victim
        if at is None:
            raise AlumbenchError(
                f'recipe {self.name} searches the set of a threat model: name one, such as threat_model = "chars-2"'
            )
        if why := self.why_not_within(at):
            raise AlumbenchError(f"recipe {self.name} cannot search {at.name}: {why}")
        if self.access == "scores" and victim.hard_labels:
            raise AlumbenchError(
                f"recipe {self.name} needs scores, and {victim} answers with labels alone; hard-label needs none"
            )
        if self.access == "gradient" and (why := victim.no_gradient):
            raise AlumbenchError(f"recipe {self.name} needs a gradient, which {victim} does not have: {why}")
        problems = self.missing() or at.model.missing() or self.check_models(spec.models, at.model.required_models)
        if problems:
            raise AlumbenchError(f"recipe {self.name} within {at.name} needs {'; '.join(problems)}")
        return SetSearches(self, spec, at)


class SetSearches:
    """Makes the searches of one recipe against one victim within one threat model."""

    def __init__(self, recipe: SearchRecipe, spec: SearchSpec, at: ThreatModelAt) -> None:
        """Stores the parts."""
        self._recipe, self._spec, self._at = recipe, spec, at

    @property
    def is_white_box(self) -> bool:
        """True if it uses the gradient, or one of its members does."""
        members = [load_recipe(name) for name in self._recipe.members(self._at)]
        searches = [recipe for recipe in [self._recipe, *members] if isinstance(recipe, SearchRecipe)]
        gradient = any(recipe.uses_gradient or recipe.access == "gradient" for recipe in searches)
        return gradient and not self._spec.victim.no_gradient

    def search(self, example: Example) -> SingleSearch:
        """The search for one example."""
        return _Search(example, self._recipe, self._spec, self._at)

    def release(self, search: SingleSearch) -> None:
        """Does nothing: searches share no state."""

    def running(self) -> contextlib.AbstractContextManager[None]:
        """An empty context."""
        return contextlib.nullcontext()


class _Search(SingleSearch):
    """One example's search."""

    def __init__(self, example: Example, recipe: SearchRecipe, spec: SearchSpec, at: ThreatModelAt) -> None:
        self.example, self._recipe, self._spec, self._at = example, recipe, spec, at
        self._wrapper = VictimWrapper(spec.victim, protected=spec.protected)
        self._label = spec.victim.task.labels.index(str(example.label))
        self._words = recipe.words_in(dict(zip(spec.victim.task.columns, example.texts, strict=True)))
        self._problem: Problem | None = None
        self._degree: int | None = None

    def run(self) -> Any:
        """Scores the original, then searches; returns the original's logits."""
        texts, spec = self.example.texts, self._spec
        self._wrapper.begin(texts, self._label)
        members = spec.set_around(self._wrapper)
        assert members is not None  # `searches` asked for a threat model
        random = np.random.default_rng(seed_of(f"{spec.seed}|{self._recipe.signature}|{self.example.id}"))
        budget = spec.budget(self._words)
        self._problem = problem = Problem(members, self._label, self._wrapper, random, budget, self._recipe.name)
        problem.threat_model = self._at.model
        with contextlib.suppress(BudgetSpent):
            problem.score([members.start()])
        logits = self._wrapper([texts])[0] if budget == 0 else problem.known(texts)
        largest = members.largest
        if int(logits.argmax()) == self._label and largest:
            with contextlib.suppress(BudgetSpent):
                self._recipe.search(problem)
            members.largest = largest  # an ensemble lowers it, and the budget may end meanwhile
        if problem.found:
            self._degree = members.degree_of(problem.found.texts)
        return logits

    def outcome(self, ended: Ended, seconds: float, limit: float | None) -> Outcome:
        problem = self._problem
        queries, unique = (problem.queries, self._wrapper.unique) if problem else (0, 0)
        if ended.error is not None or problem is None:
            assert ended.error is not None
            return ended_early(
                ended.error, self._spec.victim, self.example, queries, min(unique, queries), seconds, limit
            )
        found, logits = problem.found, ended.value
        wrong = int(logits.argmax()) != self._label
        kind: OutcomeName = ALREADY_WRONG if wrong else BROKEN if found else ROBUST
        columns, old = self._spec.victim.task.columns, self.example.texts
        new = found.texts if found else old
        outcome = Outcome(
            outcome=kind,
            scores=floats(logits.softmax(-1)),
            adversarial=dict(zip(columns, new, strict=True)) if found else None,
            adversarial_scores=floats(problem.found_logits.softmax(-1)) if problem.found_logits is not None else None,
            queries=queries,
            queries_unique=unique,
            words=self._words,
            words_changed=self._recipe.words_changed(
                dict(zip(columns, old, strict=True)), dict(zip(columns, new, strict=True))
            ),
            similarity=similarity("\n".join(old), "\n".join(new)) if found else None,
            message="",
            seconds=seconds,
            searched=Searched(
                degree=self._degree,
                largest=problem.set.largest,
                exhausted=problem.exhausted and not self._wrapper.is_confirming,  # bf16 may have missed one
                by=problem.by if problem.by != self._recipe.name else "",
                words=problem.set.words,
                reached=problem.reached,
                queries_to_success=problem.queries_to_success,
            ),
        )
        return strayed(self._at, outcome) if found and self._degree is None else outcome
