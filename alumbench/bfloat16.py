"""bf16 on processors without arithmetic for it, at the speed of float32."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

#: The products that a transformer's passes come to (`linear` and `matmul` are whole under `inference_mode`, and taken
#: apart elsewhere); the kernel of fused attention is quick as it is.
PRODUCTS = frozenset(
    getattr(torch.ops.aten, name).default for name in ("mm", "addmm", "bmm", "baddbmm", "linear", "matmul")
)


@contextlib.contextmanager
def bf16_products(device: torch.device, enabled: bool = True) -> Iterator[None]:
    """Within it, bf16 products of matrices are as quick as those of float32, also on processors that lack it.

    There, torch multiplies number by number, and a training step takes 13 to 19 times as long as in float32. Here the
    factors are widened, multiplied in float32, and the result rounded, which is what processors with the arithmetic do:
    bf16 in, sums in float32, bf16 out. Only the order of the sums differs, as between any two processors. On those, and
    on a GPU, nothing changes. Not for models under `torch.compile`, which takes no such mode.

    Args:
        device: where the products are.
        enabled: False for nothing at all, as for `torch.autocast`.
    """
    built = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    native = built and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    if not enabled or device.type != "cpu" or native:
        yield
        return
    with _Widened():  # type: ignore[no-untyped-call]
        yield


class _Widened(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __torch_dispatch__(
        self, op: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if op not in PRODUCTS or not any(map(_is_bf16, args)):
            return op(*args, **kwargs)
        return op(*map(_wide, args), **kwargs).bfloat16()


def _is_bf16(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dtype == torch.bfloat16


def _wide(value: Any) -> Any:
    return value.float() if _is_bf16(value) else value
