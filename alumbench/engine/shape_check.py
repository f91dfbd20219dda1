"""Checks on this machine, with the model itself, that a shape of few rows gives the bits that the most rows give."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import torch

from alumbench.engine.shapes import fixed_shapes
from alumbench.engine.token_rows import BatchedModel, TokenizedText

#: Answers of a model to rows in a batch of so many rows and tokens.
Forward = Callable[[BatchedModel, Sequence[TokenizedText], int, int], Sequence[object]]


class ShapeCheck:
    """Decides on the number of rows of batches: few, once they were seen to move no bit.

    Which kernels a library takes for a shape depends on the processor, so no list of good shapes holds everywhere. The
    first batch of each width has the most rows; it is remembered by its rows and the bits of their answers. Before a
    smaller shape of that width is used, it scores as many of these rows. If one bit differs, it is never used. This is
    a sample: a difference that spares the answers to these rows, which is likeliest for one row, goes unseen.
    """

    def __init__(self) -> None:
        """Knows no shape yet."""
        self._full: dict[tuple[BatchedModel, int, int], dict[TokenizedText, bytes]] = {}
        self._equal: dict[tuple[BatchedModel, int, int, int], bool] = {}

    @property
    def verdicts(self) -> list[bool]:
        """For each shape checked so far, whether it moved no bit."""
        return list(self._equal.values())

    def sizes(self, model: BatchedModel, width: int) -> list[int]:
        """Numbers of rows for a width, ascending: the most, and others that were not seen to move a bit."""
        *fewer, most = fixed_shapes(model.device).allowed(width)
        if self.is_new(model, width):
            return [most]
        return [*(size for size in fewer if self._equal.get((*_key(model, width), size), True)), most]

    def is_new(self, model: BatchedModel, width: int) -> bool:
        """Whether there are several numbers of rows for this width, and no batch of it has been remembered yet."""
        return len(fixed_shapes(model.device).allowed(width)) > 1 and _key(model, width) not in self._full

    def remember(
        self, model: BatchedModel, width: int, rows: Sequence[TokenizedText], answers: Sequence[object]
    ) -> None:
        """Takes note of a batch of the most rows, unless an answer is an error."""
        bits = [_bits(answer) for answer in answers]
        if all(bits):
            self._full[_key(model, width)] = dict(zip(rows, bits, strict=True))

    def rows(self, model: BatchedModel, size: int, width: int, forward: Forward) -> int:
        """The number of rows to use for a batch of `size`: this if it moves no bit, or else the most."""
        most, key = fixed_shapes(model.device).most_rows(width), _key(model, width)
        if size == most:
            return size
        if (*key, size) not in self._equal:
            known = self._full[key]
            rows = list(known)[:size]
            rows = rows[: max(1, size - all(len(row.ids) == width for row in rows))]  # one row at least is padded
            try:
                found = forward(model, rows, size, width)
            except Exception:  # such as a lack of memory: checked another time
                return most
            self._equal[*key, size] = [_bits(one) for one in found] == [known[row] for row in rows]
        return size if self._equal[*key, size] else most


def with_variants(rows: Sequence[TokenizedText], size: int, width: int) -> list[TokenizedText]:
    """The rows, and as many others as fit: rows with the tokens between the first and the last turned round.

    Copies of a row would be checked for its answer alone.
    """
    room = size - all(len(row.ids) == width for row in rows)
    found = dict.fromkeys(rows)
    for turn in range(1, width):
        for row in rows:
            first, inner, last = row.ids[:1], row.ids[1:-1], row.ids[-1:]
            if len(found) < room and len(row.ids) > 2:
                at = turn % len(inner)
                found.setdefault(row._replace(ids=(*first, *inner[at:], *inner[:at], *last)))
    return list(found)


def _key(model: BatchedModel, width: int) -> tuple[BatchedModel, int, int]:
    return model, width, torch.get_num_threads()


def _bits(answer: object) -> bytes:
    """The bits of an answer, hashed; empty for an error."""
    return hashlib.sha256(answer.numpy().tobytes()).digest() if isinstance(answer, torch.Tensor) else b""
