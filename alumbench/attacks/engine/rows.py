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
        pad_id: fills rows up; None for a model that cannot have them filled up, and reads one at a time.
        pad_left: whether they are filled up in front.
        longest: tokens a row may have at most, None for no limit.
    """

    pad_id: int | None
    pad_left: bool = False
    longest: int | None

    def filling(self, rows: Sequence[Row]) -> int:
        """The token that fills up a batch of these rows."""
        return self.pad_id or 0

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where its weights are."""

    def on(self, device: str) -> RowModel:
        """What answers for it in a process that scores there: itself, unless it can be had there too."""
        return self

    @abstractmethod
    def forward(self, batch: Mapping[str, Tensor], rows: Sequence[Row]) -> Sequence[Tensor]:
        """Answers of one batch, on the CPU, one a row.

        Args:
            batch: `input_ids`, `attention_mask` and, where rows have them, `token_type_ids`, each (size, tokens). Rows
                are on top; what is below them is filling.
            rows: at most `size`.
        """


def cut_batches(lengths: Sequence[int], rows: int, tokens: int) -> list[slice]:
    """Where to part rows, given from short to long, so that no batch has more rows, or more tokens with its filling.

    A row with more tokens than that is a batch of its own.
    """
    found, begin = [], 0
    for end, length in enumerate(lengths):
        if end > begin and (end - begin == rows or (end - begin + 1) * length > tokens):
            found.append(slice(begin, end))
            begin = end
    return [*found, slice(begin, len(lengths))] if lengths else []


def in_batch(rows: Sequence[Row], size: int, width: int, model: RowModel) -> dict[str, Tensor]:
    """A batch of `size` rows and `width` tokens, padded on the model's side.

    What is below the rows repeats the shortest, so that it is like them: some models read a text at its last mark, and
    refuse a batch in which the marks differ. Where that one has no padded token, its last counts as one.
    """
    shortest = min(rows, key=lambda row: len(row.ids))
    ids = np.full((size, width), model.filling(rows), dtype=np.int64)
    mask, types = np.zeros_like(ids), np.zeros_like(ids)
    for at in range(size):
        row = rows[at] if at < len(rows) else shortest
        length = len(row.ids)
        place = slice(width - length, width) if model.pad_left else slice(0, length)
        ids[at, place], mask[at, place] = row.ids, 1
        if at >= len(rows) and length == width:
            mask[at, -1] = 0
        if row.types:
            types[at, place] = row.types
    batch = {"input_ids": ids, "attention_mask": mask}
    if any(row.types for row in rows):
        batch["token_type_ids"] = types
    return {name: torch.from_numpy(value).to(model.device, non_blocking=True) for name, value in batch.items()}
