"""Contradictions within records, found without the model and the data set."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from alumbench.attacks.outcome import ALREADY_WRONG, BROKEN, ERROR, ROBUST, TIMEOUT
from alumbench.attacks.recipes.embedding_pgd import radius_of
from alumbench.attacks.single_search import budget_of
from alumbench.attacks.threat_models.embedding import THREAT_MODEL as EMBEDDING_BALL
from alumbench.evaluation.membership import claims
from alumbench.evaluation.results import EntryResult
from alumbench.records import Ascended, Attacked, Record, adversarial_scores_of

#: True if the first answer is right, by outcome; the other outcomes say nothing about it.
RIGHT_AT_FIRST = {"correct": True, "wrong": False, ROBUST: True, BROKEN: True, ALREADY_WRONG: False}
#: Probabilities are stored with nine digits; equal ones may come in any order.
TIE = 1e-6


def contradictions(
    record: Record, described: EntryResult, labels: Sequence[str], published: bool = False
) -> Iterator[str]:
    """Describes where a record of the right shape contradicts itself or its entry.

    A fixed set may have fewer labels than the task, so its labels and predictions are not checked against the task's;
    `contradictory` checks whether its predictions agree with each other.

    Args:
        record: one record.
        described: its entry, as it was run.
        labels: the task's; a task of numbers has none.
        published: True for a prediction that somebody published, perhaps without scores.
    """
    if record.scores is None and not published and record.outcome in (*RIGHT_AT_FIRST, "scored"):
        yield f"outcome {record.outcome} without scores"
    label, prediction, outcome, kind = record.label, record.prediction, record.outcome, described.kind
    if not labels:
        if not (isinstance(label, float | int) and isinstance(prediction, float | int)):
            yield "label and prediction are not numbers, and the task has no labels"
        elif (scores := record.scores) is not None and not (
            len(scores) == 1 and math.isclose(scores[0], prediction, rel_tol=TIE, abs_tol=TIE)
        ):
            yield f"prediction {prediction} with scores {_shown(scores)}"
        return
    for name, named in (("label", label), ("prediction", prediction)):
        unknown = named not in labels if kind != "fixed" else not isinstance(named, str)
        if unknown and not (name == "prediction" and named is None and outcome not in RIGHT_AT_FIRST):
            yield f"{name} is not one of {', '.join(labels)}"
    for name, found in (("scores", record.scores), ("adversarial_scores", adversarial_scores_of(record))):
        if found is not None and len(found) != len(labels):
            yield f"{len(found)} {name} for {len(labels)} labels"
            return
    if outcome in RIGHT_AT_FIRST and (label == prediction) != RIGHT_AT_FIRST[outcome]:
        yield f"outcome {outcome} with label {label} and prediction {prediction}"
    scores = record.scores
    if kind != "fixed" and scores and prediction in labels and not _leads(scores, labels.index(str(prediction))):
        yield f"prediction {prediction} with scores {_shown(scores)}"
    if kind in ("attack", "embedding") and label in labels:
        yield from _of_attack(record, described, labels.index(str(label)))


def contradictory(records: Iterable[Record], labels: Sequence[str]) -> Iterator[str]:
    """Predictions on a fixed set that contradict the scores: each answer of the model must map to one label of the set.

    Args:
        records: of one entry.
        labels: the task's.
    """
    told: dict[int, tuple[str, str | float | None]] = {}
    for record in records:
        scores = record.scores
        if not scores or not labels or sum(score >= max(scores) - TIE for score in scores) > 1:
            continue
        answer = scores.index(max(scores))
        first, prediction = told.setdefault(answer, (record.id, record.prediction))
        if prediction != record.prediction:
            yield (
                f"the answer {labels[answer]} is {prediction} in record {first} and {record.prediction} in record "
                f"{record.id}"
            )
            return


def _of_attack(record: Record, described: EntryResult, gold: int) -> Iterator[str]:
    outcome, scores = record.outcome, adversarial_scores_of(record)
    # Of other attacks it is not known in which norm their ball is.
    ascent = record.ascent if isinstance(record, Ascended) and radius_of(described.signature) is not None else None
    if ascent is not None and not EMBEDDING_BALL.contains(ascent):
        yield f"δ is {ascent.moved:.4g} times as long as the radius, which is outside of the ball"
    if isinstance(record, Attacked):
        if (outcome == BROKEN) != (record.adversarial is not None):
            yield f"outcome {outcome} {'with' if outcome != BROKEN else 'without'} an adversarial text"
        counted = outcome not in (ERROR, TIMEOUT)  # the words of others are not known
        per_word = described.queries_per_word if counted else None
        budget = budget_of(record.words, described.query_budget or None, per_word)
        if budget is not None and record.queries > budget:
            yield f"{record.queries} queries, the budget is {budget}"
        yield from claims(record, described)
        if record.queries_unique > record.queries:
            yield f"{record.queries_unique} different queries out of {record.queries}"
        if outcome == TIMEOUT and "s:inf" in described.signature.split("|"):
            yield f"outcome {outcome} in an attack without a time limit"
        if outcome == BROKEN and record.queries < 2:
            yield f"outcome {outcome} after {record.queries} queries: the original and the adversarial text take two"
    if scores and outcome in (BROKEN, ROBUST):
        margin = scores[gold] - max([*scores[:gold], *scores[gold + 1 :]], default=0.0)
        kept = outcome == ROBUST or described.goal == "reduction"
        if margin < -TIE if kept else margin > TIE:
            yield f"outcome {outcome} with adversarial scores {_shown(scores)}"


def _leads(scores: Sequence[float], at: int) -> bool:
    """True if that score is the largest, up to rounding."""
    return scores[at] >= max(scores) - TIE


def _shown(scores: Sequence[float]) -> str:
    return ", ".join(f"{score:.4g}" for score in scores[:8])
