"""Runs a training step as one forward of DistributedDataParallel, with any number of passes inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol, TypeVar

from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


class _HasTotal(Protocol):
    @property
    def total(self) -> Tensor: ...


L = TypeVar("L", bound=_HasTotal)


def whole_step(
    model: DistributedDataParallel,
    batch: Mapping[str, Tensor],
    loss_of: Callable[[nn.Module, Mapping[str, Tensor]], L],
) -> L:
    """The loss of a batch, its gradients summed over processes once, in the outer backward.

    All passes run on the plain module: the wrapper sees a single forward.

    Args:
        model: the wrapper.
        batch: the model's inputs.
        loss_of: called with the plain module and the batch; returns a dataclass with a `total`.
    """
    plain: nn.Module = model.module
    own = {name: plain.__dict__.get(name) for name in ("forward", "_compiled_call_impl")}

    def step(batch: Mapping[str, Tensor]) -> tuple[Tensor, L]:
        _put(plain, own)
        loss = loss_of(plain, batch)
        return loss.total, loss

    _put(plain, {"forward": step, "_compiled_call_impl": None})
    try:
        loss: L
        total, loss = model(batch)
        return replace(loss, total=total)  # type: ignore[type-var]  # the total that DDP has seen
    finally:
        _put(plain, own)


def _put(module: nn.Module, attributes: Mapping[str, object]) -> None:
    """Sets attributes of the instance; None removes one, so that the class's applies."""
    for name, value in attributes.items():
        if value is None:
            module.__dict__.pop(name, None)
        else:
            module.__dict__[name] = value
