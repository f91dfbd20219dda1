"""Where δ points: the inner maximization of Algorithm 1, and the cheaper directions that stand in for its first step.

Counting in forward passes F (a full backward is 2 F, one to the activations 1 F), an ALUM step with K = 1 costs

* `vat`: 8. Clean forward, forward and backward to δ, perturbed forward, backward through both.
* `fisher`: 7. The first step needs no forward of its own: for small δ, VAT's gradient is Jᵀ F J δ₀ with J the Jacobian
  of the logits and F = diag(p) − p pᵀ, and v = p − onehot(y), y ~ p, has E[v vᵀ] = F. So Jᵀ v, one vector-Jacobian
  product through the clean graph, points along the same line (exactly so with two classes) and needs no δ₀ at all.
  Its sign is not VAT's coin toss: it leads away from the sampled label, which is mostly the predicted one.
* `label`: 6. The gradient of the task's own loss, which the clean pass's backward yields for nothing as long as the
  regularizer holds f(x) still; it needs labels, as VAT does not.
* `noise`: 6, no ascent at all: random δ on the ball's surface, the control.

Every further step costs 2 (forward, backward to δ).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from alumbench.adversary.answers import Answers
from alumbench.adversary.ball import Ball
from alumbench.adversary.divergence import full
from alumbench.adversary.perturbation import Pass, Perturbation

DIRECTIONS = ("fisher", "vat", "label", "noise")
RULES = ("steepest", "gradient", "renormalized")


@dataclass(frozen=True)
class Found:
    """What an ascent ends with.

    Attributes:
        delta: (batch, tokens, hidden), inside the ball, detached.
        zero_gradients: share of the examples whose first gradient was exactly zero, so that nothing was searched.
        finite: whether every gradient was; kept on the device, since asking would make a GPU wait.
    """

    delta: Tensor
    zero_gradients: Tensor
    finite: Tensor


@dataclass(frozen=True)
class Ascent:
    """K steps of projected gradient ascent.

    Attributes:
        direction: one of `DIRECTIONS`.
        steps: K; 0 is noise only.
        step: η. For the rule `steepest` in units of the radius, else a factor of the gradient.
        start: σ, size of VAT's first noise. For `steepest` its length, relative to the embeddings as ε is, else the
            standard deviation of each component. In bf16 a start below about 1e-5 rounds away and leaves some examples
            without a gradient; 1e-2 does not.
        rule: `steepest`: δ ← Π(δ + η ε ĝ), ĝ the steepest direction of the norm; `gradient`: δ ← Π(δ + η g) as
            Algorithm 1 is printed; `renormalized`: δ ← ε (δ + η g) / ‖δ + η g‖, the released code's.
    """

    direction: str = "fisher"
    steps: int = 1
    step: float = 1.0
    start: float = 1e-2
    rule: str = "steepest"

    def __post_init__(self) -> None:
        """Checks the values."""
        for what, value, known in (("direction", self.direction, DIRECTIONS), ("rule", self.rule, RULES)):
            if value not in known:
                raise ValueError(f"unknown {what} '{value}'; known: {', '.join(known)}")
        if self.steps < 0:
            raise ValueError(f"K = {self.steps} ascent steps: must be 0 or more")
        for name, number in (("step", self.step), ("start", self.start)):
            if not number > 0:
                raise ValueError(f"{name} = {number}: must be above 0")

    @property
    def searches(self) -> bool:
        """Whether δ is more than noise."""
        return self.direction != "noise" and self.steps > 0

    def needs_clean_gradient(self) -> bool:
        """Whether the clean pass must keep a path back to the embeddings."""
        return self.searches and self.direction in {"fisher", "label"}

    def find(
        self,
        space: Perturbation,
        ball: Ball,
        radius: Tensor,
        unit: Tensor,
        clean: Pass,
        zero: Tensor | None,
        objective: Callable[[Tensor], Tensor],
    ) -> Found:
        """δ for a batch.

        Args:
            space: the batch.
            ball: norm and free tokens.
            radius: (batch, 1, 1), ε in absolute length.
            unit: (batch, 1, 1), what relative lengths are relative to.
            clean: the pass at x; for `label` with its `gradient`.
            zero: the zero δ of the clean pass where a direction is read off it, else None.
            objective: what is to grow, of δ: a sum over the batch's examples, the clean side held still.
        """
        nothing = torch.zeros((), device=space.free.device)
        if not self.searches:
            return Found(ball.steepest(space.noise(), radius), nothing, torch.isfinite(nothing))
        gradient = None
        if zero is None:
            noise = space.noise()
            delta = ball.steepest(noise, self.start * unit) if self.rule == "steepest" else noise * self.start
        else:
            delta = torch.zeros_like(zero)
            if self.direction == "fisher":
                gradient = fisher_gradient(clean.answers, zero, space.uniform)
            elif clean.gradient is not None:
                gradient = clean.gradient * clean.answers.rows()  # of the loss's sum over the batch, as the objective
        largest = []
        for _ in range(self.steps):
            if gradient is None:
                delta = delta.detach().requires_grad_()
                (gradient,) = torch.autograd.grad(objective(delta), delta)
            largest.append(full(gradient).abs().amax((1, 2)))
            delta = self._move(ball, delta.detach(), gradient, radius)
            gradient = None
        return Found(delta, (largest[0] == 0).float().mean(), torch.isfinite(torch.stack(largest)).all())

    def _move(self, ball: Ball, delta: Tensor, gradient: Tensor, radius: Tensor) -> Tensor:
        if self.rule == "steepest":
            return ball.project(delta + ball.steepest(gradient, radius * self.step), radius)
        moved = delta + self.step * full(gradient)
        return ball.project(moved, radius) if self.rule == "gradient" else ball.normalize(moved, radius)


def fisher_gradient(answers: Answers, delta: Tensor, uniform: Callable[[int], Tensor]) -> Tensor:
    """Jᵀ v with v = p − onehot(y), y ~ p in every row; for a regression v = ±1.

    Args:
        answers: of the clean pass, with a graph back to `delta`.
        delta: the zero δ that was added in the clean pass.
        uniform: makes (batch, count) numbers in [0, 1) that choose the labels.

    Returns:
        (batch, tokens, hidden); the graph of the logits stays for the outer backward.
    """
    vectors = []
    with torch.no_grad():
        rows = answers.logits[0].shape[1:-1].numel() if answers.logits[0].dim() == 3 else 1
        draws = uniform(rows * len(answers.logits)).chunk(len(answers.logits), -1)
        for logits, draw in zip(answers.logits, draws, strict=True):
            if answers.counts is not None:
                # Counted rows take the draws in turn, so that no padding, on whichever side, shifts a row's own.
                draw = draw.gather(-1, (answers.counts.cumsum(-1) - 1).clamp(min=0))
            draw = draw.reshape(*logits.shape[:-1], 1)
            if answers.is_regression:
                vector = torch.where(draw < 0.5, -1.0, 1.0)
            else:
                p = full(logits).softmax(-1)
                label = torch.searchsorted(p.cumsum(-1), draw).clamp(max=p.shape[-1] - 1)
                vector = p.scatter_add_(-1, label, -torch.ones_like(p[..., :1]))
            if answers.counts is not None:
                vector = vector * answers.counts[..., None]
            vectors.append(vector.to(logits.dtype))
    (gradient,) = torch.autograd.grad(answers.logits, delta, vectors, retain_graph=True)
    return gradient
