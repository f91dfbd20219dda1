"""PGD: K projected steps along the gradient of the task's loss, and the loss there in addition to the clean one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from alumbench.adversary import Ascent
from alumbench.methods.method import Loss, StepContext, check_range
from alumbench.methods.perturbing import Perturbing


@dataclass(frozen=True)
class Pgd(Perturbing):
    """l(f(x), y) + α · l(f(x+δ), y), δ from K steps of δ ← Π(δ + η ĝ), g = ∇ l(f(x+δ), y).

    4 + 2 K forward units a step: the first gradient comes with the clean pass's own backward. Madry et al. train on the
    adversarial loss alone and start at random; text toolkits start at x and add the clean loss, as here. TextDefender:
    K 3, ε 1, step .3; AdvBench: K 5, ε .5, step .03, start .05/√(len·d), all absolute. Here ε is relative as for every
    method, and η keeps TextDefender's ratio to ε.

    Attributes:
        alpha: α, the weight of the adversarial loss; 0 is `standard`, bit for bit.
        num_steps: K.
        step_size: η in units of ε.
    """

    name: ClassVar[str] = "pgd"
    source: ClassVar[str] = (
        "Madry et al. 2018, https://arxiv.org/abs/1706.06083; constants of TextDefender and AdvBench"
    )

    alpha: float = 1.0
    num_steps: int = 3
    step_size: float = 0.3

    def __post_init__(self) -> None:
        """Checks the values."""
        super().__post_init__()
        check_range(alpha=self.alpha)
        check_range(1, num_steps=self.num_steps)
        self.ascent()

    def ascent(self) -> Ascent:
        """The inner maximization."""
        return Ascent("label", self.num_steps, self.step_size)

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor], step: StepContext) -> Loss:
        """Clean and adversarial task loss."""
        if self.alpha == 0:
            return Loss(model(**batch).loss)
        space = self.space(model, batch, step)
        unit = self.unit(space)
        zero = space.zero()
        clean = space.forward_backward(zero)
        found = self.ascent().find(
            space,
            self.ball(space),
            self.epsilon * unit,
            unit,
            clean,
            zero,
            lambda delta: space.forward(delta, labels=True).loss * clean.answers.rows(),
        )
        adversarial = space.forward(found.delta, labels=True).loss
        parts = {"task": clean.loss, "adversarial": adversarial, "zero_gradients": found.zero_gradients}
        total = clean.loss + self.alpha * adversarial
        return Loss(total, {name: part.detach() for name, part in parts.items()}, found.finite)


METHOD = Pgd
