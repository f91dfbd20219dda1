"""Runs one attack on examples: each has its own seed and time limit, and always gets an outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from alumbench.attacks.outcome import Outcome
from alumbench.attacks.recipe import NO_MODELS, Recipe
from alumbench.attacks.single_search import Limits, SearchSpec, SingleSearch
from alumbench.attacks.victim import Victim
from alumbench.data import Example
from alumbench.engine.batcher import Batcher
from alumbench.engine.scheduler import SearchTask, TimeLimit, run_searches
from alumbench.errors import AlumbenchError

__all__ = ["IN_FLIGHT", "Searcher", "TimeLimit"]
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
        limits: Limits | None = None,
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
            limits: the threat model with its facts, and the queries per word; None for none.

        Raises:
            AlumbenchError: A resource or a model is missing, or the task is a regression.
        """
        if victim.task.is_regression:
            raise AlumbenchError(
                f"recipe {recipe.name}: task {victim.task.name} is a regression, so it has no label to flip"
            )
        self.recipe, self.victim, self.seed, self.seconds = recipe, victim, seed, seconds
        protected = victim.task.protected if protect else ()
        spec = SearchSpec(victim, seed, query_budget, protected, models, limits or Limits())
        self.searches = recipe.searches(spec)

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
        searches: dict[SearchTask, SingleSearch] = {}

        def tasks() -> Iterator[SearchTask]:
            for example in examples:
                search = self.searches.search(example)
                key = f"{self.seed}|{self.recipe.signature}|{example.id}"
                task = SearchTask(search.run, key, self.seconds)
                searches[task] = search
                yield task

        with self.searches.running():
            for task, ended in run_searches(tasks(), width, Batcher(self.victim.scorer), on_turn):
                search = searches.pop(task)
                yield search.example, search.outcome(ended, task.seconds, self.seconds)
                self.searches.release(search)
