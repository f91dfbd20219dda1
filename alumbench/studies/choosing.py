"""Which candidate of a row is taken, by a rule that its plan fixed before any was run."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from alumbench.checkpoints import PROVENANCE
from alumbench.config import Amount, Count, check
from alumbench.devices import choose_device, device_name
from alumbench.errors import AlumbenchError
from alumbench.evaluation.stored import Stored
from alumbench.leaderboard.compare import measures_of
from alumbench.parsing import read_json
from alumbench.storage import write_json
from alumbench.studies.plan import Options, Plan, Row, Sweep

SWEEP = "sweep.json"


def add_candidate(plan: Plan, row: Row, at: int, folder: Path) -> None:
    """Adds a candidate's figures to the board's `sweep.json`, where they outlast the folder of runs.

    Args:
        plan: has a sweep.
        row: whose candidate it is.
        at: its place among the row's candidates.
        folder: the candidate's.

    Raises:
        AlumbenchError: It lacks a figure that the rule asks for.
    """
    assert plan.sweep is not None
    measured = measured_of(plan, row) | {at: _scored(plan.sweep, row.candidates[at], folder)}
    candidates = [measured[place] for place in sorted(measured)]
    _write(plan, _found(plan) | {row.name: {"train": row.train, "candidates": candidates}})


def choose(plan: Plan, rows: Sequence[Row], say: Callable[[str], None]) -> None:
    """Takes a candidate of each row, by the figures that the board's `sweep.json` has, and notes there which.

    Args:
        plan: has a sweep.
        rows: of which, those with candidates; what the same rule found of others is kept.
        say: takes a line for each row.

    Raises:
        AlumbenchError: A candidate is not measured.
    """
    assert plan.sweep is not None
    found = _found(plan)
    for row in filter(lambda row: row.candidates, rows):
        scored = list(measured_of(plan, row).values())
        if len(scored) < len(row.candidates):
            raise AlumbenchError(
                f"{plan.board / SWEEP}: has {len(scored)} of {len(row.candidates)} of row {row.name}; the same command "
                f"again measures the rest"
            )
        best = _best(plan.sweep, scored)
        found[row.name] = {"train": row.train, "candidates": scored, "chosen": best}
        say(f"{row.name}: {scored[best]['options']} of {len(scored)} candidates")
    _write(plan, found)


def measured_of(plan: Plan, row: Row) -> dict[int, dict[str, Any]]:
    """The row's candidates that `sweep.json` has by the plan's rule, by their place.

    Where cost counts, those that were timed on this kind of machine: others' seconds are of another length.
    """
    assert plan.sweep is not None
    found = _found(plan).get(row.name, {})
    device = str({**row.train, **plan.sweep.train}.get("device", "auto"))
    here = device_name(choose_device(device)) if plan.sweep.at_most_cost else ""
    return {
        at: candidate
        for at, options in enumerate(row.candidates)
        for candidate in found.get("candidates", [])
        if found["train"] == _plain(row.train) and candidate["options"] == options
        if not here or candidate["device"] == here
    }


def chosen_of(plan: Plan) -> dict[str, Options]:
    """The options taken for each row, as far as its board's `sweep.json` says."""
    path = plan.board / SWEEP
    if not path.exists():
        return {}
    rows = _sweep_file(path)["rows"]
    for name, row in rows.items():
        if not row.get("chosen", 0) < len(row["candidates"]):
            raise AlumbenchError(f"{path}: rows.{name}: chose candidate {row['chosen']} of {len(row['candidates'])}")
    return {name: row["candidates"][row["chosen"]]["options"] for name, row in rows.items() if "chosen" in row}


def _write(plan: Plan, found: Mapping[str, Any]) -> None:
    assert plan.sweep is not None
    kept = {row.name: found[row.name] for row in plan.rows if row.candidates and row.name in found}
    write_json(plan.board / SWEEP, {"rule": _rule(plan.sweep), "rows": kept})


def _found(plan: Plan) -> dict[str, Any]:
    """What `sweep.json` has of each row, if it was found by the plan's rule."""
    assert plan.sweep is not None
    path = plan.board / SWEEP
    before = _sweep_file(path) if path.exists() else {}
    return dict(before["rows"]) if before.get("rule") == _plain(_rule(plan.sweep)) else {}


class _Candidate(TypedDict):
    options: dict[str, Any]
    figures: dict[str, float]
    score: float
    seconds: NotRequired[Amount]
    device: NotRequired[str]


class _Row(TypedDict):
    train: dict[str, Any]
    candidates: list[_Candidate]
    chosen: NotRequired[Count]


class _File(TypedDict):
    rule: dict[str, Any]
    rows: dict[str, _Row]


def _sweep_file(path: Path) -> Any:
    return check(_File, read_json(path), str(path))


def _rule(sweep: Sweep) -> dict[str, Any]:
    rule = {name: getattr(sweep, name) for name in ("suite", "score", "train", "attack", "seed")}
    if sweep.limited:
        rule |= {name: getattr(sweep, name) for name in ("keep", "at_most_below", "at_most_cost")}
    return rule


def _scored(sweep: Sweep, options: Options, folder: Path) -> dict[str, Any]:
    stored = Stored.read(folder / "sweep")
    figures = {name: _figure(stored, name) for name in sweep.figures}
    score = statistics.fmean(statistics.fmean(figures[name] for name in group) for group in sweep.score)
    scored = {"options": options, "figures": figures, "score": round(score, 6)}
    return scored | (_timed(folder) if sweep.at_most_cost else {})


def _best(sweep: Sweep, scored: Sequence[dict[str, Any]]) -> int:
    """The largest score among the candidates that the first one's figures admit; between equals the first."""
    first, below = scored[0], sweep.at_most_below + 1e-9  # .88 - .87 is a little more than .01
    admitted = [
        at
        for at, candidate in enumerate(scored)
        if (not sweep.keep or first["figures"][sweep.keep] - candidate["figures"][sweep.keep] <= below)
        and (not sweep.at_most_cost or candidate["seconds"] <= sweep.at_most_cost * first["seconds"])
    ]
    return max(admitted, key=lambda at: (scored[at]["score"], -at))


def _timed(folder: Path) -> dict[str, Any]:
    record = read_json(folder / PROVENANCE)
    seconds = record["cpu_seconds"] if record["device"].startswith("cpu") else record["seconds"]
    return {"seconds": float(seconds), "device": record["device"]}


def _plain(value: Any) -> Any:
    """As JSON gives it back."""
    return json.loads(json.dumps(value))


def _figure(stored: Stored, name: str) -> float:
    entry, _, measure = name.partition(":")
    entries = stored.complete_entries()
    value = measures_of(entries[entry]["summary"]).get(measure, {}).get("value") if entry in entries else None
    if value is None:
        raise AlumbenchError(f"{stored.folder}: has no {measure} of {entry}, which the sweep's score asks for")
    return float(value)
