"""The figures of an entry's records: shares with n and interval, or null with a reason if undefined."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from alumbench.attacks.outcome import ATTACK_OUTCOMES, BROKEN, ROBUST, SKIPPED
from alumbench.data import Task
from alumbench.evaluation.results import Ascents, Measure, Queries, Summary
from alumbench.metrics import score
from alumbench.records import Ascended, Attacked, Record
from alumbench.statistics import proportion

BUDGETS = (50, 100, 500, 1000)
UNDER_ATTACK = ("clean_accuracy", "accuracy_under_attack", "attack_success_rate")


def is_right(record: Record) -> bool:
    """True if the model answers the record's example right; for an attack, still right at the end of the search.

    An error or a timeout does not count as right: it shows nothing.
    """
    return record.outcome in {"correct", ROBUST}


def summarize(kind: str, task: Task, records: Sequence[Record], goal: str = "") -> Summary:
    """The figures of one entry.

    Args:
        kind: clean, fixed, attack or embedding.
        task: the task, for its metrics.
        records: of that entry, one an example.
        goal: an attack's goal; a `reduction` has no accuracy under attack, since its label stays right.

    Returns:
        Measures; groups for sets with parts; counts and costs for attacks; for embedding attacks the means of |δ| / ε
        and of the share of zero gradients, and the number of stuck examples among those not broken.
    """
    if kind == "attack":
        return _attack_summary([record for record in records if isinstance(record, Attacked)], goal)
    if kind == "embedding":
        return Summary(measures=under_attack(records), ascent=_ascent(records))
    if task.is_regression:
        gold = np.array([record.label for record in records], dtype=float)
        predicted = np.array([record.prediction for record in records], dtype=float)
        return Summary(
            measures={name: number(value, len(records)) for name, value in score(task.metrics, gold, predicted).items()}
        )
    measures = {"accuracy": proportion_with_ci(sum(map(is_right, records)), len(records))}
    if kind == "clean" and set(task.metrics) - {"accuracy"}:
        index = {name: at for at, name in enumerate(task.labels)}
        gold = np.array([index[str(record.label)] for record in records], dtype=float)
        predicted = np.array([index[str(record.prediction)] for record in records], dtype=float)
        extra = [name for name in task.metrics if name != "accuracy"]
        measures |= {name: number(value, len(records)) for name, value in score(extra, gold, predicted).items()}
    groups = sorted({record.group for record in records if record.group})
    of_groups = {
        group: proportion_with_ci(
            sum(is_right(r) for r in records if r.group == group),
            sum(r.group == group for r in records),
        )
        for group in groups
    }
    return Summary(measures=measures, groups=of_groups or None)


def under_attack(records: Sequence[Record]) -> dict[str, Measure]:
    """The measures of an attack; null with the reason if examples were skipped, since their outcome is unknown."""
    counts = Counter(record.outcome for record in records)
    clean = proportion_with_ci(right_at_first(records), sum(r.prediction is not None for r in records))
    if counts[SKIPPED]:
        nothing = undefined(f"--skip-broken: {counts[SKIPPED]} examples that an earlier attack broke were not attacked")
        return dict.fromkeys(UNDER_ATTACK, nothing) | {"clean_accuracy": clean}
    return {
        "clean_accuracy": clean,
        "accuracy_under_attack": proportion_with_ci(counts[ROBUST], len(records)),
        "attack_success_rate": proportion_with_ci(counts[BROKEN], right_at_first(records)),
    }


#: |δ| / ε below which an ascent counts as stuck.
MOVED = 0.5


def _ascent(records: Sequence[Record]) -> Ascents | None:
    """Progress of an embedding attack's ascents on the examples answered right; None if older records lack it."""
    attacked = [
        (r.outcome, r.ascent) for r in records if isinstance(r, Ascended) and r.outcome in {ROBUST, BROKEN} and r.ascent
    ]
    if not attacked:
        return None
    kept = [ascent for outcome, ascent in attacked if outcome == ROBUST]
    return Ascents(
        moved=float(np.mean([ascent.moved for _, ascent in attacked])),
        zero_gradients=float(np.mean([ascent.zero_gradients for _, ascent in attacked])),
        not_broken=len(kept),
        stuck=sum(one.moved < MOVED or not one.rose for one in kept),
    )


def right_at_first(records: Sequence[Record]) -> int:
    """Number of examples that the model answers right before the attack."""
    return sum(record.prediction == record.label for record in records)


def _attack_summary(records: Sequence[Attacked], goal: str) -> Summary:
    counts = Counter(record.outcome for record in records)
    right_first = right_at_first(records)
    attacked = [r for r in records if r.outcome in {ROBUST, BROKEN}]
    broken = [r for r in records if r.outcome == BROKEN]
    queries = [r.queries for r in attacked]
    measures = under_attack(records)
    if goal == "reduction":  # its label stays right, so there is no accuracy under attack
        measures = {
            "clean_accuracy": measures["clean_accuracy"],
            "reduced_rate": proportion_with_ci(counts[BROKEN], right_first),
        }
    return Summary(
        measures=measures,
        outcomes={name: counts[name] for name in ATTACK_OUTCOMES}
        | ({SKIPPED: counts[SKIPPED]} if counts[SKIPPED] else {}),
        queries=Queries(
            median=_quantile(queries, 0.5),
            p95=_quantile(queries, 0.95),
            asked=sum(r.queries for r in records),
            unique=sum(r.queries_unique for r in records),
            success_within={
                str(budget): measures["accuracy_under_attack"]
                if counts[SKIPPED]
                else proportion_with_ci(sum(r.queries <= budget for r in broken), right_first)
                for budget in BUDGETS
            },
        ),
        similarity=_mean([r.similarity for r in broken]),
        words_changed_share=_mean([r.words_changed / r.words for r in broken if r.words]),
    )


def proportion_with_ci(count: int, n: int) -> Measure:
    """A proportion with its Wilson interval, or null with the reason."""
    if n == 0:
        return undefined("no example")
    p = proportion(count, n)
    return Measure(value=p.value, low=p.low, high=p.high, count=count, n=n)


def undefined(reason: str) -> Measure:
    """Null with the reason."""
    return Measure(value=None, reason=reason, n=0)


def number(value: float, n: int) -> Measure:
    """A metric without an interval, or null with the reason: NaN is never written."""
    if not math.isfinite(value):
        return Measure(value=None, reason="undefined for these predictions (they are all the same, say)", n=n)
    return Measure(value=value, n=n)


def _quantile(values: Sequence[float], q: float) -> float | None:
    return float(np.quantile(values, q)) if values else None


def _mean(values: Sequence[float | None]) -> float | None:
    return float(np.mean(values)) if values else None  # type: ignore[arg-type]
