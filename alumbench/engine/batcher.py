"""Connects searches and models: merges the searches' questions, and waits until batches are full."""

from __future__ import annotations

from collections.abc import Sequence

from alumbench.engine.scheduler import Given, Question
from alumbench.engine.scorer import Answer, Scorer
from alumbench.engine.token_rows import BatchedModel, TokenizedText


class Batcher:
    """Answers the questions of many searches in as few batches as it can.

    Rows that do not fill a batch wait for rows of other searches, as long as there is a full batch to score. The time
    at which a row is answered does not affect its search.
    """

    def __init__(self, scorer: Scorer) -> None:
        """Stores the scorer."""
        self._scorer = scorer
        self._found: dict[BatchedModel, dict[TokenizedText, tuple[Answer, float]]] = {}

    def __call__(self, questions: Sequence[Question]) -> Sequence[Given | None]:
        """Answers some of the questions; None for those to ask again. Each call makes progress."""
        open_: dict[BatchedModel, dict[TokenizedText, None]] = {}
        for question in questions:
            found = self._found.setdefault(question.model, {})
            open_.setdefault(question.model, {}).update((row, None) for row in question.rows if row not in found)
        for model, rows in self._scorer.ready_batches(open_).items():
            answers = self._scorer.answers(model, rows)
            each = self._scorer.spent / len(rows)
            self._found[model].update((row, (answer, each)) for row, answer in zip(rows, answers, strict=True))
        given: list[Given | None] = []
        kept: dict[BatchedModel, dict[TokenizedText, tuple[Answer, float]]] = {model: {} for model in self._found}
        for question in questions:
            found = self._found[question.model]
            known = {row: found[row] for row in question.rows if row in found}
            if all(row in known for row in question.rows):
                seconds = sum(each for _, each in known.values())
                given.append(Given([known[row][0] for row in question.rows], seconds))
            else:
                given.append(None)
                kept[question.model].update(known)
        self._found = kept
        return given
