"""Embedding PGD: finds the worst δ inside a ball around a text's word embeddings."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alumbench.attacks.white_box import Batch, WhiteBoxAttack, WhiteBoxRecipe
from alumbench.config import Amount, Count
from alumbench.errors import AlumbenchError, unknown

if TYPE_CHECKING:
    from torch import Tensor

    from alumbench.attacks.embedding_space import Harm

NORM = "l2-sentence"
#: The losses that an ascent can maximize.
LOSSES = ("cross-entropy", "margin")
#: Range of a clean text's logits once they are scaled for cross entropy: with two labels, 98% for the answer.
SPREAD = 4.0


@dataclass(frozen=True)
class EmbeddingPgd(WhiteBoxAttack):
    """Projected gradient ascent on each loss from δ = 0 and from random δ (Madry et al. 2018); the worst δ counts.

    It makes no text, so it does not show what an attacker could type. It shows whether a model is smooth around its
    inputs, the aim of adversarial regularizers.

    Multiplying a model's logits by a constant changes no answer, and must not change the result either (Carlini and
    Wagner 2017, section V: https://arxiv.org/abs/1608.04644, found that cross entropy's gradient rounds to 0 at large
    logits). So no loss here depends on the logits' scale: the ball's normalization removes it from the margin, which is
    a difference, and cross entropy takes logits scaled to a fixed range. All passes are in the weights' own precision,
    whatever `--precision` says: in bf16, a change of an embedding by less than .2% is lost to rounding.

    Attributes:
        radius: radius of a sentence's L2 ball, in units of the RMS length of its own token embeddings.
        steps: number K of steps of an ascent; a step is 2.5 / K of the radius long, enough to reach the ball's surface
            and move along it (Madry et al. 2018).
        losses: some of `LOSSES`; each has its own ascents.
        restarts: ascents per loss from a random δ on the ball's surface, in addition to the one from δ = 0.
    """

    radius: Amount = 0.0
    steps: Count = 0
    losses: tuple[str, ...] = LOSSES
    restarts: Count = 1

    def check(self) -> None:
        """Checks the values.

        Raises:
            AlumbenchError: One is invalid.
        """
        if not (self.radius > 0 and self.steps > 0):
            raise AlumbenchError("an embedding attack needs a radius and steps above 0")
        if not self.losses:
            raise AlumbenchError(f"an embedding attack needs a loss: {', '.join(LOSSES)}")
        for loss in self.losses:
            if loss not in LOSSES:
                raise unknown("loss", loss, LOSSES)

    @property
    def settings(self) -> str:
        """Norm, radius, steps, losses and restarts, as in a signature."""
        return f"{NORM}:{self.radius:g}:{self.steps}:{'+'.join(self.losses)}:restarts={self.restarts}"

    def losses_for(self, labels: int) -> tuple[str, ...]:
        """The losses to use: with two labels, both gradients differ only in length, so the margin alone is used."""
        return ("margin",) if labels == 2 and set(self.losses) == set(LOSSES) else self.losses

    def passes(self, labels: int) -> tuple[int, int]:
        """Number of forward passes, and of backward passes to δ, per example."""
        ascents = len(self.losses_for(labels)) * (1 + self.restarts)
        return 1 + ascents * (self.steps + 1), ascents * self.steps

    def run(self, batch: Batch) -> Harm:
        """Runs all ascents on a batch."""
        from alumbench.attacks.embedding_space import Climb

        climb = Climb(batch, NORM, self.radius)
        step = min(1.0, 2.5 / self.steps)
        for loss in self.losses_for(climb.clean.shape[-1]):
            objective = _objective(loss, climb.gold, climb.clean)
            climb.ascend(objective, climb.zero(), self.steps, step, from_zero=True)
            for restart in range(1, self.restarts + 1):
                climb.ascend(objective, climb.random(restart), self.steps, step)
        return climb.harm()


def radius_of(signature: str) -> float | None:
    """The radius in an entry's signature, of any version; None if it has none."""
    found = _RADIUS.search(signature)
    return float(found[1]) if found else None


def _objective(name: str, gold: Tensor, clean: Tensor) -> Callable[[Tensor], Tensor]:
    """A function from logits, (batch, labels), to losses, (batch,)."""
    import torch
    from torch.nn import functional

    from alumbench.attacks.embedding_space import margin

    if name == "margin":
        return lambda logits: margin(logits, gold)
    spread = clean.amax(-1, keepdim=True) - clean.amin(-1, keepdim=True)
    unit = torch.where(spread > 0, spread, 1.0)
    return lambda logits: functional.cross_entropy(logits / unit * SPREAD, gold, reduction="none")


RECIPE = WhiteBoxRecipe(
    name="embedding-pgd",
    version=2,
    search=EmbeddingPgd,
    source="Madry et al. 2018, https://arxiv.org/abs/1706.06083",
    description="white-box, produces no text: the δ of the word embeddings, of bounded length, that brings the best "
    "wrong label closest; projected gradient ascent",
)
_RADIUS = re.compile(rf"\|{RECIPE.name}@\d+:[a-z0-9-]+:(\d+(?:\.\d+)?(?:e[-+]?\d+)?):")
