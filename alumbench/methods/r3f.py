"""R3F: the answer must not change under small noise; there is no search for the worst case."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from alumbench.adversary import Perturbation, divergence
from alumbench.methods.method import Loss, StepContext, check_range
from alumbench.methods.perturbing import Perturbing


@dataclass(frozen=True)
class R3f(Perturbing):
    """l(f(x), y) + α (KL(p ‖ q) + KL(q ‖ p)), p at x, q at x + z, z one draw of noise; squared error for a regression.

    6 forward units a step. The defaults are the released code's (fairseq, examples/rxf): absolute noise of 1e-5, and
    new dropout for the noised pass. At that size p and q differ because of the masks, not because of z: with
    `replay_dropout=true` almost no difference is left. Differences from the code: a regression is regularized too,
    special tokens and padding get no noise, and the noised pass also trains the embeddings, which the code detaches.

    The parameters are those of `Perturbing` with other defaults; `norm` has no effect, since there is no ball.

    Attributes:
        epsilon: size of z's components: the bound of uniform noise, the standard deviation of normal noise. With
            `relative`, in units of the RMS of the sentence's embedding components.
        alpha: λ of the paper (.1 to 10; code: 1); 0 is `standard`, bit for bit.
        noise: `uniform` (the code's default) or `normal`.
    """

    name: ClassVar[str] = "r3f"
    source: ClassVar[str] = "Aghajanyan et al. 2021, https://arxiv.org/abs/2008.03156; fairseq, examples/rxf"

    epsilon: float = 1e-5
    relative: bool = False
    replay_dropout: bool = False
    alpha: float = 1.0
    noise: str = "uniform"

    def __post_init__(self) -> None:
        """Checks the values."""
        super().__post_init__()
        check_range(alpha=self.alpha)
        if self.noise not in {"uniform", "normal"}:
            raise ValueError(f"unknown noise '{self.noise}'; known: uniform, normal")

    def draw(self, space: Perturbation) -> Tensor:
        """The noise z, (batch, tokens, hidden)."""
        uniform = self.noise == "uniform"
        noise = (2 * space.noise(torch.rand) - 1) * space.perturbable[..., None] if uniform else space.noise()
        size = space.rms / math.sqrt(noise.shape[-1]) if self.relative else 1.0
        return noise * self.epsilon * size

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor], step: StepContext) -> Loss:
        """Task loss + α · divergence under noise."""
        if self.alpha == 0:
            return Loss(model(**batch).loss)
        space = self.space(model, batch, step)
        clean = space.forward(labels=True)
        regularizer = divergence(clean.answers, space.forward(self.draw(space)).answers)
        parts = {"task": clean.loss.detach(), "regularizer": regularizer.detach()}
        return Loss(clean.loss + self.alpha * regularizer, parts)


METHOD = R3f
