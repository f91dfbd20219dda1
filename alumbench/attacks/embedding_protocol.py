"""What the white-box attack in embedding space is run with, and the signature that says so."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Raised whenever its results could change.
VERSION = 2
NAME = "embedding-pgd"
RECIPE = f"{NAME}@{VERSION}"
NORM = "l2-sentence"
#: What the ascent makes larger; see `alumbench.attacks.embedding_pgd`.
LOSSES = ("cross-entropy", "margin")


@dataclass(frozen=True)
class EmbeddingProtocol:
    """How long and how often a δ is searched for.

    Attributes:
        radius: of the L2 ball of a sentence, in units of its own token embeddings' RMS length.
        steps: K of each ascent; each is 2.5 / K of the radius long, so that the ball's surface can be reached and
            walked along (Madry et al. 2018).
        losses: of `LOSSES`; each has ascents of its own.
        restarts: ascents of a loss from a random δ on the ball's surface, beside the one from δ = 0.
    """

    radius: float
    steps: int = 5
    losses: tuple[str, ...] = LOSSES
    restarts: int = 1

    @property
    def signature(self) -> str:
        """Its part of an entry's signature: name and version, norm, radius, steps, losses, restarts."""
        losses = "+".join(self.losses)
        return f"{RECIPE}:{NORM}:{self.radius:g}:{self.steps}:{losses}:restarts={self.restarts}"

    def losses_for(self, labels: int) -> tuple[str, ...]:
        """The losses that differ: with two labels both have one gradient but for its length, so the margin stands."""
        return ("margin",) if labels == 2 and set(self.losses) == set(LOSSES) else self.losses

    def passes(self, labels: int) -> tuple[int, int]:
        """Forward passes through the model and backward passes to δ that an example costs."""
        ascents = len(self.losses_for(labels)) * (1 + self.restarts)
        return 1 + ascents * (self.steps + 1), ascents * self.steps


def radius_of(signature: str) -> float | None:
    """The radius that an entry's signature tells of, whichever version made it; None where it tells of none."""
    found = _RADIUS.search(signature)
    return float(found[1]) if found else None


_RADIUS = re.compile(rf"\|{NAME}@\d+:[a-z0-9-]+:(\d+(?:\.\d+)?(?:e[-+]?\d+)?):")
