"""bf16 at the speed of float32 on processors without bf16 arithmetic."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

#: The matrix products in a transformer (`linear` and `matmul` appear under `inference_mode`, and are decomposed
#: elsewhere); the fused attention kernel is already fast.
PRODUCTS = frozenset(
    getattr(torch.ops.aten, name).default for name in ("mm", "addmm", "bmm", "baddbmm", "linear", "matmul")
)


@contextlib.contextmanager
def bf16_products(device: torch.device, enabled: bool = True) -> Iterator[None]:
    """Makes bf16 matrix products as fast as float32 ones on processors without bf16 arithmetic.

    There, torch multiplies number by number, and a training step takes 13 to 19 times as long as in float32. Here the
    factors are converted to float32, multiplied, and the result rounded, as processors with bf16 arithmetic do: bf16
    in, sums in float32, bf16 out. Only the order of the sums differs, as between any two processors. On processors with
    bf16 and on GPUs nothing changes. Not for models under `torch.compile`, which does not support such a mode.

    Args:
        device: the device of the products.
        enabled: False to change nothing, as for `torch.autocast`.
    """
    if not enabled or device.type != "cpu" or has_bf16_arithmetic(device):
        yield
        return
    with _Widened():  # type: ignore[no-untyped-call]
        yield


def has_bf16_arithmetic(device: torch.device) -> bool:
    """True if the device multiplies in bf16; elsewhere bf16 has the same rounding, and is no faster than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    built = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return bool(built and torch.ops.mkldnn._is_mkldnn_bf16_supported())


class _Widened(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __torch_dispatch__(
        self, op: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, object] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if op not in PRODUCTS or not any(map(_is_bf16, args)):
            return op(*args, **kwargs)
        return op(*map(_wide, args), **kwargs).bfloat16()


def _is_bf16(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dtype == torch.bfloat16


def _wide(value: Any) -> Any:
    return value.float() if _is_bf16(value) else value
