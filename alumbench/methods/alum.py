"""ALUM: virtual adversarial training in the word-embedding space, after Algorithm 1 of the paper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from alumbench.adversary import DIVERGENCES, STOP_GRADIENTS, Ascent, Pass, Perturbation, divergence
from alumbench.methods.label_smoothing import check_smoothing, smoothed
from alumbench.methods.method import Loss, StepContext, check_range
from alumbench.methods.perturbing import Perturbing


@dataclass(frozen=True)
class Alum(Perturbing):
    """min E[ l(f(x), y) + α max_{‖δ‖≤ε} l(f(x), f(x+δ)) ], equation 4 of the paper.

    Differences from the paper: ε is relative to the length of the embeddings, because the effect of an absolute radius
    depends on the model (the paper's 1e-5 has almost none: dropout moves the output thousands of times more), and
    special tokens are not perturbed. `alum-paper` uses the paper's constants, `alum-ref` the rule of the released code
    (namisan/mt-dnn at 3228e7c), which has no projection, perturbs padding, and adds the gradient to much longer noise.

    Attributes:
        alpha: α, the weight of the regularizer; 0 is `standard`, bit for bit. The paper: 1 in fine-tuning, 10 in
            pre-training.
        direction: `fisher` (7 forward units a step), `vat` (8), `label` (6); `noise` (6) is the control.
        num_steps: K (paper and code: 1).
        step_size: η in units of ε; 1 reaches the ball's surface in one step (paper: 1e-3, absolute).
        init_scale: σ of `vat`'s first noise, relative like ε (paper: 1e-5, absolute).
        divergence: `symmetric-kl` (the paper's), `kl`, `js` or `squared-error`; a regression takes the squared error.
        stop_gradient: the side that the regularizer detaches: `none` (the paper's objective as printed), `clean`,
            `targets` (the released code; halves the gradient), or `auto`: `clean` for `label`, which reduces its cost
            to 6, and `none` otherwise.
        smoothing: s of a task loss against (1 − s) · onehot + s / labels; 0 is the task's own. Not in the paper.
    """

    name: ClassVar[str] = "alum"
    source: ClassVar[str] = "Liu et al. 2020, https://arxiv.org/abs/2004.08994, Algorithm 1"

    alpha: float = 1.0
    direction: str = "fisher"
    num_steps: int = 1
    step_size: float = 1.0
    init_scale: float = 1e-2
    divergence: str = "symmetric-kl"
    stop_gradient: str = "auto"
    smoothing: float = 0.0

    def __post_init__(self) -> None:
        """Checks the values."""
        super().__post_init__()
        check_range(alpha=self.alpha)
        self.ascent()
        choices = ("auto", *STOP_GRADIENTS)
        for what, value, known in (
            ("divergence", self.divergence, tuple(DIVERGENCES)),
            ("stop_gradient", self.stop_gradient, choices),
        ):
            if value not in known:
                raise ValueError(f"unknown {what} '{value}'; known: {', '.join(known)}")
        check_smoothing(self.smoothing)
        if self.smoothing and self.direction == "label":
            raise ValueError("smoothing: direction 'label' climbs the task's own loss, which is not smoothed")
        if self.stop_gradient == "targets" and self.divergence != "symmetric-kl":
            raise ValueError("stop_gradient 'targets' applies only to the two terms of symmetric-kl")

    def ascent(self) -> Ascent:
        """The inner maximization."""
        return Ascent(self.direction, self.num_steps, self.step_size, self.init_scale)

    def warnings(self, precision: str) -> list[str]:
        """Warns if bf16 rounds the first noise away."""
        if precision == "bf16" and self.ascent().searches and self.direction == "vat" and self.init_scale <= 1e-5:
            return [
                f"init_scale = {self.init_scale:g} is so small that bf16 rounds it away: some examples get a gradient "
                f"of exactly zero and no search (see zero_gradients in the log); use --set init_scale=0.01 --set "
                f"relative=true, --set direction=fisher, which has no first noise, or --precision fp32"
            ]
        return []

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor], step: StepContext) -> Loss:
        """Task loss + α · l(f(x), f(x+δ))."""
        if self.alpha == 0 and self.smoothing == 0:
            return Loss(model(**batch).loss)
        return self.regularized(self.space(model, batch, step))[1]

    def regularized(self, space: Perturbation) -> tuple[Pass, Loss]:
        """The loss with the pass at x, for methods that compare this pass with others."""
        ascent, held = self.ascent(), self.stop_gradient
        if held == "auto":
            held = "clean" if ascent.searches and self.direction == "label" else "none"
        unit = self.unit(space)

        # f(x), with a graph back to the embeddings if the direction is taken from the clean pass
        zero = space.zero() if ascent.needs_clean_gradient() else None
        if zero is not None and self.direction == "label":
            clean = space.forward_backward(zero, keep_graph=held != "clean")
        else:
            clean = space.forward(zero, labels=True)

        # δ ← argmax_{‖δ‖≤ε} l(f(x), f(x+δ)), K steps; `label` maximizes the task's loss instead
        target = clean.answers.detach()
        rows = target.rows()  # with a sum over the batch, an example's gradient depends on that example alone

        def objective(delta: Tensor) -> Tensor:
            if self.direction == "label":
                return space.forward(delta, labels=True).loss * rows
            return divergence(target, space.forward(delta).answers, self.divergence) * rows

        found = ascent.find(space, self.ball(space), self.epsilon * unit, unit, clean, zero, objective)

        # both sides learn, unless one is detached: the gradient flows through f(x) and f(x+δ)
        regularizer = divergence(clean.answers, space.forward(found.delta).answers, self.divergence, held)
        parts = {"task": clean.loss, "regularizer": regularizer, "zero_gradients": found.zero_gradients}
        total = smoothed(clean.loss, clean.answers, self.smoothing) + self.alpha * regularizer
        return clean, Loss(total, {name: part.detach() for name, part in parts.items()}, found.finite)


METHOD = Alum
