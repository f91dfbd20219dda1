"""Accuracy under attack by degree of a threat model: one search within the largest degree gives the whole curve."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from alumbench.attacks.outcome import BROKEN, ROBUST, SKIPPED
from alumbench.attacks.threat_models.references import degree_in
from alumbench.attacks.threat_models.threat_model import most_steps
from alumbench.evaluation.results import BY_DEGREE, Measure, SetFigures
from alumbench.evaluation.summary import proportion_with_ci, undefined
from alumbench.records import Attacked, Record

#: Most degrees of a curve.
MOST_DEGREES = 20


def degrees(degree: int, percent: bool) -> list[int]:
    """The degrees of a curve: each up to the largest, of percentages each ten; evenly thinned to `MOST_DEGREES`.

    >>> degrees(4, False), degrees(35, True)
    ([1, 2, 3, 4], [10, 20, 30, 35])
    """
    every = 10 if percent else -(-degree // MOST_DEGREES)
    return [*range(every, degree, every), degree]


def is_right_within(record: Record, degree: int, percent: bool) -> bool:
    """True if the answer is right when the attacker may take at most as many steps as the degree allows."""
    searched = record.searched if isinstance(record, Attacked) else None
    if record.outcome != BROKEN or searched is None or searched.degree is None:
        return record.outcome == ROBUST
    return searched.degree > most_steps(degree, percent, searched.words)


def parse_degree(measure: str) -> tuple[int, bool] | None:
    """The degree in the name of a measure, and whether it is a percentage; None if it names none.

    >>> parse_degree("accuracy_within_30%"), parse_degree("accuracy")
    ((30, True), None)
    """
    text = measure.removeprefix(BY_DEGREE)
    number = text.removesuffix("%")
    if text == measure or not (number.isascii() and number.isdigit() and len(number) <= 6):
        return None
    return int(number), text.endswith("%")


def summarize_within(records: Sequence[Attacked], threat_model: str) -> SetFigures:
    """The figures of an attack within a threat model.

    Args:
        records: of that attack, one an example.
        threat_model: its signature; what is not a threat model at a degree has no figures by degree.
    """
    try:
        degree, percent = degree_in(threat_model)
    except ValueError:
        degree, percent = 0, False
    known = [record.searched for record in records if record.searched is not None]
    found = [searched.degree for searched in known if searched.degree is not None]
    return SetFigures(
        accuracy_by_degree={
            f"{at}{'%' if percent else ''}": _accuracy(records, at, percent)
            for at in (degrees(degree, percent) if degree else ())
        },
        median_degree=float(median(found)) if found else None,
        empty_sets=sum(not searched.largest for searched in known),
        exhausted=sum(searched.exhausted for searched in known),
    )


def _accuracy(records: Sequence[Attacked], degree: int, percent: bool) -> Measure:
    skipped = sum(record.outcome == SKIPPED for record in records)
    if skipped:
        return undefined(f"--skip-broken: {skipped} examples that an earlier attack broke were not attacked")
    return proportion_with_ci(sum(is_right_within(record, degree, percent) for record in records), len(records))
