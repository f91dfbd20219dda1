"""Where a record contradicts itself: what needs neither the model nor the data set to be seen."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from alumbench.attacks.outcome import ALREADY_WRONG, BROKEN, ROBUST, TIMEOUT

#: Whether the first answer is right, by outcome; the others say nothing about it.
RIGHT_AT_FIRST = {"correct": True, "wrong": False, ROBUST: True, BROKEN: True, ALREADY_WRONG: False}
#: Probabilities are stored with nine digits, and equal ones may stand in any order.
TIE = 1e-6


def contradictions(
    record: Mapping[str, Any], described: Mapping[str, Any], labels: Sequence[str], published: bool = False
) -> Iterator[str]:
    """Where a record of the right shape contradicts itself or its entry, in words.

    Labels of a fixed set may be fewer than the task's, so its labels and predictions are not held against them; what
    its predictions say together, `contradictory` finds.

    Args:
        record: one record.
        described: its entry, as it was run.
        labels: the task's; a task of numbers has none.
        published: whether it is a prediction that somebody published, perhaps without scores.
    """
    if record.get("scores") is None and not published and record["outcome"] in (*RIGHT_AT_FIRST, "scored"):
        yield f"outcome {record['outcome']} without scores"
    label, prediction, outcome, kind = record["label"], record["prediction"], record["outcome"], described["kind"]
    if not labels:
        if not (isinstance(label, float | int) and isinstance(prediction, float | int)):
            yield "label and prediction are no numbers, and the task has no labels"
        elif (scores := record.get("scores")) is not None and not (
            len(scores) == 1 and math.isclose(scores[0], prediction, rel_tol=TIE, abs_tol=TIE)
        ):
            yield f"prediction {prediction} with scores {_shown(scores)}"
        return
    for name in ("label", "prediction"):
        unknown = record[name] not in labels if kind != "fixed" else not isinstance(record[name], str)
        if unknown and not (name == "prediction" and record[name] is None and outcome not in RIGHT_AT_FIRST):
            yield f"{name} is none of {', '.join(labels)}"
    for name in ("scores", "adversarial_scores"):
        if record.get(name) is not None and len(record[name]) != len(labels):
            yield f"{len(record[name])} {name} for {len(labels)} labels"
            return
    if outcome in RIGHT_AT_FIRST and (label == prediction) != RIGHT_AT_FIRST[outcome]:
        yield f"outcome {outcome} with label {label} and prediction {prediction}"
    scores = record.get("scores")
    if kind != "fixed" and scores and prediction in labels and not _leads(scores, labels.index(prediction)):
        yield f"prediction {prediction} with scores {_shown(scores)}"
    if kind in ("attack", "embedding") and label in labels:
        yield from _of_attack(record, described, labels.index(label))


def contradictory(records: Iterable[Mapping[str, Any]], labels: Sequence[str]) -> Iterator[str]:
    """Where predictions on a fixed set do not follow from the scores: one answer of the model is one label of the set.

    Args:
        records: of one entry.
        labels: the task's.
    """
    told: dict[int, tuple[str, str]] = {}
    for record in records:
        scores = record.get("scores")
        if not scores or not labels or sum(score >= max(scores) - TIE for score in scores) > 1:
            continue
        answer = scores.index(max(scores))
        first, prediction = told.setdefault(answer, (record["id"], record["prediction"]))
        if prediction != record["prediction"]:
            yield (
                f"the answer {labels[answer]} is {prediction} in record {first} and {record['prediction']} in record "
                f"{record['id']}"
            )
            return


def _of_attack(record: Mapping[str, Any], described: Mapping[str, Any], gold: int) -> Iterator[str]:
    outcome, scores = record["outcome"], record.get("adversarial_scores")
    if described["kind"] == "attack":
        if (outcome == BROKEN) != (record["adversarial"] is not None):
            yield f"outcome {outcome} {'with' if outcome != BROKEN else 'without'} an adversarial text"
        budget = described.get("query_budget")
        if budget and record["queries"] > budget:
            yield f"{record['queries']} queries, the budget is {budget}"
        if record["queries_unique"] > record["queries"]:
            yield f"{record['queries_unique']} different queries of {record['queries']}"
        if outcome == TIMEOUT and "s:inf" in described["signature"].split("|"):
            yield f"outcome {outcome} in an attack without a time limit"
        if outcome == BROKEN and record["queries"] < 2:
            yield f"outcome {outcome} after {record['queries']} queries: the original and the adversarial text are two"
    if scores and outcome in (BROKEN, ROBUST):
        margin = scores[gold] - max(scores[:gold] + scores[gold + 1 :], default=0.0)
        kept = outcome == ROBUST or described["goal"] == "reduction"
        if margin < -TIE if kept else margin > TIE:
            yield f"outcome {outcome} with adversarial scores {_shown(scores)}"


def _leads(scores: Sequence[float], at: int) -> bool:
    """Whether that score is the largest, or as large as it but for rounding."""
    return scores[at] >= max(scores) - TIE


def _shown(scores: Sequence[float]) -> str:
    return ", ".join(f"{score:.4g}" for score in scores[:8])
