"""TAVAT: FreeLB with a second perturbation, kept from batch to batch for each word of the vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from alumbench.adversary import Ball, WordEmbeddings
from alumbench.methods.freelb import FreeLb
from alumbench.methods.method import Loss, StepContext, attached

TABLE = "alumbench_table"


class Table(nn.Module):
    """A perturbation for each word: a buffer, so that it is checkpointed with the model but not optimized."""

    rows: Tensor

    def __init__(self, rows: Tensor) -> None:
        """Takes the initial rows, (vocabulary, hidden)."""
        super().__init__()
        self.register_buffer("rows", rows)


@dataclass(frozen=True)
class Tavat(FreeLb):
    """Mean over t < K of l(f(x + δ_t + τ_t), y): δ of the instance as in FreeLB, τ of the tokens, begun from a table.

    τ₀ are the table's rows of the sentence's words, scaled to the maximum length of δ₀. A step moves δ by η ĝ, and
    each token of τ by η along its own gradient, then weights each token by its length over the longest in the sentence,
    then shrinks both so that ‖δ + τ‖ ≤ ε. At the end τ is added to the table's rows. 3 K forward units a step.

    Paper and released code: K 2 or 3, and lengths by task, absolute (η / start / ε: SST-2 .05/.2/.5, MRPC .05/.1/.2,
    CoLA .02/.1/.2, MNLI .1/.3/.4); here relative, with SST-2's ratios to ε. Differences from the code: the code
    scales τ₀ by its length over the whole batch, so that a sentence depends on its neighbours; it sums the losses of
    the K passes, where FreeLB and this method take the mean; and it has rows for padding and special tokens.

    Several processes sum the changes from their batches, so that all have the table that one process would have.

    The parameters are those of `freelb`, some with other defaults; `norm` must be `l2-sentence`: both parts share ε.
    """

    name: ClassVar[str] = "tavat"
    source: ClassVar[str] = "Li and Qiu 2021, https://arxiv.org/abs/2004.14543; github.com/LinyangLee/Token-Aware-VAT"

    step_size: float = 0.1
    init_scale: float = 0.4

    def __post_init__(self) -> None:
        """Checks the values."""
        super().__post_init__()
        if self.norm != "l2-sentence":
            raise ValueError(f"norm = {self.norm}: its two perturbations share a sentence's ε, so l2-sentence only")

    def prepare(self, model: nn.Module) -> None:
        """Attaches the table, with uniform values like FreeLB's first δ."""
        words = next(WordEmbeddings(model).module.parameters()).detach()
        unit = float(words.norm(dim=-1).square().mean().sqrt()) if self.relative else 1
        length = self.init_scale * self.epsilon * unit
        with torch.random.fork_rng(devices=[]):  # the run's seed without shifting its dropout
            rows = 2 * torch.rand(words.shape) - 1
        setattr(model, TABLE, Table((rows * (length / words.shape[-1] ** 0.5)).to(words.device)))

    def finish(self, model: nn.Module) -> None:
        """Removes the table."""
        if hasattr(model, TABLE):
            delattr(model, TABLE)

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor], step: StepContext) -> Loss:
        """The mean loss along the ascent."""
        rows: Tensor = attached(model, TABLE).rows
        space = self.space(model, batch, step)
        radius = self.epsilon * self.unit(space)
        sentence, token = Ball("l2-sentence", space.perturbable), Ball("l2-token", space.perturbable)
        delta, tau = self.first(space), sentence.steepest(rows[batch["input_ids"]], self.init_scale * radius)
        losses, largest = [], []
        for t in range(self.num_steps):
            learned = space.forward_backward(delta + tau)
            losses.append(learned.loss)
            if t + 1 == self.num_steps or learned.gradient is None:
                break
            largest.append(learned.gradient.abs().amax((1, 2)))
            delta = delta + sentence.steepest(learned.gradient, self.step_size * radius)
            tau = tau + token.steepest(learned.gradient, self.step_size * radius)
            lengths = tau.norm(dim=-1, keepdim=True)
            tau = tau * lengths / lengths.amax(1, keepdim=True).clamp(min=1e-12)
            if self.bounded:
                whole = (delta + tau).norm(dim=(1, 2), keepdim=True)
                shrink = (radius / whole.clamp(min=1e-12)).clamp(max=1.0)
                delta, tau = delta * shrink, tau * shrink
        _add(rows, batch["input_ids"][space.perturbable], tau[space.perturbable].to(rows.dtype))
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
