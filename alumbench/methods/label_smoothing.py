"""Label smoothing: targets with slight uncertainty; a control without a second pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from alumbench.adversary import Outputs, read_answers, to_float32
from alumbench.methods.method import Loss, Method, StepContext


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
        """Checks the value."""
        check_smoothing(self.smoothing)

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor], step: StepContext) -> Loss:
        """Smoothed cross entropy."""
        outputs = model(**batch)
        total = smoothed(outputs.loss, read_answers(outputs, batch), self.smoothing)
        return Loss(total, {"task": outputs.loss.detach()} if self.smoothing else {})


def check_smoothing(smoothing: float) -> None:
    """Checks s.

    Raises:
        ValueError: It is not from 0 to below 1.
    """
    if not 0 <= smoothing < 1:
        raise ValueError(f"smoothing = {smoothing}: must be from 0 to below 1")


def smoothed(loss: Tensor, answers: Outputs, smoothing: float) -> Tensor:
    """The cross entropy against (1 − s) · onehot + s / labels, computed from that against the labels.

    Args:
        loss: the mean cross entropy against the labels.
        answers: the distributions behind that loss.
        smoothing: s; 0 returns the loss unchanged.

    Raises:
        ValueError: There are no classes: a regression, or spans.
    """
    if smoothing == 0:
        return loss
    if answers.is_regression or len(answers.logits) > 1:
        raise ValueError("label smoothing needs class labels; a regression or a span task has none")
    uniform = answers.mean([-to_float32(answers.logits[0]).log_softmax(-1).mean(-1)])
    return (1 - smoothing) * loss + smoothing * uniform


METHOD = LabelSmoothing
