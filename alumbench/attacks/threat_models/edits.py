"""Texts from which a part of their changes is taken back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein


class Edit(NamedTuple):
    """One edit of a shortest way from one string to another.

    Attributes:
        kind: `insert`, `delete` or `replace`.
        at: character of the old string that is deleted or replaced, or that the new one is put before.
        new: character of the new string that is put there.
    """

    kind: str
    at: int
    new: int


def undone(original: tuple[str, ...], texts: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Texts without one of the edits that lead to them from the original, or without several that belong together.

    Edits that belong together are two in succession (a swap of neighbours is two edits) and all that touch (an
    inserted word).

    Args:
        original: one string per column.
        texts: the same after changes.

    Returns:
        Each once, in the order of the text, those with fewest edits undone first; without `texts`.
    """
    found: dict[tuple[str, ...], None] = {}
    for column, (old, new) in enumerate(zip(original, texts, strict=True)):
        edits = [Edit(*edit) for edit in Levenshtein.editops(old, new)]
        for begin, end in _stretches(edits):
            changed = _applied(old, new, edits[:begin] + edits[end:])
            found[(*texts[:column], changed, *texts[column + 1 :])] = None
    found.pop(texts, None)
    return list(found)


def _stretches(edits: Sequence[Edit]) -> Iterator[tuple[int, int]]:
    yield from ((at, at + 1) for at in range(len(edits)))
    yield from ((at, at + 2) for at in range(len(edits) - 1))
    apart = [at for at, (one, other) in enumerate(pairwise(edits), 1) if other.at - one.at > 1]
    yield from pairwise([0, *apart, len(edits)])


def _applied(old: str, new: str, edits: Sequence[Edit]) -> str:
    parts, read = [], 0
    for kind, at, number in edits:
        parts.append(old[read:at])
        read = at + (kind != "insert")
        if kind != "delete":
            parts.append(new[number])
    return "".join([*parts, old[read:]])
