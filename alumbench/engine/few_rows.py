"""Products of few rows computed as of sixteen, so that their bits do not depend on how many there are."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch.nn.functional import linear, pad
from torch.overrides import TorchFunctionMode

#: Rows from which on a product's kernels no longer change with the number of rows.
ROWS = 16


@contextlib.contextmanager
def few_rows_as_many(enabled: bool = True) -> Iterator[None]:
    """Fills linear layers' inputs of fewer than 16 vectors up with zeros.

    A classifier's head multiplies one pooled vector per text. For so few rows the libraries of CPUs have kernels of
    their own, whose sums have another order: the answer to a text would depend on the number of texts. Inputs with
    tokens, (rows, tokens, hidden), are left as they are.

    Args:
        enabled: False to change nothing.
    """
    with _Filled() if enabled else contextlib.nullcontext():
        yield


class _Filled(TorchFunctionMode):
    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is linear and args and args[0].dim() == 2 and 0 < len(args[0]) < ROWS:
            few: torch.Tensor = args[0]
            return func(pad(few, (0, 0, 0, ROWS - len(few))), *args[1:], **kwargs or {})[: len(few)]
        return func(*args, **kwargs or {})
