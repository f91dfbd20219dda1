"""Shapes of batches: how many rows of which width go through a model together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from alumbench.engine.token_rows import BatchedModel, TokenizedText, cut_batches

#: Rows of a batch with plain padding.
FAST_ROWS = 64
#: Tokens up to which a batch may have all its rows; longer ones have fewer, to bound memory.
FULL_WIDTH = 512


class Batch(NamedTuple):
    """Rows to score together.

    Attributes:
        rows: the rows.
        size: rows of the batch, filling included.
        width: tokens per row, padding included; 0 if the model takes texts.
        full: whether no more rows fit.
    """

    rows: list[TokenizedText]
    size: int
    width: int
    full: bool


@dataclass(frozen=True)
class FixedShapes:
    """Shapes in which an answer depends on its row alone.

    Attributes:
        step: widths are the row's tokens, rounded up to a multiple of this.
        rows: numbers of rows are multiples of this.
        most: the most rows.
    """

    step: int
    rows: int
    most: int

    def most_rows(self, width: int) -> int:
        """The most rows of a batch of this width: for long texts, so many that the number of tokens stays bounded."""
        if width <= FULL_WIDTH:
            return self.most
        return 1 if self.rows < self.most else max(1, self.most * FULL_WIDTH // width)

    def size(self, rows: int, width: int) -> int:
        """Rows of the batch for so many rows; the most, if the model's limit cut the width to an odd one."""
        most = self.most_rows(width)
        return most if width % self.step else min(most, self.rows * -(-rows // self.rows))


#: The order in which a kernel sums depends on the number of rows of a product, and on the alignment of matrices. On a
#: CPU all products here have a multiple of 16 rows (4 tokens by 4 rows; `few_rows` for the pooled ones) and attention
#: matrices start at multiples of 64 bytes. With MKL's kernels for SSE4.2, AVX and AVX2 neither the place of a row nor
#: the number of rows moved a bit in such shapes, in any size tried (hidden 16 to 384, 2 and 3 labels, eager and SDPA
#: attention, 1 and 2 threads); with odd widths, other numbers of rows, or products of fewer rows some did. Other
#: processors have other kernels, so `ShapeCheck` tries each shape before it is used. On a GPU only one number of rows
#: is used; it is idle below that.
SHAPES = {"cpu": FixedShapes(4, 4, 16), "cuda": FixedShapes(8, 64, 64)}


def fixed_shapes(device: torch.device) -> FixedShapes:
    """The shapes for a device."""
    return SHAPES.get(device.type, SHAPES["cuda"])


def fixed_batches(model: BatchedModel, rows: Sequence[TokenizedText]) -> Iterator[Batch]:
    """Batches whose width follows from the row alone, each with a padded token."""
    if model.texts_a_batch is not None or model.pad_id is None:
        yield from _unpadded(model, rows)
        return
    shapes = fixed_shapes(model.device)
    by_width: dict[int, list[TokenizedText]] = {}
    for row in rows:
        width = shapes.step * -(-len(row.ids) // shapes.step)
        by_width.setdefault(min(width, model.longest or width), []).append(row)
    for width, group in sorted(by_width.items()):
        most = shapes.most_rows(width)
        group.sort(key=lambda row: len(row.ids))
        while group:  # the shortest goes with the longest, so that at least one row is padded
            filling = int(len(group[0].ids) == width)  # a row whose last token is masked
            room = max(1, most - filling)
            cut = max(1, len(group) - room + 1)
            batch, group = group[:1] + group[cut:], group[1:cut]
            yield Batch(batch, shapes.size(len(batch) + filling, width), width, len(batch) == room)


def plain_batches(model: BatchedModel, rows: Sequence[TokenizedText]) -> Iterator[Batch]:
    """Batches of similar rows, as wide as the longest."""
    if model.texts_a_batch is not None or model.pad_id is None:
        yield from _unpadded(model, rows)
        return
    ordered = sorted(rows, key=lambda row: len(row.ids))
    for part in cut_batches([len(row.ids) for row in ordered], FAST_ROWS, FAST_ROWS * FULL_WIDTH):
        batch = ordered[part]
        yield Batch(batch, len(batch), max(1, len(batch[-1].ids)), True)


def _unpadded(model: BatchedModel, rows: Sequence[TokenizedText]) -> Iterator[Batch]:
    """Batches for a classifier that handles the lengths of texts itself, or takes one row at a time."""
    if (size := model.texts_a_batch) is None:
        yield from (Batch([row], 1, len(row.ids), True) for row in rows)
        return
    for at in range(0, len(rows), size):
        batch = list(rows[at : at + size])
        yield Batch(batch, size, 0, len(batch) == size)
