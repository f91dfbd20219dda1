"""What an entry's records add up to: shares with n and interval, and null with a reason where there is no number."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from alumbench.attacks.outcome import ATTACK_OUTCOMES, BROKEN, ROBUST, SKIPPED
from alumbench.metrics import score
from alumbench.statistics import proportion
from alumbench.tasks import Task

Record = Mapping[str, Any]
BUDGETS = (50, 100, 500, 1000)
UNDER_ATTACK = ("clean_accuracy", "accuracy_under_attack", "attack_success_rate")


def is_right(record: Record) -> bool:
    """Whether the model answers the record's example right: for an attack, still right at the search's end.

    An error or a timeout is not counted as right: nothing was shown.
    """
    return record["outcome"] in {"correct", ROBUST}


def summarize(kind: str, task: Task, records: Sequence[Record], goal: str = "") -> dict[str, Any]:
    """The figures of one entry.

    Args:
        kind: clean, fixed, attack or embedding.
        task: the task, for its metrics.
        records: of that entry, one an example.
        goal: an attack's goal; a `reduction` has no accuracy under attack, for its label stays right.

    Returns:
        `measures`, each `{value, low, high, count, n}` or `{value: null, reason}`; `groups` for sets with parts;
        counts and costs for attacks; `ascent` for embedding attacks: means of |δ| / ε and of the share of gradients
        that were 0, and of the examples not broken how many were `stuck`.
    """
    if kind == "attack":
        return _attack_summary(records, goal)
    if kind == "embedding":
        return {"measures": under_attack(records)} | _ascent(records)
    if task.is_regression:
        gold = np.array([record["label"] for record in records], dtype=float)
        predicted = np.array([record["prediction"] for record in records], dtype=float)
        return {
            "measures": {
                name: number(value, len(records)) for name, value in score(task.metrics, gold, predicted).items()
            }
        }
    measures = {"accuracy": share(sum(map(is_right, records)), len(records))}
    if kind == "clean" and set(task.metrics) - {"accuracy"}:
        index = {name: at for at, name in enumerate(task.labels)}
        gold = np.array([index[record["label"]] for record in records], dtype=float)
        predicted = np.array([index[record["prediction"]] for record in records], dtype=float)
        extra = [name for name in task.metrics if name != "accuracy"]
        measures |= {name: number(value, len(records)) for name, value in score(extra, gold, predicted).items()}
    summary: dict[str, Any] = {"measures": measures}
    groups = sorted({record["group"] for record in records if "group" in record})
    if groups:
        summary["groups"] = {
            group: share(
                sum(is_right(r) for r in records if r.get("group") == group),
                sum(r.get("group") == group for r in records),
            )
            for group in groups
        }
    return summary


def under_attack(records: Sequence[Record]) -> dict[str, Any]:
    """The measures of an attack: null with the reason where examples were skipped, for of those nothing is known."""
    counts = Counter(record["outcome"] for record in records)
    clean = share(right_at_first(records), sum(r["prediction"] is not None for r in records))
    if counts[SKIPPED]:
        nothing = no_number(f"--skip-broken: {counts[SKIPPED]} examples that an earlier attack broke were not attacked")
        return dict.fromkeys(UNDER_ATTACK, nothing) | {"clean_accuracy": clean}
    return {
        "clean_accuracy": clean,
        "accuracy_under_attack": share(counts[ROBUST], len(records)),
        "attack_success_rate": share(counts[BROKEN], right_at_first(records)),
    }


#: |δ| / ε below which an ascent is said not to have moved.
MOVED = 0.5


def _ascent(records: Sequence[Record]) -> dict[str, Any]:
    """How far the ascents of an embedding attack got, on the examples answered right; older records do not say."""
    attacked = [r for r in records if r["outcome"] in {ROBUST, BROKEN} and "ascent" in r]
    if not attacked:
        return {}
    kept = [r["ascent"] for r in attacked if r["outcome"] == ROBUST]
    return {
        "ascent": {
            "moved": _mean([r["ascent"]["moved"] for r in attacked]),
            "zero_gradients": _mean([r["ascent"]["zero_gradients"] for r in attacked]),
            "not_broken": len(kept),
            "stuck": sum(one["moved"] < MOVED or not one["rose"] for one in kept),
        }
    }


def right_at_first(records: Sequence[Record]) -> int:
    """Examples that the model answers right before anything is changed."""
    return sum(record["prediction"] == record["label"] for record in records)


def _attack_summary(records: Sequence[Record], goal: str) -> dict[str, Any]:
    counts = Counter(record["outcome"] for record in records)
    right_first = right_at_first(records)
    attacked = [r for r in records if r["outcome"] in {ROBUST, BROKEN}]
    broken = [r for r in records if r["outcome"] == BROKEN]
    queries = [r["queries"] for r in attacked]
    measures = under_attack(records)
    if goal == "reduction":  # its label stays right, so there is no accuracy under attack
        measures = {
            "clean_accuracy": measures["clean_accuracy"],
            "reduced_rate": share(counts[BROKEN], right_first),
        }
    return {
        "measures": measures,
        "outcomes": {name: counts[name] for name in ATTACK_OUTCOMES}
        | ({SKIPPED: counts[SKIPPED]} if counts[SKIPPED] else {}),
        "queries": {
            "median": _quantile(queries, 0.5),
            "p95": _quantile(queries, 0.95),
            "asked": sum(r["queries"] for r in records),
            "unique": sum(r["queries_unique"] for r in records),
            "success_within": {
                str(budget): measures["accuracy_under_attack"]
                if counts[SKIPPED]
                else share(sum(r["queries"] <= budget for r in broken), right_first)
                for budget in BUDGETS
            },
        },
        "similarity": _mean([r["similarity"] for r in broken]),
        "words_changed_share": _mean([r["words_changed"] / r["words"] for r in broken if r["words"]]),
    }


def share(count: int, n: int) -> dict[str, Any]:
    """A proportion with its Wilson interval, or null and why."""
    if n == 0:
        return no_number("no example")
    p = proportion(count, n)
    return {"value": p.value, "low": p.low, "high": p.high, "count": count, "n": n}


def no_number(reason: str) -> dict[str, Any]:
    """Null and why."""
    return {"value": None, "reason": reason, "n": 0}


def number(value: float, n: int) -> dict[str, Any]:
    """A metric without an interval, or null and why: NaN is never written."""
    if not math.isfinite(value):
        return {"value": None, "reason": "undefined for these predictions (they are all the same, say)", "n": n}
    return {"value": value, "n": n}


def _quantile(values: Sequence[float], q: float) -> float | None:
    return float(np.quantile(values, q)) if values else None


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
