"""R-Drop: two dropout passes that must agree; the control for every method with two passes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from alumbench.adversary import divergence
from alumbench.methods.method import Loss, Method, StepContext, check_range


@dataclass(frozen=True)
class RDrop(Method):
    """Mean cross entropy of two passes + α · ½ (KL(p₁ ‖ p₂) + KL(p₂ ‖ p₁)); squared error for a regression.

    6 forward units a step. The paper sums both cross entropies while the released code takes their mean, so that the
    paper's α is twice the code's. This method follows the code, which keeps the task loss at the scale of
    `standard`.

    Attributes:
        alpha: α of the code; the paper's GLUE runs use .1 to 1, translation 5. 0 is `standard`, bit for bit.
    """

    name: ClassVar[str] = "rdrop"
    source: ClassVar[str] = "Liang et al. 2021, https://arxiv.org/abs/2106.14448; github.com/dropreg/R-Drop"

    alpha: float = 1.0

    def __post_init__(self) -> None:
        """Checks the values."""
        check_range(alpha=self.alpha)

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor], step: StepContext) -> Loss:
        """Task loss of two passes and their disagreement."""
        if self.alpha == 0:
            return Loss(model(**batch).loss)
        space = step.perturbation(model, batch, replay_dropout=False)
        first, second = space.forward(labels=True), space.forward(labels=True)
        task = (first.loss + second.loss) / 2
        regularizer = divergence(first.answers, second.answers) / 2
        return Loss(task + self.alpha * regularizer, {"task": task.detach(), "regularizer": regularizer.detach()})


METHOD = RDrop
