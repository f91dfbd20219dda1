"""SiFT: virtual adversarial training on normalized embeddings, so that growing embeddings cannot outweigh the noise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from alumbench.adversary import STOP_GRADIENTS, divergence, to_float32
from alumbench.errors import AlumbenchError
from alumbench.methods.method import Loss, Method, StepContext, check_range

#: Names of the LayerNorm at the end of a family's embedding layer.
PLACES = ("embeddings.LayerNorm", "embeddings.norm")


class NormalizedEmbeddings:
    """The input of the embeddings' LayerNorm, normalized to mean 0 and variance 1 a token before δ is added.

    A LayerNorm without weights before another one changes nothing but its stabilizer, so the trained model needs none.
    """

    def __init__(self, model: nn.Module) -> None:
        """Finds the LayerNorm.

        Raises:
            AlumbenchError: The model has none, or several.
        """
        found = [m for name, m in model.named_modules() if name.endswith(PLACES) and isinstance(m, nn.LayerNorm)]
        if len(found) != 1:
            raise AlumbenchError(
                f"method sift: {type(model).__name__} has {len(found) or 'no'} LayerNorm at the end of its word "
                f"embeddings, which this method needs (BERT, RoBERTa, DeBERTa and similar models have one); "
                f"use --method alum"
            )
        self._norm = found[0]

    def __call__(self, input_ids: Tensor) -> Tensor:
        """A tensor of the embeddings' shape, (batch, tokens, hidden): all ones, the length of normalized embeddings."""
        weight = self._norm.weight
        return torch.ones(*input_ids.shape, len(weight), device=weight.device)

    @contextmanager
    def added(self, delta: Tensor) -> Iterator[None]:
        """Normalizes, and adds `delta`, (batch, tokens, hidden), during one forward pass."""

        def perturb(_module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
            plain = inputs[0]
            if plain.shape != delta.shape:
                raise ValueError(f"the embeddings are {tuple(plain.shape)}, δ is {tuple(delta.shape)}")
            normal = layer_norm(to_float32(plain), plain.shape[-1:], eps=1e-7)
            return ((normal + delta).to(plain.dtype), *inputs[1:])

        handle = self._norm.register_forward_pre_hook(perturb)
        try:
            yield
        finally:
            handle.remove()


@dataclass(frozen=True)
class Sift(Method):
    """l(f(x), y) + α l(f(x), f(x̂+δ)), l the symmetric KL, x̂ the embeddings normalized before their own LayerNorm.

    δ₀ is normal noise of deviation `noise`, cut at twice that; K times δ ← δ + η g / max|g| a token, without a
    projection. 4 + 2 K + 2 forward units a step, 8 with K = 1. Components of x̂ have size 1, so all lengths are relative
    by construction. At the code's constants the step (1e-4) is a hundredth of the noise (1e-2): nearly random δ.

    The released code (DeBERTa/sift/sift.py) perturbs padding and special tokens, cuts the gradient from f(x̂+δ) to the
    embeddings, and uses cross entropies with detached targets instead of the paper's KL: the same gradient as
    `stop_gradient=targets`. By default no side is detached here, as in the printed objective.

    Attributes:
        alpha: λ, the regularizer's weight (code's runs: 5); 0 is `standard`, bit for bit.
        noise: deviation of the first δ's components (code: 1e-2).
        step_size: η, largest component of a token's step (code: 1e-4).
        num_steps: K (code: 1); 0 is noise only.
        stop_gradient: the side that the regularizer detaches: `none`, `clean`, or `targets` (the code's).
        perturb_special_tokens: perturb [CLS] and [SEP] too.
        replay_dropout: drop the same units in the perturbed passes as in the clean one.
    """

    name: ClassVar[str] = "sift"
    source: ClassVar[str] = (
        "He et al. 2021, https://arxiv.org/abs/2006.03654, section 5; github.com/microsoft/DeBERTa, DeBERTa/sift"
    )

    alpha: float = 5.0
    noise: float = 1e-2
    step_size: float = 1e-4
    num_steps: int = 1
    stop_gradient: str = "none"
    perturb_special_tokens: bool = False
    replay_dropout: bool = True

    def __post_init__(self) -> None:
        """Checks the values."""
        check_range(alpha=self.alpha, step_size=self.step_size, num_steps=self.num_steps)
        if not self.noise > 0:
            raise ValueError(f"noise = {self.noise}: must be above 0")
        if self.stop_gradient not in STOP_GRADIENTS:
            raise ValueError(f"unknown stop_gradient '{self.stop_gradient}'; known: {', '.join(STOP_GRADIENTS)}")

    def prepare(self, model: nn.Module) -> None:
        """Rejects a model without such a LayerNorm before training starts."""
        NormalizedEmbeddings(model)

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor], step: StepContext) -> Loss:
        """Task loss + α · divergence at normalized, perturbed embeddings."""
        if self.alpha == 0:
            return Loss(model(**batch).loss)
        place = NormalizedEmbeddings(model)
        space = step.perturbation(model, batch, self.perturb_special_tokens, self.replay_dropout, place)
        delta = space.noise().clamp(-2, 2) * self.noise
        clean = space.forward(torch.zeros_like(delta), labels=True)  # normalized but not perturbed
        target = clean.answers.detach()
        finite = torch.ones((), dtype=torch.bool, device=delta.device)
        for _ in range(self.num_steps):
            delta = delta.detach().requires_grad_()
            distance = divergence(target, space.forward(delta).answers) * target.rows()
            (gradient,) = torch.autograd.grad(distance, delta)
            finite = finite & torch.isfinite(gradient).all()
            largest = gradient.abs().amax(-1, keepdim=True).clamp(min=1e-30)
            delta = delta + self.step_size * gradient / largest * space.perturbable[..., None]
        regularizer = divergence(clean.answers, space.forward(delta.detach()).answers, stop_gradient=self.stop_gradient)
        parts = {"task": clean.loss.detach(), "regularizer": regularizer.detach()}
        return Loss(clean.loss + self.alpha * regularizer, parts, finite)


METHOD = Sift
