"""FreeLB: several ascent steps whose parameter gradients all go into the update."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from alumbench.adversary import Perturbation
from alumbench.methods.method import Loss, StepContext, check_range
from alumbench.methods.perturbing import Perturbing


@dataclass(frozen=True)
class FreeLb(Perturbing):
    """Mean over t < K of l(f(x+δ_t), y), with δ_{t+1} = Π(δ_t + η ĝ_t) and one dropout mask for all steps.

    3 K forward units a step, with no pass other than those used in the update. The paper's ε, η and start are absolute
    and differ by task (RoBERTa-large, η / K / start / ε: MNLI .1/2/.1/.3, SST-2 .1/2/1/.6, CoLA .025/3/.4/.3, MRPC
    .04/3/.64/.4; paper and released code agree); here they are relative, with MNLI's ratios to ε and the ε
    of `alum` as defaults.

    Attributes:
        num_steps: K, passes used in an update; 1 with `init_scale` 0 is `standard` at three units.
        step_size: η in units of ε.
        init_scale: the first δ is uniform in ± init_scale · ε / √(tokens · hidden) in each component; 0 starts at x.
        bounded: project δ, including the first one (the paper does not: its starts may be longer than ε).
    """

    name: ClassVar[str] = "freelb"
    source: ClassVar[str] = (
        "Zhu et al. 2020, https://arxiv.org/abs/1909.11764, Algorithm 1; github.com/zhuchen03/FreeLB"
    )

    num_steps: int = 2
    step_size: float = 1 / 3
    init_scale: float = 1 / 3
    bounded: bool = True

    def __post_init__(self) -> None:
        """Checks the values."""
        super().__post_init__()
        check_range(1, num_steps=self.num_steps)
        check_range(init_scale=self.init_scale, step_size=self.step_size)

    def first(self, space: Perturbation) -> Tensor:
        """The first perturbation, δ₀."""
        size = (space.perturbable.sum(-1) * space.embeddings.shape[-1]).clamp(min=1).sqrt()[:, None, None]
        noise = (2 * space.noise(torch.rand) - 1) * space.perturbable[..., None]
        radius = self.epsilon * self.unit(space)
        delta = noise * (self.init_scale * radius / size)
        return self.ball(space).project(delta, radius) if self.bounded else delta

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor], step: StepContext) -> Loss:
        """The mean loss along the ascent."""
        space = self.space(model, batch, step)
        ball, radius = self.ball(space), self.epsilon * self.unit(space)
        delta = self.first(space)
        losses, largest = [], []
        for t in range(self.num_steps):
            learned = space.forward_backward(delta)
            losses.append(learned.loss)
            if t + 1 == self.num_steps or learned.gradient is None:
                break
            largest.append(learned.gradient.abs().amax((1, 2)))
            delta = delta + ball.steepest(learned.gradient, self.step_size * radius)
            if self.bounded:
                delta = ball.project(delta, radius)
        total = torch.stack(losses).mean()
        finite = torch.isfinite(torch.stack(largest)).all() if largest else None
        return Loss(total, {"first": losses[0].detach(), "last": losses[-1].detach()}, finite)


METHOD = FreeLb
