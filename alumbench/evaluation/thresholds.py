"""The bounds within which an adversarial text passes the validity filter."""

from __future__ import annotations

from dataclasses import dataclass

from alumbench.config import Share, convert

#: Minimum cosine of MiniLM's sentence vectors; TextBugger (Li et al. 2019) has this bound for another encoder.
MIN_SIMILARITY = 0.8
#: Maximum share of words changed; the bound of BERT-Attack (Li et al. 2020) on short texts is .4.
MAX_WORDS_CHANGED = 0.3
#: Minimum share of edited words that pass the grammar proxy.
MIN_GRAMMAR = 0.8


@dataclass(frozen=True)
class Thresholds:
    """Bounds for an adversarial text, each a share or cosine from 0 to 1.

    Attributes:
        min_similarity: minimum similarity of meaning, by sentence vectors; 0 switches it off.
        max_words_changed: maximum share of the original's words that change; 1 allows all.
        min_grammar: minimum of the grammar proxy; 0 switches it off.
    """

    min_similarity: Share = MIN_SIMILARITY
    max_words_changed: Share = MAX_WORDS_CHANGED
    min_grammar: Share = MIN_GRAMMAR

    @classmethod
    def read(cls, values: object, where: str) -> Thresholds:
        """Thresholds from a suite's `[validity]` table.

        Raises:
            AlumbenchError: A key is unknown, or a value lies outside 0 to 1.
        """
        return convert(cls, values, where)

    def __post_init__(self) -> None:
        """Turns 1 into 1.0, so that both give the same hash."""
        for name, value in list(vars(self).items()):
            object.__setattr__(self, name, float(value))

    @property
    def signature(self) -> str:
        """All three bounds in one word."""
        return f"sim{self.min_similarity:g},words{self.max_words_changed:g},gram{self.min_grammar:g}"
