"""What an adversarial text has to keep of its original to pass the validity filter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alumbench.config import Share, convert

#: Least cosine of MiniLM's sentence vectors; the bound of TextBugger (Li et al. 2019) on another encoder's scale.
MIN_SIMILARITY = 0.8
#: Greatest share of words changed; the bound of BERT-Attack (Li et al. 2020) on short texts is .4.
MAX_WORDS_CHANGED = 0.3
#: Least share of edited words that the grammar proxy lets through.
MIN_GRAMMAR = 0.8


@dataclass(frozen=True)
class Thresholds:
    """Bounds that an adversarial text has to keep, each share or cosine from 0 to 1.

    Attributes:
        min_similarity: of meaning, as sentence vectors measure it; 0 asks for none.
        max_words_changed: of the original's words; 1 asks for none to stay.
        min_grammar: of the grammar proxy; 0 does not ask.
    """

    min_similarity: Share = MIN_SIMILARITY
    max_words_changed: Share = MAX_WORDS_CHANGED
    min_grammar: Share = MIN_GRAMMAR

    @classmethod
    def read(cls, values: Mapping[str, Any], where: str) -> Thresholds:
        """Thresholds from a suite's `[validity]` table.

        Raises:
            AlumbenchError: A key is unknown, or a value lies outside 0 to 1.
        """
        return convert(cls, values, where)

    def __post_init__(self) -> None:
        """Has 1 count as 1.0, in hashes too."""
        for name, value in list(vars(self).items()):
            object.__setattr__(self, name, float(value))

    @property
    def signature(self) -> str:
        """All three in a word."""
        return f"sim{self.min_similarity:g},words{self.max_words_changed:g},gram{self.min_grammar:g}"
