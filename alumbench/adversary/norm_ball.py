"""The maximum length of δ: L2 and L∞ balls per token or per sentence, relative to the length of the embeddings."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from alumbench.adversary.divergence import to_float32

NORMS = ("l2-sentence", "l2-token", "linf")
#: Lengths whose squares float32 represents to full precision; other vectors are rescaled before they are squared, so
#: that δ does not depend on the scale of the loss or of the logits. Vectors within are divided by 1, so unchanged.
SHORTEST, LONGEST = 1e-12, 1e18


def token_rms(embeddings: Tensor, free: Tensor) -> Tensor:
    """Root of the mean squared length of each sentence's free token embeddings: the unit of a relative ε.

    It is taken per sentence, not per batch, so that δ does not depend on an example's neighbours.

    Args:
        embeddings: (batch, tokens, hidden).
        free: (batch, tokens) booleans.

    Returns:
        (batch, 1, 1), 0 if no token is free.
    """
    squared = to_float32(embeddings).square().sum(-1) * free
    return (squared.sum(-1) / free.sum(-1).clamp(min=1)).sqrt()[:, None, None]


@dataclass(frozen=True)
class Ball:
    """All δ with ‖δ‖ ≤ radius; each call takes the radius, since a relative ε differs by sentence.

    For L∞ the radius is divided by √hidden, so that one ε is comparable in all norms: a token's δ is then never longer
    than the radius in L2. For L∞ the balls per token and per sentence are the same, so there is one name.

    Attributes:
        norm: one of `NORMS`.
        perturbable: (batch, tokens) booleans; δ is 0 elsewhere.
    """

    norm: str
    perturbable: Tensor

    def __post_init__(self) -> None:
        """Checks the norm's name."""
        if self.norm not in NORMS:
            raise ValueError(f"unknown norm '{self.norm}'; known: {', '.join(NORMS)}")

    def steepest(self, gradient: Tensor, radius: Tensor) -> Tensor:
        """The δ of that radius along the steepest ascent; 0 where the gradient is 0.

        Args:
            gradient: (batch, tokens, hidden).
            radius: broadcastable to it.
        """
        gradient = to_float32(gradient) * self.perturbable[..., None]
        if self.norm == "linf":
            return gradient.sign() * radius / math.sqrt(gradient.shape[-1])
        scaled, length, _ = self._measure(gradient)
        unit: Tensor = scaled / _or_one(length)
        return unit * radius

    def normalize(self, delta: Tensor, radius: Tensor) -> Tensor:
        """δ / ‖δ‖ · radius; for L∞ each token is divided by its largest component, as in the released code of ALUM."""
        if self.norm != "linf":
            return self.steepest(delta, radius)
        delta = to_float32(delta) * self.perturbable[..., None]
        largest = delta.abs().amax(-1, keepdim=True)
        return delta / _or_one(largest) * (radius / math.sqrt(delta.shape[-1]))

    def project(self, delta: Tensor, radius: Tensor) -> Tensor:
        """The nearest δ inside the ball (Π in the paper), 0 on tokens that are not free."""
        delta = delta * self.perturbable[..., None]
        if self.norm == "linf":
            bound = radius / math.sqrt(delta.shape[-1])
            return torch.minimum(torch.maximum(delta, -bound), bound)
        scaled, length, scale = self._measure(delta)
        return torch.where(length * scale <= radius, delta, scaled * (radius / _or_one(length)))

    def _measure(self, delta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """δ / scale, its length, and the scale: 1, or δ's largest component if squares would overflow or underflow."""
        dims = (-1,) if self.norm == "l2-token" else (-2, -1)
        length = torch.linalg.vector_norm(delta, dim=dims, keepdim=True)
        largest = delta.abs().amax(dims, keepdim=True)
        scale = torch.where((length > SHORTEST) & (length < LONGEST), 1.0, _or_one(largest))
        scaled = delta / scale
        return scaled, torch.linalg.vector_norm(scaled, dim=dims, keepdim=True), scale


def _or_one(divisor: Tensor) -> Tensor:
    """The divisor, or 1 where it is exactly 0, so that a zero divided by it stays 0."""
    return torch.where(divisor == 0, 1.0, divisor)
