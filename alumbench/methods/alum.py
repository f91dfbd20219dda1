"""ALUM: virtual adversarial training in the word-embedding space, as the paper's Algorithm 1 has it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from alumbench.adversary import (
    DIVERGENCES,
    NORMS,
    Ascent,
    Ball,
    DropoutReplay,
    added,
    embedding_module,
    example_noise,
    example_uniform,
    free_tokens,
    token_rms,
)
from alumbench.methods.method import Loss, Method, Step


@dataclass(frozen=True)
class Alum(Method):
    """min E[ l(f(x), y) + α max_{‖δ‖≤ε} l(f(x), f(x+δ)) ], equation 4 of the paper.

    Where this differs from the paper: ε is relative to the embeddings' own length, because an absolute radius means
    another thing for every model (the paper's 1e-5 means nothing at all: dropout moves the output thousands of times
    more), and special tokens are left alone. The released code (namisan/mt-dnn at 3228e7c) has no projection, perturbs
    padding, and adds its gradient to a much longer noise; nothing of it is followed here.

    Attributes:
        alpha: α, the weight of the regularizer; 0 is `standard`, bit for bit. The paper: 1 for fine-tuning.
        epsilon: ε in units of the sentence's token RMS norm.
        norm: the ball: `l2-sentence`, `l2-token` or `linf`.
        direction: `fisher` (7 forward units a step) or `vat` (8); `noise` is the control.
        steps: K of the paper (1).
        step: η in units of ε; 1 reaches the ball's surface in one step.
        start: σ of `vat`'s first noise, relative like ε.
        special_tokens: whether [CLS] and [SEP] are perturbed too.
        replay_dropout: whether the perturbed passes drop the same units as the clean one.
    """

    name: ClassVar[str] = "alum"
    source: ClassVar[str] = "Liu et al. 2020, https://arxiv.org/abs/2004.08994, Algorithm 1"

    alpha: float = 1.0
    epsilon: float = 0.05
    norm: str = "l2-sentence"
    direction: str = "fisher"
    steps: int = 1
    step: float = 1.0
    start: float = 1e-2
    special_tokens: bool = False
    replay_dropout: bool = True

    def __post_init__(self) -> None:
        """Checks the values."""
        if self.alpha < 0:
            raise ValueError(f"alpha = {self.alpha}: must be 0 or more")
        if self.epsilon <= 0:
            raise ValueError(f"epsilon = {self.epsilon}: must be above 0 (alpha=0 switches the adversary off)")
        if self.norm not in NORMS:
            raise ValueError(f"unknown norm '{self.norm}'; known: {', '.join(NORMS)}")
        Ascent(self.direction, self.steps, self.step, self.start)

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor], step: Step) -> Loss:
        """Task loss + α · l(f(x), f(x+δ))."""
        if self.alpha == 0:
            return Loss(model(**batch).loss)
        inputs = {name: value for name, value in batch.items() if name != "labels"}
        module = embedding_module(model)
        free = free_tokens(
            batch["input_ids"], batch["attention_mask"], None if self.special_tokens else step.special_ids
        )
        with torch.no_grad():
            embeddings = module(batch["input_ids"])
            unit = token_rms(embeddings, free)
        radius = self.epsilon * unit
        ascent = Ascent(self.direction, self.steps, self.step, self.start)
        dropout = DropoutReplay(free.device)

        def perturbed(delta: Tensor) -> Tensor:
            with dropout.again() if self.replay_dropout else contextlib.nullcontext(), added(module, delta):
                return model(**inputs).logits  # type: ignore[no-any-return]

        # f(x), with a way back to the embeddings where the direction is read off the clean graph
        zero = torch.zeros_like(embeddings, requires_grad=True) if ascent.needs_clean_gradient else None
        with added(module, zero) if zero is not None else contextlib.nullcontext():
            clean: Any = model(**batch)

        # δ ← argmax_{‖δ‖≤ε} l(f(x), f(x+δ)), K steps
        divergence = DIVERGENCES["squared-error" if clean.logits.shape[-1] == 1 else "symmetric-kl"]
        target = clean.logits.detach()
        delta = ascent.find(
            Ball(self.norm, free),
            radius,
            unit,
            lambda: example_noise(free, embeddings.shape[-1], step.seed, step.number, step.examples),
            clean.logits,
            zero,
            lambda: example_uniform(step.seed, step.number, step.examples),
            lambda at: divergence(target, perturbed(at)),
        )

        # both sides learn: the gradient flows through f(x) and f(x+δ)
        regularizer = divergence(clean.logits, perturbed(delta))
        total = clean.loss + self.alpha * regularizer
        return Loss(total, {"task": clean.loss.detach(), "regularizer": regularizer.detach()})


METHOD = Alum
