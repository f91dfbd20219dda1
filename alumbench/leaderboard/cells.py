"""One cell of a board: a row's figure for a column over its training seeds, with what it stands on."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from alumbench.attacks.outcome import ATTACK_OUTCOMES
from alumbench.leaderboard.entries import Entry
from alumbench.leaderboard.published import cluster_of
from alumbench.leaderboard.settings import TRAINING, Column
from alumbench.statistics import proportion, relative_drop

#: Examples of a cell that a page carries; all are in the records.
MOST_EXAMPLES = 20


def cell(column: Column, members: Sequence[Entry], baseline: Sequence[Entry] = ()) -> dict[str, Any]:
    """A row's figure for a column.

    Args:
        column: which.
        members: the row's entries, one a training seed.
        baseline: the baseline's entries, for the cost of training.

    Returns:
        `value` (mean over seeds), `low` and `high` (a Wilson interval for it at n examples: seeds share the examples,
        so they do not add to n), `sd`, `min` and `max` over seeds, `n`, `seeds`, `reason` where there is no value,
        `signature`, `counts` of outcomes, `relative_drop` of an attack (share of the clean accuracy on its examples
        that it takes, mean over seeds, with an interval where there is one seed), `examples`, and where all are.
    """
    measures = [m for m in (_measure(member, column, baseline) for member in members) if m is not None]
    evaluated = [member for member in members if member.measure(column) is not None and column.entry != TRAINING]
    return {
        **over_seeds(measures),
        "signature": evaluated[0].columns[column.entry]["signature"] if evaluated else "",
        "counts": _counts(column, evaluated),
        "relative_drop": _relative_drop(column, evaluated),
        **_examples(column, evaluated),
    }


def over_seeds(measures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The mean of several seeds' figures, with its interval where they are shares."""
    values = [m["value"] for m in measures if m["value"] is not None]
    n = min((m["n"] for m in measures), default=0)  # a success rate's n differs by seed: the least is the honest one
    nothing = dict.fromkeys(("value", "low", "high", "sd", "min", "max"))
    if not values:
        return {**nothing, "n": n, "seeds": 0, "reason": measures[0]["reason"] if measures else "not evaluated"}
    mean = statistics.fmean(values)
    figure = {**nothing, "value": mean, "min": min(values), "max": max(values), "n": n, "seeds": len(values)}
    figure["sd"] = statistics.stdev(values) if len(values) > 1 else None
    if all("count" in m for m in measures):
        interval = proportion(min(mean * n, n), n)
        figure |= {"low": interval.low, "high": interval.high}
    return figure | {"reason": ""}


def _measure(member: Entry, column: Column, baseline: Sequence[Entry]) -> dict[str, Any] | None:
    if column.measure != "training_cost":
        return member.measure(column)
    cost = member.cost_over(baseline)
    return None if cost is None else {"value": cost, "n": 0}


def _counts(column: Column, members: Sequence[Entry]) -> dict[str, int]:
    """Outcomes of all seeds together; nothing for sets that were made beforehand."""
    counts = Counter(record["outcome"] for member in members for record in member.records_of(column))
    if not counts.keys() & set(ATTACK_OUTCOMES):
        return {}
    return {outcome: counts[outcome] for outcome in ATTACK_OUTCOMES}


def _relative_drop(column: Column, members: Sequence[Entry]) -> dict[str, Any] | None:
    """What an attack takes of the accuracy on its examples; None for sets, which have no unchanged form."""
    if column.measure != "accuracy_under_attack":
        return None
    drops = []
    for member in members:
        records = member.records_of(column)
        clean = {record["id"]: record["prediction"] == record["label"] for record in records}
        drops.append(
            relative_drop(clean, member.right(column), {record["id"]: cluster_of(record) for record in records})
        )
    values = [drop.value for drop in drops if drop.value is not None]
    one = drops[0] if len(drops) == 1 else None
    return {
        "value": statistics.fmean(values) if values else None,
        "low": one.low if one else None,
        "high": one.high if one else None,
    }


def _examples(column: Column, members: Sequence[Entry]) -> dict[str, Any]:
    """Some of the examples that the model got wrong or an attack broke, of its first seed, ordered by id."""
    if not members:
        return {"examples": [], "examples_total": 0, "records": ""}
    first = members[0]
    labels = first.content["task"]["labels"]
    wrong = [r for r in first.records_of(column) if r["outcome"] not in ("correct", "robust", "scored")]
    wrong.sort(key=lambda record: (record.get("adversarial") is None, record["id"]))  # those with a text to read first
    return {
        "examples": [
            _example(record, None if first.reference else first.seed, labels) for record in wrong[:MOST_EXAMPLES]
        ],
        "examples_total": len(wrong),
        "records": first.content["records"]["file"],
    }


def _example(record: Mapping[str, Any], seed: int | None, labels: Sequence[str]) -> dict[str, Any]:
    scores = record.get("adversarial_scores")
    return {
        "seed": seed,
        "id": record["id"],
        "label": record["label"],
        "prediction": record["prediction"],
        "to": labels[max(range(len(scores)), key=scores.__getitem__)] if scores else None,
        "outcome": record["outcome"],
        "columns": record.get("adversarial"),
        "changed": record.get("changed"),
        "queries": record.get("queries"),
        "similarity": record.get("similarity"),
    }
