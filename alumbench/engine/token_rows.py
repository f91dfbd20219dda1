"""The inputs of models: rows of token ids, each answered independently."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class TokenizedText(NamedTuple):
    """One text as a model reads it.

    Attributes:
        ids: its tokens, including special tokens.
        types: the text of a pair that each token belongs to; empty for a model that does not use this.
        wanted: positions at which answers are wanted; empty if the answer is for the whole text.
    """

    ids: tuple[int, ...]
    types: tuple[int, ...] = ()
    wanted: tuple[int, ...] = ()


class TextRow(NamedTuple):
    """One text or pair for a classifier that takes texts.

    Attributes:
        texts: one string per column.
    """

    texts: tuple[str, ...]


class BatchedModel(ABC):
    """A model that answers rows.

    Rows of equal models are scored together. A model is sent between processes without its weights: the receiver looks
    it up (`Scorer.models`) or loads the weights on first use.

    Attributes:
        pad_id: padding token; None for a model that cannot take padding and reads one row at a time.
        pad_left: whether padding is on the left.
        longest: maximum tokens of a row, None for no limit.
        texts_a_batch: texts per call of a model whose rows are texts; None for a model of token rows.
        precision: the precision that it always answers in; '' for the scorer's.
        in_bf16: the same model in bf16, for searches that confirm in fp32 what they find; None if it is not attacked.
    """

    pad_id: int | None
    pad_left: bool = False
    longest: int | None
    texts_a_batch: int | None = None
    precision: str = ""
    in_bf16: BatchedModel | None = None

    def filling(self, rows: Sequence[TokenizedText]) -> int:
        """The padding token for a batch of these rows."""
        return self.pad_id or 0

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """The device of its weights."""

    def on(self, device: str) -> BatchedModel:
        """The model that answers in a process that scores on `device`: this one, unless it can be loaded there."""
        return self

    @abstractmethod
    def forward(self, batch: Mapping[str, Tensor], rows: Sequence[TokenizedText]) -> Sequence[Tensor]:
        """Answers of one batch, on the CPU, one per row.

        Args:
            batch: `input_ids`, `attention_mask` and, where rows have them, `token_type_ids`, each (size, tokens). Rows
                come first; the rest is padding.
            rows: at most `size` rows.
        """


def cut_batches(lengths: Sequence[int], rows: int, tokens: int) -> list[slice]:
    """Slices of rows, sorted from short to long, with at most `rows` rows and `tokens` tokens, padding included.

    A row with more tokens is a batch of its own.
    """
    found, begin = [], 0
    for end, length in enumerate(lengths):
        if end > begin and (end - begin == rows or (end - begin + 1) * length > tokens):
            found.append(slice(begin, end))
            begin = end
    return [*found, slice(begin, len(lengths))] if lengths else []


def in_batch(rows: Sequence[TokenizedText], size: int, width: int, model: BatchedModel) -> dict[str, Tensor]:
    """A batch of `size` rows and `width` tokens, padded on the model's side.

    Rows below them repeat the shortest row, so they are similar: some models read a text at its last special token and
    reject a batch in which these differ. If that has no padding, its last token is masked there.
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
