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
        sizes: numbers of rows, ascending.
    """

    step: int
    sizes: tuple[int, ...]

    def allowed(self, width: int) -> tuple[int, ...]:
        """Numbers of rows for a width, ascending.

        A width that the model's limit cut to an odd one has only the most. A longer text than `FULL_WIDTH` has so few
        that the number of tokens stays bounded: where several numbers are allowed otherwise, one.
        """
        *fewer, most = self.sizes
        if width > FULL_WIDTH:
            return (1 if fewer else max(1, most * FULL_WIDTH // width),)
        return (most,) if width % self.step else self.sizes


#: The order in which a kernel sums depends on the number of rows of a product, and on the alignment of matrices. In
#: multiples of 8 tokens, and with pooled vectors as in `few_rows`, neither the place of a row nor 8 or 16 rows moved a
#: bit for any size tried. On a GPU only one number of rows is used; it is idle below that.
SHAPES = {"cpu": FixedShapes(8, (8, 16)), "cuda": FixedShapes(8, (64,))}


def fixed_shapes(device: torch.device) -> FixedShapes:
    """The shapes for a device."""
    return SHAPES.get(device.type, SHAPES["cuda"])


def fixed_batches(model: BatchedModel, rows: Sequence[TokenizedText]) -> Iterator[Batch]:
    """Batches whose width follows from the row alone, each with a padded token; the largest that can be filled first.

    Args:
        model: the model.
        rows: its rows.
    """
    if model.texts_a_batch is not None or model.pad_id is None:
        yield from _unpadded(model, rows)
        return
    shapes = fixed_shapes(model.device)
    step = shapes.step
    by_width: dict[int, list[TokenizedText]] = {}
    for row in rows:
        width = step * -(-len(row.ids) // step)
        by_width.setdefault(min(width, model.longest or width), []).append(row)
    for width, group in sorted(by_width.items()):
        allowed = shapes.allowed(width)
        group.sort(key=lambda row: len(row.ids))
        while group:  # the shortest goes with the longest, so that at least one row is padded
            filling = int(len(group[0].ids) == width)  # a row whose last token is masked
            fits = [size for size in allowed if size <= len(group) + filling]
            size = fits[-1] if fits else allowed[0]
            room = max(1, size - filling)
            cut = max(1, len(group) - room + 1)
            batch, group = group[:1] + group[cut:], group[1:cut]
            yield Batch(batch, size, width, len(batch) == room and size == allowed[-1])


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
