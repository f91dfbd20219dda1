"""The white-box attack in embedding space: how far the worst δ inside a ball gets, on the core that training uses.

It makes no text, so it says nothing about what an attacker could type; it tells whether a model is smooth around its
inputs, which is what adversarial regularizers aim at.

Multiplying a model's logits by a constant changes no answer, and must not change what is found either (Carlini and
Wagner 2017, section V: https://arxiv.org/abs/1608.04644, found cross entropy's gradient rounding to 0 at large logits).
So each loss here is free of the logits' scale: the margin is a difference that the ball's normalization takes the scale
from, and cross entropy is taken of logits that are brought to one spread first. All passes are in the weights' own
precision, whatever `--precision` says: in bf16 a change of an embedding by less than .2% rounds away.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from alumbench.adversary import Ball, Perturbation, example_noise, full
from alumbench.attacks.embedding_protocol import NORM, EmbeddingProtocol
from alumbench.attacks.victim import Texts, Victim
from alumbench.checkpoints import mark_ids

#: From the largest to the smallest logit of a clean text where cross entropy is taken: 98% for the answer, of two.
SPREAD = 4.0
Loss = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Harm:
    """What an attack on a batch came to, on the CPU.

    Attributes:
        logits: (batch, labels) in the task's order, at the δ with the smallest margin of the right label of all that
            were met: every step of every ascent, and δ = 0.
        moved: (batch,) |δ| / ε where the ascents from δ = 0 ended, the largest; 0 where no token may be perturbed.
        rose: (batch,) booleans, whether the margin got smaller than at δ = 0.
        zero_gradients: (batch,) share of the steps whose gradient was exactly 0.
    """

    logits: Tensor
    moved: Tensor
    rose: Tensor
    zero_gradients: Tensor


def attack_embeddings(
    protocol: EmbeddingProtocol, victim: Victim, texts: Sequence[Texts], labels: Sequence[int], ids: Sequence[str]
) -> Harm:
    """Projected gradient ascent on each loss from δ = 0 and from random δ (Madry et al. 2018); the worst δ counts.

    Args:
        protocol: radius, steps, losses, restarts.
        victim: whom.
        texts: one batch, for each example one string a column.
        labels: their right labels, in the task's order.
        ids: of the examples, which seed their random δ: the same whatever an example is batched with.
    """
    gold = torch.tensor(labels, device=victim.device)
    special = torch.tensor(mark_ids(victim.tokenizer), device=victim.device)
    numbers = [_number(name) for name in ids]
    space = Perturbation(victim.model, victim.encode(texts), special, seed=0, step=0, examples=numbers)
    ball, radius = Ball(NORM, space.free), protocol.radius * space.rms
    climb = _Climb(victim, space, ball, radius, gold)
    for loss in protocol.losses_for(climb.clean.shape[-1]):
        objective = _objective(loss, gold, climb.clean)
        climb.ascend(objective, torch.zeros_like(space.zero()), protocol.steps, from_zero=True)
        for restart in range(1, protocol.restarts + 1):
            noise = example_noise(space.free, space.embeddings.shape[-1], restart, 0, numbers)
            climb.ascend(objective, ball.steepest(noise, radius), protocol.steps)
    return climb.harm()


def margin(logits: Tensor, gold: Tensor) -> Tensor:
    """The best wrong logit over the right one, (batch,): above 0 the answer is wrong."""
    right = logits.gather(-1, gold[:, None])[:, 0]
    return logits.scatter(-1, gold[:, None], -torch.inf).amax(-1) - right


class _Climb:
    """Ascents on one batch, and the most harmful logits that they met."""

    def __init__(self, victim: Victim, space: Perturbation, ball: Ball, radius: Tensor, gold: Tensor) -> None:
        self._victim, self._space, self._ball, self._radius, self._gold = victim, space, ball, radius, gold
        with torch.no_grad():
            self.clean = self._logits(space.zero())
        self._worst, self._margin = self.clean, margin(self.clean, gold)
        self._moved = torch.zeros_like(self._margin)
        self._zero, self._taken = torch.zeros_like(self._margin), 0

    def ascend(self, objective: Loss, delta: Tensor, steps: int, from_zero: bool = False) -> None:
        """Steps along the loss's gradient, each brought back into the ball."""
        step = self._radius * min(1.0, 2.5 / steps)
        for _ in range(steps):
            gradient = self._gradient(objective, delta)
            self._taken += 1
            self._zero += (gradient.abs().amax((1, 2)) == 0).float()
            delta = self._ball.project(delta + self._ball.steepest(gradient, step), self._radius)
        with torch.no_grad():
            self._meet(self._logits(delta))
        if from_zero:
            length = torch.linalg.vector_norm(delta, dim=(1, 2)) / self._radius.flatten()
            self._moved = torch.maximum(self._moved, torch.nan_to_num(length))  # a radius of 0: no token is free

    def harm(self) -> Harm:
        """What it all came to."""
        rose = self._margin > margin(self.clean, self._gold)
        found = (self._worst, self._moved, rose, self._zero / max(1, self._taken))
        return Harm(*(part.cpu() for part in found))

    def _gradient(self, objective: Loss, delta: Tensor) -> Tensor:
        """Of the loss at δ; 0 where the model cuts the path to its embeddings."""
        delta = delta.detach().requires_grad_()
        logits = self._logits(delta)
        self._meet(logits.detach())
        if not logits.requires_grad:
            return torch.zeros_like(delta)
        gradient: Tensor
        (gradient,) = torch.autograd.grad(objective(logits).sum(), delta, allow_unused=True, materialize_grads=True)
        return gradient

    def _logits(self, delta: Tensor) -> Tensor:
        return full(self._victim.in_task_order(self._space.at(delta).answers.logits[0]))

    def _meet(self, logits: Tensor) -> None:
        harm = margin(logits, self._gold)
        worse = harm > self._margin
        self._worst = torch.where(worse[:, None], logits, self._worst)
        self._margin = torch.where(worse, harm, self._margin)


def _objective(name: str, gold: Tensor, clean: Tensor) -> Loss:
    """A loss of logits, (batch, labels) to (batch,)."""
    if name == "margin":
        return lambda logits: margin(logits, gold)
    spread = clean.amax(-1, keepdim=True) - clean.amin(-1, keepdim=True)
    unit = torch.where(spread > 0, spread, 1.0)
    return lambda logits: functional.cross_entropy(logits / unit * SPREAD, gold, reduction="none")


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:7])
