"""CheckList's changes with names and places found by lists, not by a tagger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
from textattack.shared.data import NAMED_ENTITIES, PERSON_NAMES
from textattack.transformations import WordSwapContract
from textattack.transformations.word_swaps import WordSwap

#: Number of new names or places tried for each one.
TRIED = 3
PLACES = ("country", "nationality", "city")


class NameSwap(WordSwap):  # type: ignore[misc]
    """Changes first names, and last names after a first name, to others in TextAttack's lists.

    A name is a capitalized word in a list. At the start of a text, where every word is capitalized, a last name must
    follow it.
    """

    deterministic = False

    def _get_transformations(self, current_text: Any, indices_to_modify: Iterable[int]) -> list[Any]:
        words = current_text.words
        kinds = {index: self._kind(words, index) for index in indices_to_modify}
        return [
            current_text.replace_word_at_index(index, str(name))
            for index, kind in kinds.items()
            if kind
            for name in np.random.choice(PERSON_NAMES[kind], TRIED)
            if name != words[index]
        ]

    def _kind(self, words: Sequence[str], index: int) -> str:
        before, after = words[max(index - 1, 0) : index], words[index + 1 : index + 2]
        if words[index] in _names("first") and (before or (after and after[0] in _names("last"))):
            return "first"
        return "last" if words[index] in _names("last") and before and before[0] in _names("first") else ""


class PlaceSwap(WordSwap):  # type: ignore[misc]
    """Changes countries, nationalities and cities to others in the same TextAttack list."""

    deterministic = False

    def _get_transformations(self, current_text: Any, indices_to_modify: Iterable[int]) -> list[Any]:
        changed = []
        for index, length, kind in self._places(current_text.words, set(indices_to_modify)):
            spot = list(range(index, index + length))
            for place in np.random.choice(NAMED_ENTITIES[kind], TRIED):
                if place != " ".join(current_text.words[index : index + length]):
                    changed.append(current_text.replace_words_at_indices(spot, [str(place)] + [""] * (length - 1)))
        return changed

    def _places(self, words: Sequence[str], allowed: set[int]) -> Iterator[tuple[int, int, str]]:
        """Position, number of words and list of each place, the longest names first."""
        taken: set[int] = set()
        for length in (3, 2, 1):
            for index in range(len(words) - length + 1):
                spot = set(range(index, index + length))
                kind = _place_kinds().get(" ".join(words[index : index + length]))
                if kind and spot <= allowed - taken:
                    taken |= spot
                    yield index, length, kind


class Contraction(WordSwap):  # type: ignore[misc]
    """Contracts two words. TextAttack's own confuses a word's number with its rank among the words that may change."""

    def _get_transformations(self, current_text: Any, indices_to_modify: Iterable[int]) -> list[Any]:
        allowed, words = set(indices_to_modify), current_text.words
        short = WordSwapContract.reverse_contraction_map
        ends = np.cumsum([len(column) for column in current_text.words_per_input])
        return [
            current_text.replace_words_at_indices([index, index + 1], [short[pair], ""])
            for index in sorted(allowed)
            if index + 1 in allowed
            and index + 1 not in ends
            and (pair := f"{words[index]} {words[index + 1]}") in short
        ]


@cache
def _names(kind: str) -> frozenset[str]:
    return frozenset(name for name in PERSON_NAMES[kind] if name[:1].isupper())


@cache
def _place_kinds() -> dict[str, str]:
    return {place: kind for kind in reversed(PLACES) for place in NAMED_ENTITIES[kind]}
