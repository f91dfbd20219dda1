"""A constraint against changing words that the model never reads: such queries would be wasted."""

from __future__ import annotations

from typing import Any

from textattack.constraints import PreTransformationConstraint

from alumbench.attacks.gradient import word_spans
from alumbench.attacks.victim_wrapper import VictimWrapper


class SeenWords(PreTransformationConstraint):  # type: ignore[misc]
    """If the text is cut, allows only words of which the model reads at least one character; else all.

    The current text decides: insertions push words out of view, deletions bring others in.
    """

    def __init__(self, wrapper: VictimWrapper) -> None:
        """Stores the attack's wrapper of the victim, which knows the original text of the search."""
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
