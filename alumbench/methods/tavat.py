"""TAVAT: FreeLB with a second perturbation that each word of the vocabulary carries from batch to batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from alumbench.adversary import Ball, WordEmbeddings
from alumbench.methods.freelb import FreeLb
from alumbench.methods.method import Loss, Step, attached

TABLE = "alumbench_table"


class Table(nn.Module):
    """A perturbation a word: a buffer, so that it is checkpointed with the model and no optimizer touches it."""

    rows: Tensor

    def __init__(self, rows: Tensor) -> None:
        """Takes the first rows, (vocabulary, hidden)."""
        super().__init__()
        self.register_buffer("rows", rows)


@dataclass(frozen=True)
class Tavat(FreeLb):
    """Mean over t < K of l(f(x + δ_t + τ_t), y): δ of the instance as in FreeLB, τ of the tokens, begun from a table.

    τ₀ are the table's rows of the sentence's words, scaled to the length that δ₀ can have. A step moves δ by η ĝ, and
    each token of τ by η along its own gradient, then weights each token by its length over the longest of the sentence,
    then shrinks both until ‖δ + τ‖ ≤ ε. At the end τ is added to the table's rows. 3 K forward units a step.

    Paper and released code: K 2 or 3, and lengths by task, absolute (η / start / ε: SST-2 .05/.2/.5, MRPC .05/.1/.2,
    CoLA .02/.1/.2, MNLI .1/.3/.4); here relative, with SST-2's ratios to ε. Where this differs from the code: it scales
    τ₀ by the length of the whole batch's, which ties a sentence to its neighbours, and sums the losses of the K passes
    where FreeLB, and this, take their mean; padding has a row there and special tokens have.

    Several processes add up what their batches bring, so that all have the table that one process would have.

    The parameters are those of `freelb`, the defaults not all; `norm` must be `l2-sentence`, since both parts share ε.
    """

    name: ClassVar[str] = "tavat"
    source: ClassVar[str] = "Li and Qiu 2021, https://arxiv.org/abs/2004.14543; github.com/LinyangLee/Token-Aware-VAT"

    step: float = 0.1
    start: float = 0.4

    def __post_init__(self) -> None:
        """Checks the values."""
        super().__post_init__()
        if self.norm != "l2-sentence":
            raise ValueError(f"norm = {self.norm}: its two perturbations share a sentence's ε, so l2-sentence only")

    def prepare(self, model: nn.Module) -> None:
        """Attaches the table, uniform like FreeLB's first δ."""
        words = next(WordEmbeddings(model).module.parameters()).detach()
        length = self.start * self.epsilon * (float(words.norm(dim=-1).square().mean().sqrt()) if self.relative else 1)
        with torch.random.fork_rng(devices=[]):  # the run's seed without shifting its dropout
            rows = 2 * torch.rand(words.shape) - 1
        setattr(model, TABLE, Table((rows * (length / words.shape[-1] ** 0.5)).to(words.device)))

    def finish(self, model: nn.Module) -> None:
        """Takes the table away."""
        if hasattr(model, TABLE):
            delattr(model, TABLE)

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor], step: Step) -> Loss:
        """The mean loss along the ascent."""
        rows: Tensor = attached(model, TABLE).rows
        space = self.space(model, batch, step)
        radius = self.epsilon * self.unit(space)
        sentence, token = Ball("l2-sentence", space.free), Ball("l2-token", space.free)
        delta, tau = self.first(space), sentence.steepest(rows[batch["input_ids"]], self.start * radius)
        losses, largest = [], []
        for t in range(self.steps):
            learned = space.learn(delta + tau)
            losses.append(learned.loss)
            if t + 1 == self.steps or learned.gradient is None:
                break
            largest.append(learned.gradient.abs().amax((1, 2)))
            delta = delta + sentence.steepest(learned.gradient, self.step * radius)
            tau = tau + token.steepest(learned.gradient, self.step * radius)
            lengths = tau.norm(dim=-1, keepdim=True)
            tau = tau * lengths / lengths.amax(1, keepdim=True).clamp(min=1e-12)
            if self.bounded:
                whole = (delta + tau).norm(dim=(1, 2), keepdim=True)
                shrink = (radius / whole.clamp(min=1e-12)).clamp(max=1.0)
                delta, tau = delta * shrink, tau * shrink
        _add(rows, batch["input_ids"][space.free], tau[space.free].to(rows.dtype))
        total = torch.stack(losses).mean()
        finite = torch.isfinite(torch.stack(largest)).all() if largest else None
        return Loss(total, {"first": losses[0].detach(), "last": losses[-1].detach()}, finite)


def _add(rows: Tensor, words: Tensor, change: Tensor) -> None:
    """Adds `change`, (count, hidden), to the rows of `words`, (count,), in every process."""
    # index_put_, since index_add_ adds in no fixed order on a GPU
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        rows.index_put_((words,), change, accumulate=True)
        return
    everywhere = torch.zeros_like(rows).index_put_((words,), change, accumulate=True)
    torch.distributed.all_reduce(everywhere)
    rows.add_(everywhere)


METHOD = Tavat
