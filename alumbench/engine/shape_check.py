"""Checks on this machine, with the model itself, that a shape of few rows gives the bits that the most rows give."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import torch

from alumbench.engine.shapes import Batch, fixed_shapes
from alumbench.engine.token_rows import BatchedModel, TokenizedText

#: Answers of a model to rows in a batch of so many rows and tokens.
Forward = Callable[[BatchedModel, Sequence[TokenizedText], int, int], Sequence[object]]


class ShapeCheck:
    """Decides on the number of rows of batches: as few as fit, once they were seen to move no bit.

    Which kernels a library takes for a shape depends on the processor, so no list of good shapes holds everywhere. The
    first full batch of each width is remembered by its rows and the bits of their answers. Before a smaller shape of
    that width is used, it scores as many of these rows: if one bit differs, and as long as there is nothing to compare
    with, the batch gets the most rows. An answer is therefore always the one that the most rows give.
    """

    def __init__(self) -> None:
        """Knows no shape yet."""
        self._full: dict[tuple[BatchedModel, int, int], dict[TokenizedText, bytes]] = {}
        self._equal: dict[tuple[BatchedModel, int, int, int], bool] = {}

    @property
    def verdicts(self) -> list[bool]:
        """For each shape checked so far, whether it moved no bit."""
        return list(self._equal.values())

    def size(self, model: BatchedModel, batch: Batch, forward: Forward) -> int:
        """Rows of the batch, filling included."""
        most = fixed_shapes(model.device).most_rows(batch.width)
        if model.texts_a_batch is not None or model.pad_id is None or batch.size >= most:
            return batch.size
        key = model, batch.width, torch.get_num_threads()
        if (full := self._full.get(key)) is None:
            return most
        if (*key, batch.size) not in self._equal:
            unpadded = all(len(row.ids) == batch.width for row in full)  # then a row that fills up is the padded one
            rows = list(full)[: batch.size - unpadded]
            try:
                found = forward(model, rows, batch.size, batch.width)
            except Exception:  # such as a lack of memory: asked again another time
                return most
            self._equal[*key, batch.size] = [_bits(one) for one in found] == [full[row] for row in rows]
        return batch.size if self._equal[*key, batch.size] else most

    def remember(self, model: BatchedModel, batch: Batch, answers: Sequence[object]) -> None:
        """Takes note of a batch if it is the first full one of its width and has no errors."""
        key = model, batch.width, torch.get_num_threads()
        if batch.full and key not in self._full and model.pad_id is not None and model.texts_a_batch is None:
            bits = [_bits(answer) for answer in answers]
            if all(bits):
                self._full[key] = dict(zip(batch.rows, bits, strict=True))


def _bits(answer: object) -> bytes:
    """The bits of an answer, hashed; empty for an error."""
    return hashlib.sha256(answer.numpy().tobytes()).digest() if isinstance(answer, torch.Tensor) else b""
