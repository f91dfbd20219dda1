"""A row's curves: accuracy against the radius of a perturbation, success of an attack against its queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alumbench.attacks.embedding_protocol import radius_of
from alumbench.attacks.outcome import BROKEN, ROBUST
from alumbench.evaluation.seeds import main_records
from alumbench.leaderboard.cells import over_seeds
from alumbench.leaderboard.entries import Entry
from alumbench.statistics import Attempt, SuccessWithin, success_within

BUDGETS = (10, 20, 50, 100, 200, 500, 1000)


def security_curve(members: Sequence[Entry]) -> list[dict[str, Any]]:
    """Accuracy under embedding-PGD by relative radius, from radius 0, over training seeds.

    The radii are those of the entries that all seeds have; empty where there are none.
    """
    points: dict[float, list[dict[str, Any]]] = {}
    for member in members:
        for described in member.content["entries"].values():
            radius = radius_of(described["signature"]) if described["kind"] == "embedding" else None
            if radius is not None:
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
    found: dict[str, list[list[SuccessWithin]]] = {}
    for member in members:
        for name, described in member.content["entries"].items():
            if described["kind"] == "attack" and described["goal"] == "untargeted":
                attempts = [_attempt(r) for r in main_records(member.records[name]) if r["prediction"] == r["label"]]
                limit = described.get("query_budget") or None
                found.setdefault(name, []).append(success_within(attempts, BUDGETS, limit))
    return {name: [_point(seeds) for seeds in zip(*runs, strict=True) if seeds[0].rate] for name, runs in found.items()}


def _attempt(record: Mapping[str, Any]) -> Attempt:
    known = {BROKEN: True, ROBUST: False}
    return Attempt(known.get(record["outcome"]), record["queries"])


def _point(seeds: Sequence[SuccessWithin]) -> dict[str, Any]:
    rates = [{"value": one.rate.value, "n": one.rate.n, "count": one.rate.count} for one in seeds if one.rate]
    figure = over_seeds(rates)
    return {"budget": seeds[0].budget, **{name: figure[name] for name in ("value", "low", "high", "n")}}
