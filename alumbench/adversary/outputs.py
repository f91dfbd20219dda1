"""A model's outputs for a batch, in one form for all kinds of output, so that two passes can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from alumbench.adversary.divergence import DIVERGENCES, Divergence, squared_error

STOP_GRADIENTS = ("none", "clean", "targets")


@dataclass(frozen=True)
class Outputs:
    """The distributions (or numbers) in a batch's outputs.

    Attributes:
        logits: one tensor a distribution: (batch, classes) of a classifier, (batch, 1) of a regression,
            (batch, rows, classes) of a token classifier or of masked positions; two of (batch, tokens), start and end,
            for spans.
        counts: (batch, rows) booleans, True for rows of a token output that count; None for all.
    """

    logits: tuple[Tensor, ...]
    counts: Tensor | None = None

    @property
    def is_regression(self) -> bool:
        """True if the outputs are plain numbers."""
        return self.logits[0].shape[-1] == 1

    def detach(self) -> Outputs:
        """The same without a graph."""
        return Outputs(tuple(part.detach() for part in self.logits), self.counts)

    def rows(self) -> int | Tensor:
        """Number of rows that count: the denominator of a mean."""
        if self.counts is not None:
            return self.counts.sum().clamp(min=1)
        return self.logits[0][..., 0].numel()

    def mean(self, rows: list[Tensor]) -> Tensor:
        """The mean of per-row figures over the rows that count, summed over the distributions of a row."""
        total = torch.stack(rows).sum(0)
        return (total * self.counts if self.counts is not None else total).sum() / self.rows()


def read_answers(outputs: Any, batch: Mapping[str, Tensor]) -> Outputs:
    """The answers in a `transformers` output.

    Args:
        outputs: has `logits`, or `start_logits` and `end_logits`.
        batch: the inputs; they show which tokens are padding and which rows of a token output have labels.
    """
    if "start_logits" in outputs:
        padding = ~batch["attention_mask"].bool()
        spans = (outputs["start_logits"], outputs["end_logits"])
        return Outputs(tuple(part.masked_fill(padding, torch.finfo(part.dtype).min) for part in spans))
    logits = outputs["logits"]
    if logits.dim() == 3:
        counts = batch["labels"] != -100 if "labels" in batch else batch["attention_mask"].bool()
        return Outputs((logits,), counts)
    return Outputs((logits,))


def read_hidden(outputs: Any, batch: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """The encoder's hidden states of a pass made with `output_hidden_states=True`, (batch, tokens, hidden) each.

    Returns:
        The embedding layer's output first, the contextual representation last.

    Raises:
        ValueError: The model returns none, or not one for each token.
    """
    states = next((outputs[name] for name in ("encoder_hidden_states", "hidden_states") if name in outputs), None)
    if not states:
        raise ValueError("this model returns no hidden states, which the method needs")
    for state in (states[0], states[-1]):
        if state.shape[:2] != batch["input_ids"].shape:
            raise ValueError(
                f"hidden states {tuple(state.shape)} do not match tokens {tuple(batch['input_ids'].shape)}: "
                f"this model merges or rearranges its tokens"
            )
    return tuple(states)


def divergence(clean: Outputs, perturbed: Outputs, name: str = "symmetric-kl", stop_gradient: str = "none") -> Tensor:
    """The mean divergence of two passes; regressions always use the squared error.

    Args:
        clean: f(x).
        perturbed: f(x + δ).
        name: one of `DIVERGENCES`.
        stop_gradient: the detached side. `none`: neither, both sides learn, as in the paper's objective; `clean`: f(x),
            so that only the perturbed side learns; `targets`: the first distribution in each of the symmetric KL's two
            terms, as in the released code, which halves the gradient near δ = 0.
    """
    measure: Divergence = squared_error if clean.is_regression else DIVERGENCES[name]
    if stop_gradient == "clean":
        clean = clean.detach()
    pairs = list(zip(clean.logits, perturbed.logits, strict=True))
    if stop_gradient == "targets" and not clean.is_regression:
        if name != "symmetric-kl":
            raise ValueError(f"stop_gradient 'targets' applies only to the two terms of symmetric-kl, not to {name}")
        kl = DIVERGENCES["kl"]
        return clean.mean([kl(p.detach(), q) + kl(q.detach(), p) for p, q in pairs])
    return clean.mean([measure(p, q) for p, q in pairs])
