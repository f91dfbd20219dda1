"""Everything that determines a search except its examples, to be sent to other processes and machines."""

from __future__ import annotations

import inspect
import io
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from alumbench.attacks.recipe import load_recipe
from alumbench.attacks.search import Searcher
from alumbench.attacks.single_search import Limits
from alumbench.attacks.text_victim import Described, TextVictim
from alumbench.attacks.threat_models.references import load_threat_model
from alumbench.attacks.victim import BATCH_SIZE, Victim
from alumbench.data import Task
from alumbench.engine.scorer import Scorer
from alumbench.errors import AlumbenchError, shown
from alumbench.models.checkpoint import ModelFiles
from alumbench.models.classifier import Classifier, ClassifierFiles
from alumbench.registry import RECIPES, find

#: A remedy for any classifier that cannot be sent.
WORKERS = "--workers leaves it in this process"


class _Pickler(pickle.Pickler):
    """Plain pickle, without what only the running script or notebook defines: a node has another `__main__`."""

    def reducer_override(self, value: object) -> Any:
        if (inspect.isfunction(value) or inspect.isclass(value)) and value.__module__ == "__main__":
            raise pickle.PicklingError(f"{value.__qualname__} is defined in the script that runs")
        return NotImplemented


@dataclass(frozen=True)
class Job:
    """A recipe against a checkpoint.

    Attributes:
        files: the checkpoint's folder; it must have the same path everywhere.
        task: its task.
        recipe: name of the attack, or the path of its file.
        seed: the run's seed.
        labels: names of the checkpoint's outputs, if it has none.
        query_budget: model answers allowed per example, None for no limit.
        seconds: time limit per example, None for no limit.
        protect: whether to keep the task's context columns unchanged.
        models: models that the recipe was given, by name.
        device: the device that scores the victim.
        scoring: the way texts are batched.
        precision: of the victim.
        threads: PyTorch's number of threads, because scores are bitwise the same only for the same number.
        recipe_sha256: hash of the recipe's file, which must be the same everywhere; '' if the recipe comes with this
            package.
        classifier: the classifier to attack if there is no checkpoint; it takes texts. It is sent by name or by value.
        batch_size: texts per call of the classifier.
        hard_labels: whether answers are only labels.
        threat_model: reference of the set that adversarial texts must be in, '' for the recipe's own.
        threat_model_sha256: hash of its file, as `recipe_sha256`.
        facts: properties of the data that are part of the set.
        queries_per_word: model answers allowed per word of an example, None for no limit.
    """

    files: ModelFiles
    task: Task
    recipe: str
    seed: int
    labels: tuple[str, ...] = ()
    query_budget: int | None = None
    seconds: float | None = None
    protect: bool = True
    models: Mapping[str, str] = field(default_factory=dict)
    device: str = "cpu"
    scoring: str = "fixed"
    precision: str = "fp32"
    threads: int = field(default_factory=torch.get_num_threads)
    recipe_sha256: str = ""
    classifier: Classifier | None = field(default=None, compare=False)  # `files` holds its identity
    batch_size: int = BATCH_SIZE
    hard_labels: bool = False
    threat_model: str = ""
    threat_model_sha256: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    queries_per_word: int | None = None

    def victim(self, scorer: Scorer | None = None, device: str = "") -> Victim:
        """The checkpoint or classifier, loaded here.

        Args:
            scorer: batches the texts; None for the job's own settings.
            device: the device; '' for the job's own.
        """
        scorer = scorer or Scorer(self.scoring, self.precision)
        device = device or self.device
        if self.classifier is not None:
            self._check_same(self.classifier)
            return TextVictim(self.classifier, self.task, device, self.batch_size, scorer, self.hard_labels)
        return Victim(self.files, self.task, device, self.labels, scorer=scorer, hard_labels=self.hard_labels)

    def packed(self) -> bytes:
        """The job as other machines get it: a classifier by its name, or by value if nothing else has to come along.

        Raises:
            AlumbenchError: The classifier cannot be sent.
        """
        content = io.BytesIO()
        try:
            _Pickler(content).dump(self)
        except AlumbenchError as error:
            raise AlumbenchError(f"--ray: {error}; {WORKERS}") from None
        except Exception as error:  # pickle raises whatever an object's own methods raise
            why = shown(f"{type(error).__name__}: {error}", 160)
            raise AlumbenchError(
                f"--ray: {self.files.path} cannot be sent to the nodes ({why}); name it as MODULE:FUNCTION or "
                f"./FILE.py:FUNCTION, or {WORKERS}"
            ) from None
        return content.getvalue()

    def _check_same(self, classifier: Classifier) -> None:
        """Raises an error if the classifier found here is not the one that the job is for."""
        if isinstance(self.files, ClassifierFiles) and classifier.identity.sha256 != self.files.identity.sha256:
            changes = ", ".join(classifier.identity.changes(self.files.identity.to_dict()))
            raise AlumbenchError(f"{self.files.path}: is another one on this node ({changes} differs)")

    def without_model(self) -> Job:
        """The job for a process that gets the classifier's answers from another."""
        return self if self.classifier is None else replace(self, classifier=Described.of(self.classifier))

    def searcher(self, victim: Victim) -> Searcher:
        """Builds the attack on the victim here.

        Raises:
            AlumbenchError: A resource is missing, or the recipe's file differs here.
        """
        recipe = load_recipe(self.recipe)
        origin = find(RECIPES, self.recipe).origin()
        if origin.sha256 != self.recipe_sha256:
            raise AlumbenchError(f"recipe {recipe.signature}: its file changed, or differs on this node")
        at = load_threat_model(self.threat_model) if self.threat_model else None
        if at is not None and at.origin().sha256 != self.threat_model_sha256:
            raise AlumbenchError(f"threat model {at.signature}: its file changed, or differs on this node")
        limits = Limits(at, self.facts, self.queries_per_word)
        return Searcher(recipe, victim, self.seed, self.query_budget, self.seconds, self.protect, self.models, limits)
