"""Precisions in which models answer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from alumbench.bfloat16 import bf16_products

#: Attacked models answer searches in bf16; what decides about the result is in fp32, and so is every other model.
CONFIRMED = "bf16-confirmed"
PRECISIONS = ("fp32", "tf32", "bf16", CONFIRMED)


@contextlib.contextmanager
def computing_in(precision: str, device: torch.device) -> Iterator[None]:
    """Matrix products in `fp32`, `tf32` or `bf16`."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    bf16 = precision == "bf16"
    try:
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16), bf16_products(device, enabled=bf16):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
