"""Chooses one of a row's candidates, by a rule that the plan fixed before any was run."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from alumbench.config import Amount, Count, typed
from alumbench.devices import choose_device, device_name
from alumbench.errors import AlumbenchError
from alumbench.evaluation.stored import Stored
from alumbench.models.checkpoint import PROVENANCE
from alumbench.models.checkpoint.provenance import Training, time_of
from alumbench.parsing import read_json
from alumbench.records import as_json
from alumbench.storage import write_json
from alumbench.studies.plan import Options, Plan, Row, Sweep, same_options

SWEEP = "sweep.json"


class Candidate(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Settings that were tried, and their results.

    Attributes:
        options: options of `alumbench train`.
        figures: the figures that the rule needs, by `entry:measure`.
        score: the mean over the rule's groups of each group's mean.
        seconds: training time, if the rule limits cost.
        device: the device it was trained on, if the rule limits cost.
    """

    options: dict[str, object]
    figures: dict[str, float]
    score: float
    seconds: Amount | None = None
    device: str | None = None


class Swept(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A row's candidates, and the one chosen.

    Attributes:
        train: the row's own options of `alumbench train`.
        candidates: settings that were tried, in the plan's order.
        chosen: index of the chosen candidate, None before the choice.
    """

    train: dict[str, object]
    candidates: list[Candidate]
    chosen: Count | None = None


class Rule(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The rule for measuring and choosing candidates; the last three fields only if the choice is limited.

    Attributes:
        suite: the suite that evaluates a candidate.
        score: groups of `entry:measure`; a candidate's score is the mean of the groups' means.
        train: options of `alumbench train` that override the rows'.
        attack: options of `alumbench attack`.
        seed: the training seed of all candidates.
        keep: an `entry:measure` that may not drop by more than `at_most_below`.
        at_most_below: largest allowed drop of `keep` below the first candidate's.
        at_most_cost: most training time of a candidate, as a multiple of the first's.
    """

    suite: str
    score: list[list[str]]
    train: dict[str, object]
    attack: dict[str, object]
    seed: Count
    keep: str | None = None
    at_most_below: Amount | None = None
    at_most_cost: Amount | None = None


class SweepFile(Struct, frozen=True):
    """A board's `sweep.json`.

    Attributes:
        rule: fixed before any candidate was run.
        rows: candidates by row.
    """

    rule: Rule
    rows: dict[str, Swept]


def add_candidate(plan: Plan, row: Row, at: int, folder: Path) -> None:
    """Adds a candidate's figures to the board's `sweep.json`, so that they outlive the folder of runs.

    Args:
        plan: a plan with a sweep.
        row: the candidate's row.
        at: its place among the row's candidates.
        folder: the candidate's folder.

    Raises:
        AlumbenchError: It lacks a figure that the rule needs.
    """
    assert plan.sweep is not None
    measured = measured_of(plan, row) | {at: _scored(plan.sweep, row.candidates[at], folder)}
    candidates = [measured[place] for place in sorted(measured)]
    _write(plan, _found(plan) | {row.name: Swept(train=dict(row.train), candidates=candidates)})


def choose(plan: Plan, rows: Sequence[Row], say: Callable[[str], None]) -> None:
    """Chooses a candidate of each row by the figures in the board's `sweep.json`, and records the choice there.

    Args:
        plan: a plan with a sweep.
        rows: the rows to choose for, if they have candidates; the same rule's results for others are kept.
        say: called with one line per row.

    Raises:
        AlumbenchError: A candidate is not measured.
    """
    assert plan.sweep is not None
    found = _found(plan)
    for row in filter(lambda row: row.candidates, rows):
        scored = list(measured_of(plan, row).values())
        if len(scored) < len(row.candidates):
            raise AlumbenchError(
                f"{plan.board / SWEEP}: has {len(scored)} of {len(row.candidates)} of row {row.name}; rerun the same "
                f"command to measure the rest"
            )
        best = _best(plan.sweep, scored)
        found[row.name] = Swept(train=dict(row.train), candidates=scored, chosen=best)
        say(f"{row.name}: {scored[best].options} of {len(scored)} candidates")
    _write(plan, found)


def measured_of(plan: Plan, row: Row) -> dict[int, Candidate]:
    """The row's candidates that `sweep.json` has under the plan's rule, by their place.

    If cost is limited, only those timed on this kind of device: times on others are not comparable.
    """
    assert plan.sweep is not None
    found = _found(plan).get(row.name)
    if found is None or not same_options(found.train, row.train):
        return {}
    device = str({**row.train, **plan.sweep.train}.get("device", "auto"))
    here = device_name(choose_device(device)) if plan.sweep.at_most_cost else ""
    return {
        at: replace(candidate, options=dict(options))
        for at, options in enumerate(row.candidates)
        for candidate in found.candidates
        if same_options(candidate.options, options) and (not here or candidate.device == here)
    }


def chosen_of(plan: Plan) -> dict[str, Options]:
    """The options chosen for each row, for rows with a choice in the board's `sweep.json`."""
    path = plan.board / SWEEP
    if not path.exists():
        return {}
    rows = _sweep_file(path).rows
    for name, row in rows.items():
        if not (row.chosen or 0) < len(row.candidates):
            raise AlumbenchError(f"{path}: rows.{name}: chose candidate {row.chosen} of {len(row.candidates)}")
    return {name: row.candidates[row.chosen].options for name, row in rows.items() if row.chosen is not None}


def _write(plan: Plan, found: Mapping[str, Swept]) -> None:
    assert plan.sweep is not None
    kept = {row.name: found[row.name] for row in plan.rows if row.candidates and row.name in found}
    write_json(plan.board / SWEEP, as_json(SweepFile(_rule(plan.sweep), kept)))


def _found(plan: Plan) -> dict[str, Swept]:
    """The rows of `sweep.json`; none if another rule than the plan's made it."""
    assert plan.sweep is not None
    path = plan.board / SWEEP
    before = _sweep_file(path) if path.exists() else None
    return dict(before.rows) if before is not None and _same_rule(before.rule, _rule(plan.sweep)) else {}


def _same_rule(one: Rule, other: Rule) -> bool:
    same = replace(one, train=other.train, attack=other.attack) == other
    return same and same_options(one.train, other.train) and same_options(one.attack, other.attack)


def _sweep_file(path: Path) -> SweepFile:
    return typed(SweepFile, read_json(path), str(path))


def _rule(sweep: Sweep) -> Rule:
    return Rule(
        suite=sweep.suite,
        score=list(map(list, sweep.score)),
        train=dict(sweep.train),
        attack=dict(sweep.attack),
        seed=sweep.seed,
        keep=sweep.keep if sweep.limited else None,
        at_most_below=sweep.at_most_below if sweep.limited else None,
        at_most_cost=sweep.at_most_cost if sweep.limited else None,
    )


def _scored(sweep: Sweep, options: Options, folder: Path) -> Candidate:
    stored = Stored.read(folder / "sweep")
    figures = {name: _figure(stored, name) for name in sweep.figures}
    score = statistics.fmean(statistics.fmean(figures[name] for name in group) for group in sweep.score)
    scored = Candidate(options=dict(options), figures=figures, score=round(score, 6))
    if not sweep.at_most_cost:
        return scored
    trained = typed(Training, read_json(folder / PROVENANCE), str(folder / PROVENANCE))
    return replace(scored, seconds=float(time_of(trained) or 0.0), device=trained.device)


def _best(sweep: Sweep, scored: Sequence[Candidate]) -> int:
    """The candidate with the largest score within the limits set by the first one's figures; on ties, the first."""
    first, below = scored[0], sweep.at_most_below + 1e-9  # .88 - .87 is a little more than .01
    admitted = [
        at
        for at, candidate in enumerate(scored)
        if (not sweep.keep or first.figures[sweep.keep] - candidate.figures[sweep.keep] <= below)
        and (not sweep.at_most_cost or (candidate.seconds or 0.0) <= sweep.at_most_cost * (first.seconds or 0.0))
    ]
    return max(admitted, key=lambda at: (scored[at].score, -at))


def _figure(stored: Stored, name: str) -> float:
    entry, _, measure = name.partition(":")
    column = stored.columns.get(entry)
    found = column.figures.all_measures.get(measure) if column else None
    if found is None or found.value is None:
        raise AlumbenchError(f"{stored.folder}: has no {measure} of {entry}, which the sweep's score asks for")
    return float(found.value)
