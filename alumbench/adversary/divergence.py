"""How far two outputs of the model are apart, row by row.

Gradients flow into both arguments. A caller that wants a target held still detaches it, and says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional


def full(tensor: Tensor) -> Tensor:
    """The tensor in float32 where it is in half precision, else as it is."""
    return tensor.float() if tensor.dtype in {torch.bfloat16, torch.float16} else tensor


def kl(clean: Tensor, perturbed: Tensor) -> Tensor:
    """KL(p ‖ q) of two sets of logits, (..., classes) each; (...)."""
    log_p, log_q = functional.log_softmax(full(clean), -1), functional.log_softmax(full(perturbed), -1)
    return (log_p.exp() * (log_p - log_q)).sum(-1)


def symmetric_kl(clean: Tensor, perturbed: Tensor) -> Tensor:
    """KL(p ‖ q) + KL(q ‖ p), the paper's choice for classification (section 3, with no factor of one half)."""
    log_p, log_q = functional.log_softmax(full(clean), -1), functional.log_softmax(full(perturbed), -1)
    return ((log_p.exp() - log_q.exp()) * (log_p - log_q)).sum(-1)


def jensen_shannon(clean: Tensor, perturbed: Tensor) -> Tensor:
    """½ KL(p ‖ m) + ½ KL(q ‖ m) with m = ½ (p + q): symmetric, and never more than log 2."""
    log_p, log_q = functional.log_softmax(full(clean), -1), functional.log_softmax(full(perturbed), -1)
    change = log_q - log_p
    return -0.5 * (log_p.exp() * _log_mean(change) + log_q.exp() * _log_mean(-change)).sum(-1)


def _log_mean(change: Tensor) -> Tensor:
    """The logarithm of ½ (1 + exp change), exactly 0 where nothing changes and accurate near it, as log m is not."""
    near = torch.log1p(torch.expm1(change.clamp(-1, 1)) / 2)
    return torch.where(change.abs() < 1, near, functional.softplus(change) - math.log(2))


def squared_error(clean: Tensor, perturbed: Tensor) -> Tensor:
    """Squared difference, the paper's choice for regression."""
    return (full(clean) - full(perturbed)).square().sum(-1)


Divergence = Callable[[Tensor, Tensor], Tensor]

DIVERGENCES: dict[str, Divergence] = {
    "symmetric-kl": symmetric_kl,
    "kl": kl,
    "js": jensen_shannon,
    "squared-error": squared_error,
}
