"""The white-box attack in embedding space: how far the worst δ inside a ball gets, on the core that training uses.

It makes no text, so it says nothing about what an attacker could type; it tells whether a model is smooth around its
inputs, which is what adversarial regularizers aim at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from alumbench.adversary import Ascent, Ball, Pass, Perturbation
from alumbench.attacks.victim import Texts, Victim
from alumbench.checkpoints import mark_ids


@dataclass(frozen=True)
class EmbeddingPgd:
    """Projected gradient ascent on the label's cross entropy, K steps from δ = 0 (Madry et al. 2018).

    Attributes:
        radius: of the L2 ball of a sentence, in units of its own token embeddings' RMS length.
        steps: K; each is 2.5 / K of the radius long, so that the ball's surface can be reached and walked along.
    """

    radius: float
    steps: int = 5

    def scores(self, victim: Victim, texts: Sequence[Texts], labels: Sequence[int]) -> Tensor:
        """Logits at the most harmful δ met on the way: the one with the smallest margin of the right label.

        Args:
            victim: whom.
            texts: one batch, for each example one string a column.
            labels: their right labels, in the task's order.

        Returns:
            (batch, labels) on the CPU, in the task's order.
        """
        batch = victim.encode(texts)
        gold = torch.tensor(labels, device=victim.device)
        special = torch.tensor(mark_ids(victim.tokenizer), device=victim.device)
        space = Perturbation(victim.model, batch, special, seed=0, step=0, examples=range(len(texts)))
        met: list[Tensor] = []

        def loss(delta: Tensor) -> Tensor:
            met.append(victim.in_task_order(space.at(delta).answers.logits[0]))
            return functional.cross_entropy(met[-1], gold, reduction="sum")

        zero = space.zero()
        (gradient,) = torch.autograd.grad(loss(zero), zero)
        clean = Pass(space.at().answers.detach(), torch.zeros(()), gradient, None)
        radius = self.radius * space.rms
        ascent = Ascent("label", self.steps, min(1.0, 2.5 / self.steps))
        found = ascent.find(space, Ball("l2-sentence", space.free), radius, space.rms, clean, zero, loss)
        with torch.no_grad():
            loss(found.delta)
        every = torch.stack([logits.detach() for logits in met[1:]])  # the first is the clean pass
        right = every.gather(-1, gold.expand(len(every), -1)[..., None])[..., 0]
        others = every.scatter(-1, gold.expand(len(every), -1)[..., None], -torch.inf).amax(-1)
        worst = (right - others).argmin(0)
        return every[worst, torch.arange(len(texts), device=victim.device)].float().cpu()
