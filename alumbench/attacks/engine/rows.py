"""What models are asked: rows of token ids, each answered on its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Row(NamedTuple):
    """One text as a model reads it.

    Attributes:
        ids: its tokens, marks of the model's own included.
        types: which text of a pair each belongs to; empty for a model that does not ask.
        wanted: positions that an answer is wanted at; empty where the answer is the text's.
    """

    ids: tuple[int, ...]
    types: tuple[int, ...] = ()
    wanted: tuple[int, ...] = ()


class RowModel(ABC):
    """A model that answers rows.

    Rows of equal models are scored together. One travels between processes without its weights: where it arrives it is
    looked up (`Scorer.models`) or loads them when first asked.

    Attributes:
        pad_id: fills rows up.
        longest: tokens a row may have at most, None for no limit.
    """

    pad_id: int
    longest: int | None

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where its weights are."""

    @abstractmethod
    def forward(self, batch: Mapping[str, Tensor], rows: Sequence[Row]) -> Sequence[Tensor]:
        """Answers of one batch, on the CPU, one a row.

        Args:
            batch: `input_ids`, `attention_mask` and, where rows have them, `token_type_ids`, each (size, tokens). Rows
                are on top; what is below them is filling.
            rows: at most `size`.
        """


def in_batch(rows: Sequence[Row], size: int, width: int, pad_id: int, device: torch.device) -> dict[str, Tensor]:
    """A batch of `size` rows and `width` tokens; rows that are not there are one token and padding."""
    ids = np.full((size, width), pad_id, dtype=np.int64)
    mask, types = np.zeros_like(ids), np.zeros_like(ids)
    mask[:, 0] = 1
    for at, row in enumerate(rows):
        length = len(row.ids)
        ids[at, :length] = row.ids
        mask[at, :length] = 1
        if row.types:
            types[at, :length] = row.types
    batch = {"input_ids": ids, "attention_mask": mask}
    if any(row.types for row in rows):
        batch["token_type_ids"] = types
    return {name: torch.from_numpy(value).to(device, non_blocking=True) for name, value in batch.items()}
