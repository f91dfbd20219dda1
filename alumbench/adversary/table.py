"""The position of a perturbed embedding in the table of word embeddings: leading directions and nearest words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from alumbench.adversary.embedding_hook import WordEmbeddings

#: Number of points compared with all rows at a time: 32 MB of distances for 32,000 words.
HELD = 256


@dataclass(frozen=True)
class EmbeddingTable:
    """All word embeddings of a model, as returned by its embedding module.

    Attributes:
        rows: (words, hidden), float32 on the CPU.
        directions: (hidden, hidden), the right singular vectors of the centred table as columns, the leading one first.
        variance: (hidden,), the share of the table's variance along each of them.
    """

    rows: Tensor
    directions: Tensor
    variance: Tensor

    @classmethod
    def of(cls, words: WordEmbeddings) -> EmbeddingTable:
        """The table of a model with its directions."""
        weight = words.module.weight
        assert isinstance(weight, Tensor)
        rows = words(torch.arange(len(weight), device=weight.device)[None])[0].float().cpu()
        centred = (rows - rows.mean(0)).double()
        values, vectors = torch.linalg.eigh(centred.T @ centred)  # ascending
        values = values.flip(0).clamp(min=0)
        return cls(rows, vectors.flip(1).float(), (values / values.sum()).float())

    def holding(self, share: float) -> int:
        """The smallest k such that the k leading directions hold that share of the table's variance."""
        return int((self.variance.double().cumsum(0) < share).sum()) + 1

    def energy(self, delta: Tensor) -> Tensor:
        """The share of δ's squared length along each direction, (hidden,); 1 / hidden on average for random δ.

        Args:
            delta: (tokens, hidden), one sentence's; not all 0.
        """
        squared = (delta @ self.directions).square().sum(0)
        return squared / squared.sum()

    def nearest_other(self, points: Tensor, own: Tensor) -> Tensor:
        """The Euclidean distance from each point to the nearest row other than its own, (points,).

        Args:
            points: (points, hidden).
            own: (points,), the row to leave out for each.
        """
        found = []
        for part, ids in zip(torch.split(points, HELD), torch.split(own, HELD), strict=True):
            gaps = torch.addmm(self._squared, part, self.rows.T, alpha=-2)  # without |x|², the same for all rows
            nearest = gaps.scatter_(1, ids[:, None], torch.inf).argmin(1)
            found.append(torch.linalg.vector_norm(part - self.rows[nearest], dim=-1))  # exact, where gaps cancel
        return torch.cat(found) if found else points.new_zeros(0)

    @cached_property
    def _squared(self) -> Tensor:
        return self.rows.square().sum(-1)
