"""The outcome of one attack on one example, and the words for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias

ROBUST: Final = "robust"
BROKEN: Final = "broken"
ALREADY_WRONG: Final = "already_wrong"
ERROR: Final = "error"
TIMEOUT: Final = "timeout"
#: The example was not searched, because another attack in the ensemble had already broken it.
SKIPPED: Final = "skipped"
#: Outcomes of a search, in the order used in tables.
ATTACK_OUTCOMES: Final = (ROBUST, BROKEN, ALREADY_WRONG, ERROR, TIMEOUT)
OutcomeName: TypeAlias = Literal["robust", "broken", "already_wrong", "error", "timeout"]


class OutcomeWords(NamedTuple):
    """The words for an outcome: records keep their keys, readers see these.

    Attributes:
        words: for tables, pages and prose.
        meaning: one line.
        textattack: TextAttack's word for it, '' if it has none.
    """

    words: str
    meaning: str
    textattack: str = ""


#: By the key that records hold, in the order used in tables. docs/reading-tables.md shows the same table.
OUTCOME_WORDS: Final[Mapping[str, OutcomeWords]] = MappingProxyType(
    {
        "correct": OutcomeWords("correct", "clean and fixed sets: the gold label was predicted"),
        "wrong": OutcomeWords("misclassified", "clean and fixed sets: another label was predicted"),
        "scored": OutcomeWords("scored", "regression: a value was predicted"),
        ROBUST: OutcomeWords("attack failed", "the search found no adversarial text or δ", "failed"),
        BROKEN: OutcomeWords("attack success", "the search found an adversarial text or δ", "successful"),
        ALREADY_WRONG: OutcomeWords("misclassified", "wrong before the attack, so there was no search", "skipped"),
        ERROR: OutcomeWords("error", "the search stopped with an error; never counts as robust"),
        TIMEOUT: OutcomeWords("timeout", "the time limit was reached; never counts as robust"),
        SKIPPED: OutcomeWords("not attacked", "`--skip-broken`: an earlier attack of the ensemble succeeded"),
    }
)


class Searched(NamedTuple):
    """How far a search in the set of a threat model came.

    Attributes:
        degree: steps between the original and the adversarial text, None without one.
        largest: the most steps that the threat model allows for this text; 0: the set holds only the original.
        exhausted: whether all members were scored, so that a text that is not broken cannot be.
        by: the member of an ensemble of attacks that found it, '' otherwise.
        words: the words of which the threat model's percentage is taken, 0 where a degree is a number of steps.
        reached: the most steps of a text that was scored, None if the search does not say.
    """

    degree: int | None
    largest: int
    exhausted: bool = False
    by: str = ""
    words: int = 0
    reached: int | None = None


@dataclass(frozen=True)
class Outcome:
    """The outcome of one search.

    Attributes:
        outcome: one of `ATTACK_OUTCOMES`; for a reduction, `broken` means that words could be removed.
        scores: probabilities of the original text by label, None if the model could not answer.
        adversarial: the adversarial text by column, None if there is none.
        adversarial_scores: its probabilities by label.
        queries: model answers that the search requested, including cached ones; the budget limits these.
        queries_unique: texts that went through the model.
        words: number of words of the original.
        words_changed: number of words replaced, added or removed.
        similarity: of the adversarial text to the original, 1 − edits / length of the longer, in characters; None
            without one. It measures the surface of the text, not its meaning.
        message: what went wrong, for `error` and `timeout`.
        seconds: time taken.
        searched: of a search within a threat model, how far it came; None otherwise.
    """

    outcome: OutcomeName
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
    searched: Searched | None = None
