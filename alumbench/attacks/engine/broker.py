"""Between searches that ask and models that answer: merges what is asked, and waits until batches are full."""

from __future__ import annotations

from collections.abc import Sequence

from alumbench.attacks.engine.flight import Given, Question
from alumbench.attacks.engine.rows import Row, RowModel
from alumbench.attacks.engine.scoring import Answer, Scorer


class Broker:
    """Answers the questions of many searches in as few batches as it can.

    Rows that would fill no batch wait for those of other searches, as long as there is a full batch to score: when a
    row is answered changes nothing for the search that asked.
    """

    def __init__(self, scorer: Scorer) -> None:
        """Takes what scores."""
        self._scorer = scorer
        self._found: dict[RowModel, dict[Row, tuple[Answer, float]]] = {}

    def __call__(self, questions: Sequence[Question]) -> Sequence[Given | None]:
        """Answers some of the questions; None for those that have to be asked again. Each call brings all nearer."""
        open_: dict[RowModel, dict[Row, None]] = {}
        for question in questions:
            found = self._found.setdefault(question.model, {})
            open_.setdefault(question.model, {}).update((row, None) for row in question.rows if row not in found)
        for model, rows in self._scorer.ripe(open_).items():
            answers = self._scorer.answers(model, rows)
            each = self._scorer.spent / len(rows)
            self._found[model].update((row, (answer, each)) for row, answer in zip(rows, answers, strict=True))
        given: list[Given | None] = []
        kept: dict[RowModel, dict[Row, tuple[Answer, float]]] = {model: {} for model in self._found}
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
