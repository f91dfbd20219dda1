"""SMART: ALUM's regularizer, and a second one that keeps the model near the moving average of its own weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from alumbench.adversary import divergence
from alumbench.methods.alum import Alum
from alumbench.methods.method import Loss, StepContext, attached, check_range

TEACHER = "alumbench_teacher"


class Teacher(nn.Module):
    """The moving average of a model's trained parameters, kept as buffers: checkpointed with it, never trained.

    With several processes it is the same in each, since their weights are the same.
    """

    seen: Tensor

    def __init__(self, model: nn.Module) -> None:
        """Starts at the model's weights in the first `follow`."""
        super().__init__()
        self._names = [name for name, p in model.named_parameters() if p.requires_grad]
        for name in self._names:
            self.register_buffer(name.replace(".", "/"), model.get_parameter(name).detach().clone())
        self.register_buffer("seen", torch.tensor(-1, device=next(model.parameters()).device))

    def weights(self) -> dict[str, Tensor]:
        """The averaged parameters by name."""
        return {name: self.get_buffer(name.replace(".", "/")) for name in self._names}

    @torch.no_grad()
    def follow(self, model: nn.Module, number: int, beta: float) -> None:
        """θ̃ ← β θ̃ + (1 − β) θ, once for each step number, so that accumulated batches share one teacher."""
        # Decided on the device: reading the number would make the GPU wait.
        weight = torch.where(self.seen == number, 0.0, torch.where(self.seen < 0, 1.0, 1 - beta))
        for name, average in self.weights().items():
            average.lerp_(model.get_parameter(name), weight.to(average.dtype))
        self.seen.fill_(number)


@dataclass(frozen=True)
class Smart(Alum):
    """l(f(x), y) + α max_{‖δ‖≤ε} l(f(x), f(x+δ)) + μ l(f(x), f(x; θ̃)), l the symmetric KL, θ̃ the averaged weights.

    9 forward units a step with `vat`, the paper's direction: ALUM's 8 and a teacher's pass, which has no backward; 8
    with `direction=fisher`, 4 with α = 0. The paper: ε = σ = 1e-5 and η = 1e-3 in L∞, absolute, λ_s = 1, 3 or 5 (our
    α), μ = 1, K = 1. Its released code (namisan/mt-dnn, and likewise smart-pytorch) has only the first regularizer.
    Ours uses `alum`'s ball: ε relative to the embeddings, full steps.

    The paper does not say how the teacher's pass drops units. Here it drops the same units as the model's own pass, so
    that the two differ only in the weights; `replay_dropout=false` gives every pass its own masks.

    The parameters are those of `alum` and these.

    Attributes:
        mu: μ, the weight of the proximal term; 0 switches it off, and with α = 0 too this is `standard`, bit for bit.
        beta: β of the average in the first tenth of the run (paper: .99).
        beta_late: β afterwards (paper: .999).
    """

    name: ClassVar[str] = "smart"
    source: ClassVar[str] = "Jiang et al. 2020, https://arxiv.org/abs/1911.03437, sections 3.1 and 3.2"

    direction: str = "vat"
    mu: float = 1.0
    beta: float = 0.99
    beta_late: float = 0.999

    def __post_init__(self) -> None:
        """Checks the values."""
        super().__post_init__()
        check_range(mu=self.mu)
        for name, value in (("beta", self.beta), ("beta_late", self.beta_late)):
            if not 0 <= value < 1:
                raise ValueError(f"{name} = {value}: must be from 0 to below 1")

    def prepare(self, model: nn.Module) -> None:
        """Attaches the teacher."""
        if self.mu > 0:
            setattr(model, TEACHER, Teacher(model))

    def finish(self, model: nn.Module) -> None:
        """Removes the teacher."""
        if hasattr(model, TEACHER):
            delattr(model, TEACHER)

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor], step: StepContext) -> Loss:
        """Task loss, smoothness and proximal term."""
        if self.mu == 0:
            return super().loss(model, batch, step)
        teacher: Teacher = attached(model, TEACHER)
        teacher.follow(model, step.number, self.beta if step.number < 0.1 * step.total else self.beta_late)
        space = self.space(model, batch, step)
        if self.alpha > 0:
            clean, loss = self.regularized(space)
        else:
            clean = space.forward(labels=True)
            loss = Loss(clean.loss, {"task": clean.loss.detach()})
        with torch.no_grad():
            before = space.forward(parameters=teacher.weights()).answers
        proximal = divergence(clean.answers, before, self.divergence)
        total = loss.total + self.mu * proximal
        return Loss(total, {**loss.parts, "proximal": proximal.detach()}, loss.finite)


METHOD = Smart
