"""How far two outputs of the model are apart; every divergence is a mean over the batch's examples.

Gradients flow into both arguments. A caller that wants a target held still detaches it, and says so.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional


def kl(clean: Tensor, perturbed: Tensor) -> Tensor:
    """KL(p ‖ q) of two sets of logits, (batch, labels) each."""
    log_p, log_q = functional.log_softmax(clean.float(), -1), functional.log_softmax(perturbed.float(), -1)
    return (log_p.exp() * (log_p - log_q)).sum(-1).mean()


def symmetric_kl(clean: Tensor, perturbed: Tensor) -> Tensor:
    """KL(p ‖ q) + KL(q ‖ p), the paper's choice for classification (section 3, with no factor of one half)."""
    log_p, log_q = functional.log_softmax(clean.float(), -1), functional.log_softmax(perturbed.float(), -1)
    return ((log_p.exp() - log_q.exp()) * (log_p - log_q)).sum(-1).mean()


def squared_error(clean: Tensor, perturbed: Tensor) -> Tensor:
    """Mean squared difference, the paper's choice for regression."""
    return (clean.float() - perturbed.float()).square().sum(-1).mean()


DIVERGENCES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "symmetric-kl": symmetric_kl,
    "kl": kl,
    "squared-error": squared_error,
}
