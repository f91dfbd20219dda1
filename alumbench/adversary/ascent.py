"""Where δ points: the inner maximization of Algorithm 1, and the cheaper direction that equals its first step.

Counting in forward passes F (a full backward is 2 F, one to the activations alone is 1 F), an ALUM step costs

* `vat`: 8. Clean forward, K = 1 forward and backward to δ, perturbed forward, backward through both.
* `fisher`: 7. The first step needs no forward of its own: for small δ, VAT's gradient is Jᵀ F J δ₀ with J the Jacobian
  of the logits and F = diag(p) − p pᵀ, and v = p − onehot(y), y ~ p, has E[v vᵀ] = F. So Jᵀ v, one vector-Jacobian
  product through the clean graph, points along the same line (exactly so with two classes) and needs no δ₀ at all.
  Its sign is not VAT's coin toss: it leads away from the sampled label, which is mostly the predicted one.
* `noise`: 6, no ascent at all: random δ on the ball's surface, the control.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from alumbench.adversary.ball import Ball

DIRECTIONS = ("fisher", "vat", "noise")


@dataclass(frozen=True)
class Ascent:
    """K steps of projected gradient ascent on the divergence.

    Attributes:
        direction: one of `DIRECTIONS`.
        steps: K; 0 is noise only.
        step: η, the length of a step in units of the radius.
        start: σ, the length of VAT's first noise, relative to the embeddings as ε is. In bf16 a start below about 1e-5
            rounds away and leaves some examples without a gradient; 1e-2 does not.
    """

    direction: str = "fisher"
    steps: int = 1
    step: float = 1.0
    start: float = 1e-2

    def __post_init__(self) -> None:
        """Checks the values."""
        if self.direction not in DIRECTIONS:
            raise ValueError(f"unknown direction '{self.direction}'; known: {', '.join(DIRECTIONS)}")
        if self.steps < 0:
            raise ValueError(f"K = {self.steps} ascent steps: must be 0 or more")
        for name, value in (("step", self.step), ("start", self.start)):
            if value <= 0:
                raise ValueError(f"{name} = {value}: must be above 0")

    @property
    def needs_clean_gradient(self) -> bool:
        """Whether the clean pass must keep a path back to the embeddings."""
        return self.direction == "fisher" and self.steps > 0

    def find(
        self,
        ball: Ball,
        radius: Tensor,
        unit: Tensor,
        noise: Callable[[], Tensor],
        clean_logits: Tensor,
        clean_delta: Tensor | None,
        uniform: Callable[[], Tensor],
        divergence_at: Callable[[Tensor], Tensor],
    ) -> Tensor:
        """δ, (batch, tokens, hidden), inside the ball and detached.

        Args:
            ball: norm and free tokens.
            radius: (batch, 1, 1), ε in absolute length.
            unit: (batch, 1, 1), what relative lengths are relative to.
            noise: makes standard normal noise of δ's shape.
            clean_logits: (batch, labels) of the clean pass.
            clean_delta: the zero δ of the clean pass with a gradient (`fisher`), else None.
            uniform: makes (batch, 1) numbers in [0, 1) that choose Fisher's sampled labels.
            divergence_at: l(f(x), f(x+δ)) of a δ, its clean side held still.
        """
        if self.direction == "noise" or self.steps == 0:
            return ball.steepest(noise(), radius)
        done = 0
        if clean_delta is not None:
            delta = ball.steepest(fisher_gradient(clean_logits, clean_delta, uniform()), radius * self.step)
            delta = ball.project(delta, radius)
            done = 1
        else:
            delta = ball.steepest(noise(), self.start * unit)
        for _ in range(done, self.steps):
            delta = delta.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(divergence_at(delta), delta)
            delta = ball.project(delta + ball.steepest(gradient, radius * self.step), radius)
        return delta.detach()


def fisher_gradient(logits: Tensor, delta: Tensor, uniform: Tensor) -> Tensor:
    """Jᵀ v with v = p − onehot(y), y ~ p; for one output (regression) v = ±1.

    Args:
        logits: (batch, labels), with a graph back to `delta`.
        delta: the zero δ that was added in the clean pass.
        uniform: (batch, 1) in [0, 1), one a sentence, which chooses y.

    Returns:
        (batch, tokens, hidden); the graph of the logits stays for the outer backward.
    """
    with torch.no_grad():
        uniform = uniform.to(logits.device)
        if logits.shape[-1] == 1:
            vector = torch.where(uniform < 0.5, -1.0, 1.0)
        else:
            p = logits.float().softmax(-1)
            sampled = (p.cumsum(-1) < uniform).sum(-1).clamp(max=p.shape[-1] - 1)
            vector = p - torch.nn.functional.one_hot(sampled, p.shape[-1])
    (gradient,) = torch.autograd.grad(logits, delta, vector.to(logits.dtype), retain_graph=True)
    return gradient
