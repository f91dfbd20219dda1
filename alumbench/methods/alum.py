"""ALUM: virtual adversarial training in the word-embedding space, as the paper's Algorithm 1 has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from alumbench.adversary import DIVERGENCES, STOP_GRADIENTS, Ascent, Pass, Perturbation, divergence
from alumbench.methods.label_smoothing import check_smoothing, smoothed
from alumbench.methods.method import Loss, Step, check_range
from alumbench.methods.perturbing import Perturbing


@dataclass(frozen=True)
class Alum(Perturbing):
    """min E[ l(f(x), y) + α max_{‖δ‖≤ε} l(f(x), f(x+δ)) ], equation 4 of the paper.

    Where this differs from the paper: ε is relative to the embeddings' own length, because an absolute radius means
    another thing for every model (the paper's 1e-5 means nothing at all: dropout moves the output thousands of times
    more), and special tokens are left alone. `alum-paper` takes the paper's constants, `alum-ref` the rule of the
    released code (namisan/mt-dnn at 3228e7c), which has no projection, perturbs padding, and adds its gradient to a
    much longer noise.

    Attributes:
        alpha: α, the weight of the regularizer; 0 is `standard`, bit for bit. The paper: 1 in fine-tuning, 10 in
            pre-training.
        direction: `fisher` (7 forward units a step), `vat` (8), `label` (6); `noise` (6) is the control.
        steps: K (paper and code: 1).
        step: η in units of ε; 1 reaches the ball's surface in one step (paper: 1e-3, absolute).
        start: σ of `vat`'s first noise, relative like ε (paper: 1e-5, absolute).
        divergence: `symmetric-kl` (the paper's), `kl`, `js` or `squared-error`; a regression takes the squared error.
        stop_gradient: what the regularizer holds still: `none` (the paper's objective as printed), `clean`,
            `targets` (the released code; halves the gradient), or `auto`: `clean` for `label`, which is what makes it
            cost 6, and `none` else.
        smoothing: s of a task loss against (1 − s) · onehot + s / labels; 0 is the task's own. Not of the paper.
    """

    name: ClassVar[str] = "alum"
    source: ClassVar[str] = "Liu et al. 2020, https://arxiv.org/abs/2004.08994, Algorithm 1"

    alpha: float = 1.0
    direction: str = "fisher"
    steps: int = 1
    step: float = 1.0
    start: float = 1e-2
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
            raise ValueError("stop_gradient 'targets' is about the two terms of symmetric-kl")

    def ascent(self) -> Ascent:
        """The inner maximization."""
        return Ascent(self.direction, self.steps, self.step, self.start)

    def warnings(self, precision: str) -> list[str]:
        """Tells of a noise start that bf16 rounds away."""
        if precision == "bf16" and self.ascent().searches and self.direction == "vat" and self.start <= 1e-5:
            return [
                f"start = {self.start:g} is so small that bf16 rounds it away: some examples get a gradient of exactly "
                f"zero and no search (see zero_gradients in the log); use --set start=0.01 --set relative=true, "
                f"--set direction=fisher, which has no start, or --precision fp32"
            ]
        return []

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor], step: Step) -> Loss:
        """Task loss + α · l(f(x), f(x+δ))."""
        if self.alpha == 0 and self.smoothing == 0:
            return Loss(model(**batch).loss)
        return self.regularized(self.space(model, batch, step))[1]

    def regularized(self, space: Perturbation) -> tuple[Pass, Loss]:
        """The same with the pass at x, for methods that compare it with more."""
        ascent, held = self.ascent(), self.stop_gradient
        if held == "auto":
            held = "clean" if ascent.searches and self.direction == "label" else "none"
        unit = self.unit(space)

        # f(x), with a way back to the embeddings where the direction is read off the clean graph
        zero = space.zero() if ascent.needs_clean_gradient() else None
        if zero is not None and self.direction == "label":
            clean = space.learn(zero, keep_graph=held != "clean")
        else:
            clean = space.at(zero, labels=True)

        # δ ← argmax_{‖δ‖≤ε} l(f(x), f(x+δ)), K steps; `label` climbs the task's loss instead
        target = clean.answers.detach()
        rows = target.rows()  # a sum over the batch makes an example's gradient its own

        def objective(delta: Tensor) -> Tensor:
            if self.direction == "label":
                return space.at(delta, labels=True).loss * rows
            return divergence(target, space.at(delta).answers, self.divergence) * rows

        found = ascent.find(space, self.ball(space), self.epsilon * unit, unit, clean, zero, objective)

        # both sides learn, unless one is held: the gradient flows through f(x) and f(x+δ)
        regularizer = divergence(clean.answers, space.at(found.delta).answers, self.divergence, held)
        parts = {"task": clean.loss, "regularizer": regularizer, "zero_gradients": found.zero_gradients}
        total = smoothed(clean.loss, clean.answers, self.smoothing) + self.alpha * regularizer
        return clean, Loss(total, {name: part.detach() for name, part in parts.items()}, found.finite)


METHOD = Alum
