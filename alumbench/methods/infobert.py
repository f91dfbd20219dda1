"""InfoBERT: FreeLB, with less information in word features and more about stable words in sentence features."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from alumbench.adversary import Perturbation, read_hidden, to_float32
from alumbench.methods.freelb import FreeLb
from alumbench.methods.method import Loss, StepContext, attached, check_range

CRITIC = "alumbench_critic"


class Critic(nn.Module):
    """The InfoNCE estimator: a number above 0 that measures the fit of a word's features to a sentence's."""

    def __init__(self, hidden: int, width: int = 300) -> None:
        """Takes the size of the features; `width` is the released code's."""
        super().__init__()
        self.word, self.sentence = nn.Linear(hidden, width), nn.Linear(hidden, width, bias=False)
        self.out = nn.Linear(width, 1)

    def bound(self, words: Tensor, sentences: Tensor) -> Tensor:
        """The lower bound of I(word; sentence) from matching rows, (count, hidden) each, in nats."""
        # (sentence, word): the first layer on the two concatenated is the sum of one on each
        inner = torch.relu(self.word(words)[None] + self.sentence(sentences)[:, None])
        scores = nn.functional.softplus(self.out(inner))[..., 0]
        bound: Tensor = scores.diagonal().mean() - (scores.logsumexp(1).mean() - math.log(len(scores)))
        return bound


@dataclass(frozen=True)
class InfoBert(FreeLb):
    """FreeLB's mean over t < K of [ l(f(x+δ_t), y) + β Î(X; T) − α Î(T_anchored; Z) ].

    T are the words' features, the embedding layer's output; Z is the sentence's, the last hidden state of its first
    token ([CLS]). Î(X; T) is a CLUB upper bound: half the squared distance of a word's features and another word's,
    drawn from the batch at random (information bottleneck). Î(T_anchored; Z) is an InfoNCE lower bound by a small
    network that is trained with the model. It covers the words whose gradient is neither small (unimportant words) nor
    among the largest (words easily attacked): the anchored features.

    4 K forward units a step, 12 with K = 3: forward, backward to δ, and the whole backward of all three terms, whose
    graphs are kept until then. The estimators add less than one unit at usual sizes. The released code runs the
    backward twice (5 K units) and adds the same gradients. Its constants for ANLI: K 3, η .04, start .08, no bound on
    δ, absolute, α = β = 5e-3, and the anchored words between the quantiles .5 and .9; here lengths are FreeLB's
    relative ones, bounded. The code ranks special tokens with the words.

    The parameters are those of `freelb` and these.

    Attributes:
        alpha: α, weight of the anchored features.
        beta: β, weight of the bottleneck. With both 0 this is `freelb`, bit for bit.
        low: quantile of a sentence's gradient norms at which the anchored words start.
        high: quantile at which the anchored words end.
    """

    name: ClassVar[str] = "infobert"
    source: ClassVar[str] = "Wang et al. 2021, https://arxiv.org/abs/2010.02329; github.com/AI-secure/InfoBERT, ANLI"

    num_steps: int = 3
    alpha: float = 5e-3
    beta: float = 5e-3
    low: float = 0.5
    high: float = 0.9

    def __post_init__(self) -> None:
        """Checks the values."""
        super().__post_init__()
        check_range(alpha=self.alpha, beta=self.beta)
        if not 0 <= self.low < self.high <= 1:
            raise ValueError(f"low = {self.low}, high = {self.high}: must be 0 ≤ low < high ≤ 1")

    def prepare(self, model: nn.Module) -> None:
        """Attaches the estimator."""
        if self.alpha > 0:
            with torch.random.fork_rng(devices=[]):  # the run's seed without shifting its dropout
                critic = Critic(model.config.hidden_size)  # type: ignore[union-attr,arg-type]
            setattr(model, CRITIC, critic.to(next(model.parameters()).device))

    def finish(self, model: nn.Module) -> None:
        """Removes the estimator."""
        if hasattr(model, CRITIC):
            delattr(model, CRITIC)

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor], step: StepContext) -> Loss:
        """The mean loss along the ascent, with the two bounds of every pass."""
        if self.alpha == 0 and self.beta == 0:
            return super().loss(model, batch, step)
        space = self.space(model, batch, step)
        ball, radius = self.ball(space), self.epsilon * self.unit(space)
        delta = self.first(space)
        sums = torch.zeros(4, device=delta.device)
        largest = []
        for t in range(self.num_steps):
            delta = delta.detach().requires_grad_()
            done = space.forward(delta, labels=True, output_hidden_states=True)
            states = read_hidden(done.outputs, batch)
            words, sentences = to_float32(states[0]), to_float32(states[-1][:, 0])
            upper = self.bottleneck(space, words)
            gradient = torch.autograd.grad(done.loss + self.beta * upper, delta, retain_graph=True)[0]
            lower = self.anchored(model, space, words, sentences, gradient)
            sums = sums + torch.stack([done.loss + self.beta * upper - self.alpha * lower, done.loss, upper, lower])
            largest.append(gradient.abs().amax())
            if t + 1 < self.num_steps:
                delta = delta.detach() + ball.steepest(gradient, self.step_size * radius)
                delta = ball.project(delta, radius) if self.bounded else delta
        total, *parts = (sums / self.num_steps).unbind()
        named = zip(("task", "bottleneck", "anchored"), parts, strict=True)
        return Loss(total, {name: part.detach() for name, part in named}, torch.isfinite(torch.stack(largest)).all())

    def bottleneck(self, space: Perturbation, words: Tensor) -> Tensor:
        """The CLUB upper bound of I(X; T), with one other word for each word."""
        rows = words[space.perturbable]
        other = space.uniform(words.shape[1])[space.perturbable].argsort()
        return 0.5 * (rows - rows[other]).square().sum() / max(len(rows), 1)

    def anchored(
        self, model: nn.Module, space: Perturbation, words: Tensor, sentences: Tensor, gradient: Tensor
    ) -> Tensor:
        """The InfoNCE lower bound of I(T; Z) over the anchored words, in groups as large as the batch."""
        if self.alpha == 0:
            return words.new_zeros(())
        critic: Critic = attached(model, CRITIC)
        chosen = self.anchors(space, gradient)
        sentence, token = chosen.nonzero(as_tuple=True)
        order = space.uniform(chosen.shape[1])[chosen].argsort()
        if not len(order):  # the estimator still takes part, since with several processes all gradients are awaited
            return 0.0 * torch.stack([p.sum() for p in critic.parameters()]).sum()
        groups = torch.split(order, len(words))
        return torch.stack([critic.bound(words[sentence[i], token[i]], sentences[sentence[i]]) for i in groups]).mean()

    def anchors(self, space: Perturbation, gradient: Tensor) -> Tensor:
        """The anchored words, (batch, tokens) booleans: those between two quantiles of their gradients' norms."""
        norms = to_float32(gradient).norm(dim=-1).masked_fill(~space.perturbable, math.inf)
        rank = norms.argsort(-1).argsort(-1)
        count = space.perturbable.sum(-1, keepdim=True)
        chosen: Tensor = space.perturbable & (rank >= (count * self.low).ceil()) & (rank < (count * self.high).ceil())
        return chosen


METHOD = InfoBert
