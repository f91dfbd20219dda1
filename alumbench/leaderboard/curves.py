"""A row's curves: accuracy against the radius of a perturbation, success of an attack against its queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alumbench.attacks.outcome import BROKEN
from alumbench.evaluation.seeds import main_records
from alumbench.evaluation.summary import right_at_first, share
from alumbench.leaderboard.cells import over_seeds
from alumbench.leaderboard.entries import Entry

BUDGETS = (10, 20, 50, 100, 200, 500, 1000)


def security_curve(members: Sequence[Entry]) -> list[dict[str, Any]]:
    """Accuracy under embedding-PGD by relative radius, from radius 0, over training seeds.

    The radii are those of the entries that all seeds have; empty where there are none.
    """
    points: dict[float, list[dict[str, Any]]] = {}
    for member in members:
        for described in member.content["entries"].values():
            if described["kind"] == "embedding":
                radius = float(described["signature"].rpartition("embedding-pgd@1:")[2].split(":")[1])
                measures = described["summary"]["measures"]
                points.setdefault(0.0, []).append(measures["clean_accuracy"])
                points.setdefault(radius, []).append(measures["accuracy_under_attack"])
    curve = []
    for radius, measures in sorted(points.items()):
        figure = over_seeds(measures)
        if figure["value"] is not None:
            curve.append({"radius": radius, **{name: figure[name] for name in ("value", "low", "high", "n")}})
    return curve


def query_curves(members: Sequence[Entry]) -> dict[str, list[dict[str, Any]]]:
    """For each attack on texts, its success rate within each of `BUDGETS` queries, over training seeds."""
    names = dict.fromkeys(
        name
        for member in members
        for name, described in member.content["entries"].items()
        if described["kind"] == "attack" and described["goal"] == "untargeted"
    )
    return {name: _query_curve([main_records(m.records[name]) for m in members if name in m.records]) for name in names}


def _query_curve(runs: Sequence[Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    curve = []
    for budget in BUDGETS:
        figure = over_seeds([_within(records, budget) for records in runs])
        if figure["value"] is not None:
            curve.append({"budget": budget, **{name: figure[name] for name in ("value", "low", "high", "n")}})
    return curve


def _within(records: Sequence[Mapping[str, Any]], budget: int) -> dict[str, Any]:
    broken = sum(record["outcome"] == BROKEN and record["queries"] <= budget for record in records)
    return share(broken, right_at_first(records))
