"""Ascents in embedding space on one batch, with the core that training uses, and the most harmful answers they found.

This is the shared code of white-box attacks (`white_box.py`); the code of a single attack is in its file in `recipes/`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from alumbench.adversary import Ball, Perturbation, example_noise, to_float32
from alumbench.attacks.white_box import Batch
from alumbench.models.checkpoint import special_token_ids

#: A function of logits, (batch, labels) to (batch,), that an ascent maximizes.
Loss = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Ascents:
    """The progress of the ascents on a batch, on the CPU.

    Attributes:
        moved: (batch,) largest |δ| / ε at the end of the ascents from δ = 0; 0 if no token may be perturbed.
        rose: (batch,) booleans, whether the right label's margin got smaller than at δ = 0.
        zero_gradients: (batch,) share of the steps whose gradient was exactly 0.
    """

    moved: Tensor
    rose: Tensor
    zero_gradients: Tensor


@dataclass(frozen=True)
class Harm:
    """The result of an attack on a batch, on the CPU.

    Attributes:
        logits: (batch, labels) in the task's order, at the δ with the smallest margin of the right label among all
            that were tried, including δ = 0.
        ascents: progress of the ascents; None for an attack without gradients.
    """

    logits: Tensor
    ascents: Ascents | None = None


def margin(logits: Tensor, gold: Tensor) -> Tensor:
    """The best wrong logit minus the right one, (batch,): above 0, the answer is wrong."""
    right = logits.gather(-1, gold[:, None])[:, 0]
    return logits.scatter(-1, gold[:, None], -torch.inf).amax(-1) - right


class Climb:
    """Ascents on one batch, and the most harmful logits that they found.

    Attributes:
        gold: (batch,) right labels, on the victim's device.
        clean: (batch, labels) logits at δ = 0.
    """

    def __init__(self, batch: Batch, norm: str, radius: float) -> None:
        """Scores the batch as it is.

        Args:
            batch: the batch to attack.
            norm: norm of the ball, see `alumbench.adversary.Ball`.
            radius: radius of the ball, in units of the RMS length of a sentence's token embeddings.
        """
        victim = self._victim = batch.victim
        self.gold = torch.tensor(batch.labels, device=victim.device)
        special = torch.tensor(special_token_ids(victim.tokenizer), device=victim.device)
        self._numbers = [_number(name) for name in batch.ids]
        encoded = victim.encode(batch.texts)
        self._space = Perturbation(victim.model, encoded, special, seed=0, step=0, examples=self._numbers)
        self._ball, self._radius = Ball(norm, self._space.perturbable), radius * self._space.rms
        with torch.no_grad():
            self.clean = self._logits(self._space.zero())
        self._worst, self._margin = self.clean, margin(self.clean, self.gold)
        self._moved = torch.zeros_like(self._margin)
        self._zero, self._taken = torch.zeros_like(self._margin), 0

    def margin(self, logits: Tensor) -> Tensor:
        """The best wrong logit minus the right one, (batch,): above 0, the answer is wrong."""
        return margin(logits, self.gold)

    def zero(self) -> Tensor:
        """δ = 0, (batch, tokens, hidden)."""
        return torch.zeros_like(self._space.zero())

    def random(self, draw: int) -> Tensor:
        """A random δ on the ball's surface, (batch, tokens, hidden); different for each draw, from 1 on."""
        noise = example_noise(self._space.perturbable, self._space.embeddings.shape[-1], draw, 0, self._numbers)
        return self._ball.steepest(noise, self._radius)

    def ascend(self, objective: Loss, delta: Tensor, steps: int, step: float, from_zero: bool = False) -> Tensor:
        """Steps along a loss's gradient, each projected back into the ball.

        Args:
            objective: the loss.
            delta: starting point, (batch, tokens, hidden).
            steps: number of steps.
            step: length of a step, as a share of the radius.
            from_zero: whether it starts at δ = 0, so that the length of δ is the distance moved.

        Returns:
            The final δ.
        """
        for _ in range(steps):
            gradient = self._gradient(objective, delta)
            self._taken += 1
            self._zero += (gradient.abs().amax((1, 2)) == 0).float()
            delta = self._ball.project(delta + self._ball.steepest(gradient, self._radius * step), self._radius)
        with torch.no_grad():
            self._meet(self._logits(delta))
        if from_zero:
            length = torch.linalg.vector_norm(delta, dim=(1, 2)) / self._radius.flatten()
            self._moved = torch.maximum(self._moved, torch.nan_to_num(length))  # a radius of 0: no token is free
        return delta

    def harm(self) -> Harm:
        """The result of all ascents."""
        rose = self._margin > margin(self.clean, self.gold)
        ascents = (self._moved, rose, self._zero / max(1, self._taken))
        return Harm(self._worst.cpu(), Ascents(*(part.cpu() for part in ascents)))

    def _gradient(self, objective: Loss, delta: Tensor) -> Tensor:
        """The gradient of the loss at δ; 0 if the model has no gradient path to its embeddings."""
        delta = delta.detach().requires_grad_()
        logits = self._logits(delta)
        self._meet(logits.detach())
        if not logits.requires_grad:
            return torch.zeros_like(delta)
        gradient: Tensor
        (gradient,) = torch.autograd.grad(objective(logits).sum(), delta, allow_unused=True, materialize_grads=True)
        return gradient

    def _logits(self, delta: Tensor) -> Tensor:
        return to_float32(self._victim.in_task_order(self._space.forward(delta).answers.logits[0]))

    def _meet(self, logits: Tensor) -> None:
        harm = margin(logits, self.gold)
        worse = harm > self._margin
        self._worst = torch.where(worse[:, None], logits, self._worst)
        self._margin = torch.where(worse, harm, self._margin)


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:7])
