"""How long δ may be: L2 and L∞ balls per token or per sentence, relative to the embeddings' own length."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from alumbench.adversary.divergence import full

NORMS = ("l2-sentence", "l2-token", "linf")
#: Lengths whose squares float32 holds to all digits; shorter and longer vectors are brought here before they are
#: squared, so that no δ depends on the scale of the loss or of the logits. Those within are divided by 1, bit for bit.
SHORTEST, LONGEST = 1e-12, 1e18


def token_rms(embeddings: Tensor, free: Tensor) -> Tensor:
    """Root of the mean squared length of each sentence's free token embeddings: the unit of a relative ε.

    It is taken per sentence, not per batch, so that δ does not depend on an example's neighbours.

    Args:
        embeddings: (batch, tokens, hidden).
        free: (batch, tokens) booleans.

    Returns:
        (batch, 1, 1), 0 where no token is free.
    """
    squared = full(embeddings).square().sum(-1) * free
    return (squared.sum(-1) / free.sum(-1).clamp(min=1)).sqrt()[:, None, None]


@dataclass(frozen=True)
class Ball:
    """All δ with ‖δ‖ ≤ radius; the radius is given at each call, since a relative ε differs by sentence.

    For L∞ the radius is divided by √hidden, so that one ε means a comparable change in every norm: a token's δ is then
    never longer than the radius in L2. Per token and per sentence are the same set for L∞, so it has one name.

    Attributes:
        norm: one of `NORMS`.
        free: (batch, tokens) booleans; δ is 0 elsewhere.
    """

    norm: str
    free: Tensor

    def __post_init__(self) -> None:
        """Checks the norm's name."""
        if self.norm not in NORMS:
            raise ValueError(f"unknown norm '{self.norm}'; known: {', '.join(NORMS)}")

    def steepest(self, gradient: Tensor, radius: Tensor) -> Tensor:
        """The δ of that radius along which the gradient rises most; 0 where the gradient is 0.

        Args:
            gradient: (batch, tokens, hidden).
            radius: broadcastable to it.
        """
        gradient = full(gradient) * self.free[..., None]
        if self.norm == "linf":
            return gradient.sign() * radius / math.sqrt(gradient.shape[-1])
        scaled, length, _ = self._measure(gradient)
        unit: Tensor = scaled / _or_one(length)
        return unit * radius

    def normalize(self, delta: Tensor, radius: Tensor) -> Tensor:
        """δ / ‖δ‖ · radius; for L∞ each token by its own largest component, as the released code of ALUM does."""
        if self.norm != "linf":
            return self.steepest(delta, radius)
        delta = full(delta) * self.free[..., None]
        largest = delta.abs().amax(-1, keepdim=True)
        return delta / _or_one(largest) * (radius / math.sqrt(delta.shape[-1]))

    def project(self, delta: Tensor, radius: Tensor) -> Tensor:
        """The nearest δ inside the ball (Π in the paper), 0 on tokens that are not free."""
        delta = delta * self.free[..., None]
        if self.norm == "linf":
            bound = radius / math.sqrt(delta.shape[-1])
            return torch.minimum(torch.maximum(delta, -bound), bound)
        scaled, length, scale = self._measure(delta)
        return torch.where(length * scale <= radius, delta, scaled * (radius / _or_one(length)))

    def _measure(self, delta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """δ / scale, the length of that, and the scale: 1, or δ's largest component where squares would be lost."""
        dims = (-1,) if self.norm == "l2-token" else (-2, -1)
        length = torch.linalg.vector_norm(delta, dim=dims, keepdim=True)
        largest = delta.abs().amax(dims, keepdim=True)
        scale = torch.where((length > SHORTEST) & (length < LONGEST), 1.0, _or_one(largest))
        scaled = delta / scale
        return scaled, torch.linalg.vector_norm(scaled, dim=dims, keepdim=True), scale


def _or_one(divisor: Tensor) -> Tensor:
    """The divisor, 1 where it is 0: what is exactly 0 stays so, and nothing else is taken for it."""
    return torch.where(divisor == 0, 1.0, divisor)
