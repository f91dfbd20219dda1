"""The words of a text, for attacks of ours: runs of letters and digits, with `'`, `’`, `-`, `_` between them."""

from __future__ import annotations

import re

WORD = re.compile(r"[^\W_]+(?:['’_-][^\W_]+)*")


def word_spans(text: str) -> list[tuple[int, int]]:
    """Begin and end of each word, in characters.

    >>> word_spans("It isn't, co-op!")
    [(0, 2), (3, 8), (10, 15)]
    """
    return [found.span() for found in WORD.finditer(text)]


def words_of(text: str) -> list[str]:
    """The words themselves."""
    return WORD.findall(text)
