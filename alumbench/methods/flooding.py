"""Flooding: the loss is kept from falling below a level; a control against over-fitting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from alumbench.methods.method import Loss, Method, StepContext


@dataclass(frozen=True)
class Flooding(Method):
    """|l − b| + b: below the level b the gradient changes its sign.

    3 forward units a step.

    Attributes:
        level: b; 0 is `standard`, since a loss is never negative.
    """

    name: ClassVar[str] = "flooding"
    source: ClassVar[str] = "Ishida et al. 2020, https://arxiv.org/abs/2002.08709"

    level: float = 0.1

    def __post_init__(self) -> None:
        """Checks the values."""
        if self.level < 0:
            raise ValueError(f"level = {self.level}: must be 0 or more")

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor], step: StepContext) -> Loss:
        """The flooded loss."""
        loss = model(**batch).loss
        if self.level == 0:
            return Loss(loss)
        return Loss((loss - self.level).abs() + self.level, {"task": loss.detach()})


METHOD = Flooding
