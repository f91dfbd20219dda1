"""Words that the model never reads are left alone: a query for one is a query for nothing."""

from __future__ import annotations

from typing import Any

from textattack.constraints import PreTransformationConstraint

from alumbench.attacks.gradient import word_spans
from alumbench.attacks.victim import VictimWrapper


class SeenWords(PreTransformationConstraint):  # type: ignore[misc]
    """Of a text that is cut, allows the words of which the model reads at least one character; else all.

    What counts is what is read now: insertions push words out of view, deletions bring others in.
    """

    def __init__(self, wrapper: VictimWrapper) -> None:
        """Takes the attack's wrapper of the victim, which knows the text that the search began with."""
        super().__init__()
        self._wrapper = wrapper

    def _get_modifiable_indices(self, current_text: Any) -> set[int]:
        if not self._wrapper.cut:
            return set(range(current_text.num_words))
        columns = list(current_text._text_input.values())
        read = self._wrapper.victim.view(columns, self._wrapper.shares).read
        return {
            at
            for at, (column, begin, end) in enumerate(word_spans(current_text))
            if begin < read[column][1] and end > read[column][0]
        }

    def __call__(self, current_text: Any, transformation: Any) -> set[int]:
        """Positions of the words that may be changed."""
        return self._get_modifiable_indices(current_text)
