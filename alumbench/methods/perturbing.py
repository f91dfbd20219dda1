"""What all methods share that add δ to the embeddings: which ball, and which tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from alumbench.adversary import NORMS, Ball, Perturbation
from alumbench.methods.method import Method, Step


@dataclass(frozen=True)
class Perturbing(Method):
    """A method that perturbs embeddings inside a ball.

    Attributes:
        epsilon: ε, in units of the sentence's token RMS norm where `relative`, else absolute. For `linf` a token's δ is
            at most that long in L2 (each component at most ε / √hidden), so that one ε is comparable in all norms.
        norm: the ball: `l2-sentence`, `l2-token` or `linf`.
        relative: whether lengths are relative to the embeddings' own.
        special_tokens: whether [CLS] and [SEP] are perturbed too.
        replay_dropout: whether the perturbed passes drop the same units as the clean one.
    """

    epsilon: float = 0.05
    norm: str = "l2-sentence"
    relative: bool = True
    special_tokens: bool = False
    replay_dropout: bool = True

    def __post_init__(self) -> None:
        """Checks the values."""
        if not self.epsilon > 0:
            raise ValueError(f"epsilon = {self.epsilon}: must be above 0 (alpha=0 switches an adversary off)")
        if self.norm not in NORMS:
            raise ValueError(f"unknown norm '{self.norm}'; known: {', '.join(NORMS)}")

    def space(self, model: nn.Module, batch: Mapping[str, Tensor], step: Step) -> Perturbation:
        """The batch with the tokens that may be perturbed."""
        return step.perturbation(model, batch, self.special_tokens, self.replay_dropout)

    def ball(self, space: Perturbation) -> Ball:
        """The ball of a batch."""
        return Ball(self.norm, space.free)

    def unit(self, space: Perturbation) -> Tensor:
        """What lengths are measured in, (batch, 1, 1)."""
        return space.rms if self.relative else torch.ones_like(space.rms)
