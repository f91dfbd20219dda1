"""Label smoothing: targets that are a little unsure, a control without any second pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional

from alumbench.adversary import full, read_answers
from alumbench.methods.method import Loss, Method, Step


@dataclass(frozen=True)
class LabelSmoothing(Method):
    """Cross entropy against (1 − s) · onehot + s / labels.

    3 forward units a step.

    Attributes:
        smoothing: s; 0 is `standard`, bit for bit.
    """

    name: ClassVar[str] = "label-smoothing"
    source: ClassVar[str] = "Szegedy et al. 2016, https://arxiv.org/abs/1512.00567"

    smoothing: float = 0.1

    def __post_init__(self) -> None:
        """Checks the values."""
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"smoothing = {self.smoothing}: must be from 0 to below 1")

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor], step: Step) -> Loss:
        """Smoothed cross entropy."""
        outputs = model(**batch)
        if self.smoothing == 0:
            return Loss(outputs.loss)
        answers = read_answers(outputs, batch)
        if answers.is_regression or "labels" not in batch:
            raise ValueError("label smoothing needs class labels; a regression or a span task has none")
        rows, labels = answers.logits[0].flatten(0, -2), batch["labels"].flatten()
        total = functional.cross_entropy(full(rows), labels, label_smoothing=self.smoothing)
        return Loss(total, {"task": outputs.loss.detach()})


METHOD = LabelSmoothing
