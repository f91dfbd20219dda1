"""The baseline: the task's own loss, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from alumbench.methods.method import Loss, Method, StepContext


@dataclass(frozen=True)
class Standard(Method):
    """Cross entropy for classification, squared error for regression, as the model itself computes them.

    3 forward units a step: forward 1, backward 2.
    """

    name: ClassVar[str] = "standard"
    source: ClassVar[str] = "the usual fine-tuning (Devlin et al. 2019, https://arxiv.org/abs/1810.04805)"
    is_plain: ClassVar[bool] = True

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor], step: StepContext) -> Loss:
        """The model's own loss."""
        return Loss(model(**batch).loss)


METHOD = Standard
