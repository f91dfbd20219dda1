"""The base of all methods that add δ to the embeddings: the ball, and the tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from alumbench.adversary import NORMS, Ball, Perturbation
from alumbench.methods.method import Method, StepContext


@dataclass(frozen=True)
class Perturbing(Method):
    """A method that perturbs embeddings inside a ball.

    Attributes:
        epsilon: ε, in units of the sentence's token RMS norm if `relative`, else absolute. For `linf` a token's δ is
            at most that long in L2 (each component at most ε / √hidden), so that one ε is comparable in all norms.
        norm: the ball: `l2-sentence`, `l2-token` or `linf`.
        relative: measure lengths relative to the embeddings' own.
        perturb_special_tokens: perturb [CLS] and [SEP] too.
        replay_dropout: drop the same units in the perturbed passes as in the clean one.
    """

    epsilon: float = 0.05
    norm: str = "l2-sentence"
    relative: bool = True
    perturb_special_tokens: bool = False
    replay_dropout: bool = True

    def __post_init__(self) -> None:
        """Checks the values."""
        if not self.epsilon > 0:
            raise ValueError(f"epsilon = {self.epsilon}: must be above 0 (alpha=0 switches an adversary off)")
        if self.norm not in NORMS:
            raise ValueError(f"unknown norm '{self.norm}'; known: {', '.join(NORMS)}")

    def space(self, model: nn.Module, batch: Mapping[str, Tensor], step: StepContext) -> Perturbation:
        """The batch with the tokens that may be perturbed."""
        return step.perturbation(model, batch, self.perturb_special_tokens, self.replay_dropout)

    def ball(self, space: Perturbation) -> Ball:
        """The ball of a batch."""
        return Ball(self.norm, space.perturbable)

    def unit(self, space: Perturbation) -> Tensor:
        """The unit of lengths, (batch, 1, 1)."""
        return space.rms if self.relative else torch.ones_like(space.rms)
