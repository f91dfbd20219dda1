"""What became of one example under one attack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

ROBUST = "robust"
BROKEN = "broken"
ALREADY_WRONG = "already_wrong"
ERROR = "error"
TIMEOUT = "timeout"
#: Of an example that was not searched, since another attack of an ensemble had broken it.
SKIPPED = "skipped"
#: Outcomes of a search, in the order tables count them.
ATTACK_OUTCOMES = (ROBUST, BROKEN, ALREADY_WRONG, ERROR, TIMEOUT)


@dataclass(frozen=True)
class Outcome:
    """The end of one search.

    Attributes:
        outcome: one of `ATTACK_OUTCOMES`; for a reduction `broken` means that words could be taken away.
        scores: probabilities of the original text by label, None if the model could not be asked.
        adversarial: the text found, by column; None without one.
        adversarial_scores: its probabilities by label.
        queries: model answers that the search asked for, cached ones included: what the budget limits.
        queries_unique: texts that went through the model.
        words: words of the original.
        words_changed: words replaced, added or taken away.
        similarity: of the adversarial text to the original, 1 − edits / length of the longer, in characters; None
            without one. It is of the surface: what a text means is not measured here.
        message: what went wrong, for `error` and `timeout`.
        seconds: time taken.
    """

    outcome: str
    scores: Sequence[float] | None
    adversarial: Mapping[str, str] | None
    adversarial_scores: Sequence[float] | None
    queries: int
    queries_unique: int
    words: int
    words_changed: int
    similarity: float | None
    message: str
    seconds: float
