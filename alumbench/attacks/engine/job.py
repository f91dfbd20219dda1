"""All that decides a search but its examples, in a form that travels to other processes and machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from alumbench.attacks.engine.scoring import Scorer
from alumbench.attacks.recipe import load_recipe
from alumbench.attacks.search import Searcher
from alumbench.attacks.victim import Victim
from alumbench.checkpoints import ModelFiles
from alumbench.tasks import Task


@dataclass(frozen=True)
class Job:
    """A recipe against a checkpoint.

    Attributes:
        files: the checkpoint's folder; it has the same path wherever the job goes.
        task: its task.
        recipe: name of the attack.
        seed: the run's seed.
        labels: names of the checkpoint's outputs, where it has none.
        query_budget: model answers an example may cost, None for no limit.
        seconds: time an example may take, None for no limit.
        protect: whether the task's context columns may not change.
        parts: parts that the recipe was given.
        device: where the victim is scored.
        scoring: how texts are batched.
        precision: of the victim.
        threads: PyTorch's, since scores are the same bits for the same number.
    """

    files: ModelFiles
    task: Task
    recipe: str
    seed: int
    labels: tuple[str, ...] = ()
    query_budget: int | None = None
    seconds: float | None = None
    protect: bool = True
    parts: Mapping[str, str] = field(default_factory=dict)
    device: str = "cpu"
    scoring: str = "fixed"
    precision: str = "fp32"
    threads: int = field(default_factory=torch.get_num_threads)

    def victim(self) -> Victim:
        """The checkpoint, loaded here."""
        scorer = Scorer(self.scoring, self.precision)
        return Victim(self.files, self.task, self.device, self.labels, scorer=scorer)

    def searcher(self, victim: Victim) -> Searcher:
        """The attack on it, built here.

        Raises:
            AlumbenchError: A resource is missing.
        """
        recipe = load_recipe(self.recipe)
        return Searcher(recipe, victim, self.seed, self.query_budget, self.seconds, self.protect, self.parts)
