"""A2T: training on texts that an attack has just changed against the model as it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from alumbench.adversary import full
from alumbench.methods.method import Loss, Method, Step, check_range


@dataclass(frozen=True)
class A2t(Method):
    """Mean of l(f(x), y) over the training examples, and α · l(f(x'), y) over adversarial texts x' of some of them.

    At the begin of an epoch a share of the examples, drawn anew, is attacked against the model; the texts found stand
    in the training set beside the clean ones until the next time (`alumbench.training.regeneration`). 3 (1 + share)
    forward units a step and the attack's own queries, which are most of the cost.

    TextAttack's trainer and the paper: one clean epoch, then each epoch, α = 1, 20% of the examples. TextAttack goes on
    attacking until that many attacks have succeeded, and divides by all rows of a batch; here that many are attacked,
    and the mean is weighted. The paper's attack needs counter-fitted vectors and a sentence encoder; any recipe of
    `alumbench recipes` can stand in, under its own name.

    Attributes:
        attack: the recipe that changes the texts.
        share: adversarial rows added to the training set, as a share of its examples; 0 is `standard`, bit for bit.
        alpha: α, weight of an adversarial row; 0 likewise.
        clean_epochs: epochs before the first attack.
        every: epochs that adversarial texts are kept.
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

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor], step: Step) -> Loss:
        """The mean of the task's loss over the batch's rows, weighted by what they are."""
        if step.weights is None:
            return Loss(model(**batch).loss)
        outputs = model(**batch)
        weights = step.weights.to(outputs.logits.device)
        losses = cross_entropy(full(outputs.logits), batch["labels"], reduction="none")
        # A batch may be all slots that hold no adversarial text yet: a loss of 0.
        return Loss((weights * losses).sum() / weights.sum().clamp(min=1e-12))


METHOD = A2t
