"""The direction of δ: the inner maximization of Algorithm 1, and cheaper directions that replace its first step.

Counting in forward passes F (a full backward is 2 F, one to the activations 1 F), an ALUM step with K = 1 costs

* `vat`: 8. Clean forward, forward and backward to δ, perturbed forward, backward through both.
* `fisher`: 7. The first step needs no forward of its own: for small δ, VAT's gradient is Jᵀ F J δ₀ with J the Jacobian
  of the logits and F = diag(p) − p pᵀ, and v = p − onehot(y), y ~ p, has E[v vᵀ] = F. So Jᵀ v, one vector-Jacobian
  product through the clean graph, points along the same line (exactly so with two classes) and needs no δ₀ at all.
  Its sign is not random as VAT's is: it leads away from the sampled label, which is mostly the predicted one.
* `label`: 6. The gradient of the task's own loss, which the clean pass's backward yields for free as long as the
  regularizer detaches f(x); unlike VAT it needs labels.
* `noise`: 6, no ascent at all: random δ on the ball's surface, the control.

Every further step costs 2 (forward, backward to δ).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from alumbench.adversary.divergence import to_float32
from alumbench.adversary.norm_ball import Ball
from alumbench.adversary.outputs import Outputs
from alumbench.adversary.perturbation import Pass, Perturbation

DIRECTIONS = ("fisher", "vat", "label", "noise")
RULES = ("steepest", "gradient", "renormalized")


@dataclass(frozen=True)
class AscentResult:
    """The result of an ascent.

    Attributes:
        delta: (batch, tokens, hidden), inside the ball, detached.
        zero_gradients: share of the examples whose first gradient was exactly zero, so that there was no search.
        finite: True if every gradient was finite; kept on the device, since reading it would make a GPU wait.
    """

    delta: Tensor
    zero_gradients: Tensor
    finite: Tensor


@dataclass(frozen=True)
class Ascent:
    """K steps of projected gradient ascent.

    Attributes:
        direction: one of `DIRECTIONS`.
        num_steps: K; 0 is noise only.
        step_size: η. For the rule `steepest` in units of the radius, else a factor of the gradient.
        init_scale: σ, size of VAT's first noise. For `steepest` its length, relative to the embeddings as ε is, else
            the standard deviation of each component. In bf16 a value below about 1e-5 is rounded away and leaves some
            examples without a gradient; 1e-2 does not.
        rule: `steepest`: δ ← Π(δ + η ε ĝ), ĝ the steepest direction of the norm; `gradient`: δ ← Π(δ + η g) as
            Algorithm 1 is printed; `renormalized`: δ ← ε (δ + η g) / ‖δ + η g‖, as in the released code.
    """

    direction: str = "fisher"
    num_steps: int = 1
    step_size: float = 1.0
    init_scale: float = 1e-2
    rule: str = "steepest"

    def __post_init__(self) -> None:
        """Checks the values."""
        for what, value, known in (("direction", self.direction, DIRECTIONS), ("rule", self.rule, RULES)):
            if value not in known:
                raise ValueError(f"unknown {what} '{value}'; known: {', '.join(known)}")
        if self.num_steps < 0:
            raise ValueError(f"K = {self.num_steps} ascent steps: must be 0 or more")
        for name, number in (("step_size", self.step_size), ("init_scale", self.init_scale)):
            if not number > 0:
                raise ValueError(f"{name} = {number}: must be above 0")

    @property
    def searches(self) -> bool:
        """True if δ is searched and not only noise."""
        return self.direction != "noise" and self.num_steps > 0

    def needs_clean_gradient(self) -> bool:
        """True if the clean pass must keep a graph back to the embeddings."""
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
    ) -> AscentResult:
        """Finds δ for a batch.

        Args:
            space: the batch.
            ball: the norm and the free tokens.
            radius: (batch, 1, 1), ε in absolute length.
            unit: (batch, 1, 1), the unit of relative lengths.
            clean: the pass at x; for `label` with its `gradient`.
            zero: the zero δ of the clean pass if the direction comes from that pass, else None.
            objective: the function of δ to maximize: a sum over the batch's examples, with the clean side detached.
        """
        nothing = torch.zeros((), device=space.perturbable.device)
        if not self.searches:
            return AscentResult(ball.steepest(space.noise(), radius), nothing, torch.isfinite(nothing))
        gradient = None
        if zero is None:
            noise = space.noise()
            delta = ball.steepest(noise, self.init_scale * unit) if self.rule == "steepest" else noise * self.init_scale
        else:
            delta = torch.zeros_like(zero)
            if self.direction == "fisher":
                gradient = fisher_gradient(clean.answers, zero, space.uniform)
            elif clean.gradient is not None:
                gradient = clean.gradient * clean.answers.rows()  # of the loss summed over the batch, as the objective
        largest = []
        for _ in range(self.num_steps):
            if gradient is None:
                delta = delta.detach().requires_grad_()
                (gradient,) = torch.autograd.grad(objective(delta), delta)
            largest.append(to_float32(gradient).abs().amax((1, 2)))
            delta = self._move(ball, delta.detach(), gradient, radius)
            gradient = None
        return AscentResult(delta, (largest[0] == 0).float().mean(), torch.isfinite(torch.stack(largest)).all())

    def _move(self, ball: Ball, delta: Tensor, gradient: Tensor, radius: Tensor) -> Tensor:
        if self.rule == "steepest":
            return ball.project(delta + ball.steepest(gradient, radius * self.step_size), radius)
        moved = delta + self.step_size * to_float32(gradient)
        return ball.project(moved, radius) if self.rule == "gradient" else ball.normalize(moved, radius)


def fisher_gradient(answers: Outputs, delta: Tensor, uniform: Callable[[int], Tensor]) -> Tensor:
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
                # Counted rows take the draws in order, so that padding, on either side, does not shift a row's draw.
                draw = draw.gather(-1, (answers.counts.cumsum(-1) - 1).clamp(min=0))
            draw = draw.reshape(*logits.shape[:-1], 1)
            if answers.is_regression:
                vector = torch.where(draw < 0.5, -1.0, 1.0)
            else:
                p = to_float32(logits).softmax(-1)
                label = torch.searchsorted(p.cumsum(-1), draw).clamp(max=p.shape[-1] - 1)
                vector = p.scatter_add_(-1, label, -torch.ones_like(p[..., :1]))
            if answers.counts is not None:
                vector = vector * answers.counts[..., None]
            vectors.append(vector.to(logits.dtype))
    (gradient,) = torch.autograd.grad(answers.logits, delta, vectors, retain_graph=True)
    return gradient
