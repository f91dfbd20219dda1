"""One cell of a board: a row's figure for a column over its training seeds, with its evidence."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from alumbench.attacks.outcome import ATTACK_OUTCOMES, ROBUST
from alumbench.evaluation.results import Measure
from alumbench.leaderboard.config import TRAINING, Column
from alumbench.leaderboard.entries import BoardEntry
from alumbench.leaderboard.measures import AGAINST_ENUMERATION
from alumbench.leaderboard.redaction import cluster_of
from alumbench.records import Attacked, Record, adversarial_of, adversarial_scores_of
from alumbench.reports.view import Cell, Drop, OverSeeds, SetSearch, ShownExample
from alumbench.statistics import proportion, relative_drop

#: Number of a cell's examples on a page; the records have all of them.
MOST_EXAMPLES = 20


def cell(column: Column, members: Sequence[BoardEntry], baseline: Sequence[BoardEntry] = ()) -> Cell:
    """A row's figure for a column.

    Args:
        column: the column.
        members: the row's entries, one per training seed.
        baseline: the baseline's entries, for the cost of training.
    """
    measures = [m for m in (_measure(member, column, baseline) for member in members) if m is not None]
    evaluated = [member for member in members if member.measure(column) is not None and column.entry != TRAINING]
    wrong = _wrong(column, evaluated)
    return Cell(
        **vars(over_seeds(measures)),
        signature=evaluated[0].columns[column.entry].signature if evaluated else "",
        counts=_counts(column, evaluated),
        relative_drop=_relative_drop(column, evaluated),
        examples=[_example(record, evaluated[0]) for record in wrong[:MOST_EXAMPLES]],
        examples_total=len(wrong),
        records=evaluated[0].content.records.file if evaluated else "",
        searched=_searched(column, evaluated),
    )


def over_seeds(measures: Sequence[Measure]) -> OverSeeds:
    """The mean of several seeds' figures, with its interval where they are shares."""
    values = [m.value for m in measures if m.value is not None]
    n = min((m.n for m in measures), default=0)  # a success rate's n differs by seed: the smallest is the honest one
    if not values:
        return OverSeeds(n=n, reason=measures[0].reason if measures else "not evaluated")
    mean = statistics.fmean(values)
    interval = proportion(min(mean * n, n), n) if all(m.count is not None for m in measures) else None
    return OverSeeds(
        value=mean,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        sd=statistics.stdev(values) if len(values) > 1 else None,
        min=min(values),
        max=max(values),
        n=n,
        seeds=len(values),
    )


def _measure(member: BoardEntry, column: Column, baseline: Sequence[BoardEntry]) -> Measure | None:
    if column.measure != "training_cost":
        return member.measure(column)
    cost = member.cost_over(baseline)
    return None if cost is None else Measure(value=cost, n=0)


def _counts(column: Column, members: Sequence[BoardEntry]) -> dict[str, int]:
    """Outcomes of all seeds together; nothing for fixed sets."""
    counts: Counter[str] = Counter(record.outcome for member in members for record in member.records_of(column))
    if not counts.keys() & set(ATTACK_OUTCOMES):
        return {}
    return {outcome: counts[outcome] for outcome in ATTACK_OUTCOMES}


def _searched(column: Column, members: Sequence[BoardEntry]) -> SetSearch | None:
    """How far an attack within a threat model came, for the column of its accuracy."""
    entry = members[0].content.entries.get(column.entry) if members else None
    if entry is None or entry.threat_model is None or column.measure != "accuracy_under_attack":
        return None
    records = [record for member in members for record in member.records_of(column) if isinstance(record, Attacked)]
    known = [record.searched for record in records if record.searched is not None]
    degrees = [searched.degree for searched in known if searched.degree is not None]
    optimality, query_share = (
        [m for m in (member.measure(replace(column, measure=name)) for member in members) if m is not None]
        for name in AGAINST_ENUMERATION
    )
    return SetSearch(
        threat_model=entry.threat_model.signature,
        median_degree=float(statistics.median(degrees)) if degrees else None,
        empty_sets=sum(not searched.largest for searched in known),
        exhausted=sum(searched.exhausted for searched in known),
        robust=sum(record.outcome == ROBUST for record in records),
        optimality=over_seeds(optimality) if optimality else None,
        query_share=over_seeds(query_share) if query_share else None,
    )


def _relative_drop(column: Column, members: Sequence[BoardEntry]) -> Drop | None:
    """The drop in accuracy that an attack causes on its examples; None for sets, which have no unchanged form."""
    if column.measure != "accuracy_under_attack":
        return None
    drops = []
    for member in members:
        records = member.records_of(column)
        clean = {record.id: record.prediction == record.label for record in records}
        drops.append(relative_drop(clean, member.right(column), {record.id: cluster_of(record) for record in records}))
    values = [drop.value for drop in drops if drop.value is not None]
    one = drops[0] if len(drops) == 1 else None
    return Drop(
        statistics.fmean(values) if values else None,
        one.low if one else None,
        one.high if one else None,
    )


def _wrong(column: Column, members: Sequence[BoardEntry]) -> list[Record]:
    """Examples that the first seed's model got wrong or an attack broke, by id; those with a readable text first."""
    records = members[0].records_of(column) if members else []
    wrong = [record for record in records if record.outcome not in ("correct", "robust", "scored")]
    return sorted(wrong, key=lambda record: (adversarial_of(record) is None, record.id))


def _example(record: Record, member: BoardEntry) -> ShownExample:
    labels, scores = member.content.task.labels, adversarial_scores_of(record)
    attacked = record if isinstance(record, Attacked) else None
    return ShownExample(
        seed=None if member.reference else member.seed,
        id=record.id,
        label=record.label,
        prediction=record.prediction,
        to=labels[max(range(len(scores)), key=scores.__getitem__)] if scores else None,
        outcome=record.outcome,
        columns=adversarial_of(record),
        changed=attacked.changed if attacked else None,
        queries=attacked.queries if attacked else None,
        similarity=attacked.similarity if attacked else None,
    )
