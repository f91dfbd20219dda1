"""A row's curves: accuracy by radius and by degree of a threat model, and attack success rate by number of queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alumbench.attacks.outcome import BROKEN, ROBUST
from alumbench.attacks.recipes.embedding_pgd import radius_of
from alumbench.attacks.single_search import budget_of
from alumbench.evaluation.results import EntryResult, Measure
from alumbench.evaluation.seeds import main_records
from alumbench.leaderboard.cells import over_seeds
from alumbench.leaderboard.entries import BoardEntry
from alumbench.records import Attacked
from alumbench.reports.view import CurvePoint, DegreeCurve
from alumbench.statistics import Attempt, SuccessWithin, success_within

BUDGETS = (10, 20, 50, 100, 200, 500, 1000)


def security_curve(members: Sequence[BoardEntry]) -> list[CurvePoint]:
    """Accuracy under embedding-PGD by relative radius, from radius 0, over training seeds.

    The radii are those of the seeds' entries; empty if there are none.
    """
    points: dict[float, list[Measure]] = {}
    for member in members:
        for described in member.content.entries.values():
            radius = radius_of(described.signature) if described.kind == "embedding" else None
            if radius is not None:
                figures = described.figures.measures
                points.setdefault(0.0, []).append(figures["clean_accuracy"])
                points.setdefault(radius, []).append(figures["accuracy_under_attack"])
    curve = []
    for radius, measures in sorted(points.items()):
        figure = over_seeds(measures)
        if figure.value is not None:
            curve.append(CurvePoint(radius, figure.value, figure.low, figure.high, figure.n))
    return curve


def query_curves(members: Sequence[BoardEntry]) -> dict[str, list[CurvePoint]]:
    """For each attack on texts, its success rate within each of `BUDGETS` queries, over training seeds."""
    found: dict[str, list[list[SuccessWithin]]] = {}
    for member in members:
        for name, described in member.content.entries.items():
            if described.kind == "attack" and described.goal == "untargeted":
                records = [r for r in main_records(member.records[name]) if isinstance(r, Attacked)]
                attempts = [_attempt(r) for r in records if r.prediction == r.label]
                limit = _limit(described, records)
                found.setdefault(name, []).append(success_within(attempts, BUDGETS, limit))
    return {name: [_point(seeds) for seeds in zip(*runs, strict=True) if seeds[0].rate] for name, runs in found.items()}


def degree_curves(members: Sequence[BoardEntry]) -> dict[str, DegreeCurve]:
    """For each attack within a threat model, accuracy by degree, from degree 0, over training seeds."""
    found: dict[str, tuple[str, dict[str, list[Measure]]]] = {}
    for member in members:
        for name, described in member.content.entries.items():
            within = described.figures.within
            if described.threat_model is not None and within is not None and within.accuracy_by_degree:
                _, points = found.setdefault(name, (described.threat_model.signature, {}))
                clean = described.figures.measures["clean_accuracy"]
                for degree, measure in {"0": clean, **within.accuracy_by_degree}.items():
                    points.setdefault(degree, []).append(measure)
    return {
        name: DegreeCurve(signature, any("%" in degree for degree in points), _points(points))
        for name, (signature, points) in found.items()
    }


def _points(measures: Mapping[str, Sequence[Measure]]) -> list[CurvePoint]:
    figures = {float(degree.rstrip("%")): over_seeds(every) for degree, every in measures.items()}
    return [
        CurvePoint(at, figure.value, figure.low, figure.high, figure.n)
        for at, figure in sorted(figures.items())
        if figure.value is not None
    ]


def _limit(described: EntryResult, records: Sequence[Attacked]) -> int | None:
    """Queries up to which every search went on; budgets per word differ by example."""
    queries, per_word = described.query_budget or None, described.queries_per_word
    if per_word is None:
        return queries
    budgets = [budget_of(record.words, queries, per_word) for record in records if record.prediction == record.label]
    return min((budget for budget in budgets if budget is not None), default=queries)


def _attempt(record: Attacked) -> Attempt:
    known: dict[str, bool] = {BROKEN: True, ROBUST: False}
    return Attempt(known.get(record.outcome), record.queries)


def _point(seeds: Sequence[SuccessWithin]) -> CurvePoint:
    rates = [Measure(value=one.rate.value, n=one.rate.n, count=int(one.rate.count)) for one in seeds if one.rate]
    figure = over_seeds(rates)
    return CurvePoint(seeds[0].budget, figure.value, figure.low, figure.high, figure.n)
