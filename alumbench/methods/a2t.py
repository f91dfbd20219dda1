"""A2T: training on texts that an attack has just changed against the current model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from alumbench.adversary import to_float32
from alumbench.methods.method import Loss, Method, StepContext, check_range
from alumbench.methods.training_data import TrainingData


@dataclass(frozen=True)
class A2t(Method):
    """Mean of l(f(x), y) over the training examples, and α · l(f(x'), y) over adversarial texts x' of some of them.

    At the start of an epoch a new random share of the examples is attacked; the adversarial texts found are added to
    the clean training set until the next attack (`alumbench.training.regeneration`). 3 (1 + share) forward units a step
    and the attack's own queries, which are most of the cost.

    TextAttack's trainer and the paper: one clean epoch, then attacks in each epoch, α = 1, 20% of the examples.
    TextAttack attacks until that many attacks have succeeded, and divides by all rows of a batch; here that many
    examples are attacked, and the mean is weighted. The paper's attack needs counter-fitted vectors and a sentence
    encoder; any recipe of `alumbench recipes` can replace it, under its own name.

    Attributes:
        attack: the recipe that changes the texts.
        share: adversarial rows added to the training set, as a share of its examples; 0 is `standard`, bit for bit.
        alpha: α, weight of an adversarial row; 0 likewise.
        clean_epochs: epochs before the first attack.
        every: number of epochs for which adversarial texts are kept.
        query_budget: model queries that an attack on one example may cost; 0 for no limit.
    """

    name: ClassVar[str] = "a2t"
    source: ClassVar[str] = "Yoo and Qi 2021, https://arxiv.org/abs/2109.00544; TextAttack's trainer"
    classifiers_only: ClassVar[str] = "it attacks labelled texts"

    attack: str = "a2t"
    share: float = 0.2
    alpha: float = 1.0
    clean_epochs: int = 1
    every: int = 1
    query_budget: int = 0

    def __post_init__(self) -> None:
        """Checks the values."""
        check_range(alpha=self.alpha, clean_epochs=self.clean_epochs, query_budget=self.query_budget)
        check_range(1, every=self.every)
        if not 0 <= self.share <= 1:
            raise ValueError(f"share = {self.share}: must be from 0 to 1")

    def training_data(self) -> TrainingData | None:
        """Adversarial texts of a share of the examples, found by the attack; none at weight 0."""
        if self.share == 0 or self.alpha == 0:
            return None
        return TrainingData(self.share, self.alpha, self.attack, None, self.clean_epochs, self.every, self.query_budget)

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor], step: StepContext) -> Loss:
        """The mean of the task's loss over the batch's rows, weighted by row."""
        if step.weights is None:
            return Loss(model(**batch).loss)
        outputs = model(**batch)
        weights = step.weights.to(outputs.logits.device)
        losses = cross_entropy(to_float32(outputs.logits), batch["labels"], reduction="none")
        # If no row of the batch holds an adversarial text yet, all weights can be 0: a loss of 0.
        return Loss((weights * losses).sum() / weights.sum().clamp(min=1e-12))


METHOD = A2t
