"""A plan carried out: pre-training, sweep, training, evaluation, entries, the built board."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from alumbench.errors import AlumbenchError
from alumbench.evaluation.stored import Stored
from alumbench.leaderboard.board import build
from alumbench.leaderboard.compare import measures_of
from alumbench.storage import read_json, write_json
from alumbench.studies.jobs import Job, run_jobs
from alumbench.studies.plan import PRETRAINED, Options, Plan, Row, Sweep, arguments, merged

SWEEP = "sweep.json"


def run_study(
    plan: Plan, runs: Path, slots: int = 1, only: Sequence[str] = (), say: Callable[[str], None] = print
) -> None:
    """Does what of a plan is not done, and builds its board from what there is.

    Args:
        plan: what to do.
        runs: takes checkpoints, evaluations and logs.
        slots: how many commands run at a time.
        only: names of rows; all where it is empty.
        say: takes a line of progress.

    Raises:
        AlumbenchError: A row is unknown, or commands failed; the same call goes on.
    """
    rows = [row for row in plan.rows if not only or row.name in only]
    for name in only:
        if name not in {row.name for row in plan.rows}:
            raise AlumbenchError(f"{plan.board}: no row '{name}'; it has {', '.join(row.name for row in plan.rows)}")
    wanted = {str(row.train.get("model", "")).removeprefix(PRETRAINED) for row in rows}
    run_jobs(
        [
            Job(f"pretrain-{name}", [["pretrain", *arguments(options), "--out", str(runs / f"pretrain-{name}")]])
            for name, options in plan.pretrain.items()
            if name in wanted
        ],
        runs,
        slots,
        say,
    )
    if plan.sweep is not None:
        swept = [row for row in rows if row.candidates]
        run_jobs(
            [_candidate(plan.sweep, row, at, runs) for row in swept for at in range(len(row.candidates))],
            runs / "sweep",
            slots,
            say,
        )
        _choose(plan, swept, runs, say)
    chosen = _chosen(plan)
    # Seed by seed, so that a table cut short has few seeds rather than few rows.
    jobs = [_checkpoint(plan, row, chosen.get(row.name, {}), seed, runs) for seed in plan.seeds for row in rows]
    try:
        run_jobs(jobs, runs, slots, say)
    finally:
        if any((plan.board / "results").glob("*.json")):
            build(plan.board)
    say(f"{plan.board}: built; next: alumbench leaderboard check {plan.board}")


def _candidate(sweep: Sweep, row: Row, at: int, runs: Path) -> Job:
    name = f"{row.slug}-{at + 1}"
    folder = str(runs / "sweep" / name)
    options = merged(_model(row.train, runs), row.candidates[at], sweep.train)
    train = ["train", *arguments(options), "--seed", str(sweep.seed), "--out", folder]
    attack = ["attack", folder, "--suite", sweep.suite, *arguments(sweep.attack), "--out", str(Path(folder) / "sweep")]
    return Job(name, [train, attack])


def _checkpoint(plan: Plan, row: Row, chosen: Options, seed: int, runs: Path) -> Job:
    name = f"{row.slug}-{seed}"
    folder = str(runs / name)
    options = merged(_model(row.train, runs), chosen)
    commands = [["train", *arguments(options), "--seed", str(seed), "--out", folder]]
    commands += [["attack", folder, "--suite", suite, *arguments(plan.attack)] for suite in plan.suites]
    commands += [["leaderboard", "add", str(plan.board), folder, "--row", row.name]]
    return Job(name, commands)


def _model(options: Options, runs: Path) -> Options:
    model = str(options.get("model", ""))
    if not model.startswith(PRETRAINED):
        return options
    return {**options, "model": str(runs / f"pretrain-{model.removeprefix(PRETRAINED)}")}


def _choose(plan: Plan, rows: Sequence[Row], runs: Path, say: Callable[[str], None]) -> None:
    """Writes `sweep.json`: every candidate's figures and score, and which was taken; between equals the first."""
    assert plan.sweep is not None
    path = plan.board / SWEEP
    found: dict[str, Any] = read_json(path)["rows"] if path.exists() else {}
    for row in rows:
        scored: list[dict[str, Any]] = []
        for at, candidate in enumerate(row.candidates, start=1):
            stored = Stored.read(runs / "sweep" / f"{row.slug}-{at}" / "sweep")
            figures = {name: _figure(stored, name) for group in plan.sweep.score for name in group}
            score = statistics.fmean(statistics.fmean(figures[name] for name in group) for group in plan.sweep.score)
            scored.append({"options": candidate, "figures": figures, "score": round(score, 6)})
        scores = [float(candidate["score"]) for candidate in scored]
        best = scores.index(max(scores))
        found[row.name] = {"candidates": scored, "chosen": best}
        say(f"{row.name}: {scored[best]['options']} of {len(scored)} candidates")
    known = [row.name for row in plan.rows if row.name in found]
    rule = {"suite": plan.sweep.suite, "score": plan.sweep.score, "train": plan.sweep.train, "seed": plan.sweep.seed}
    write_json(path, {"rule": rule, "rows": {name: found[name] for name in known}})


def _figure(stored: Stored, name: str) -> float:
    entry, _, measure = name.partition(":")
    entries = stored.complete_entries()
    value = measures_of(entries[entry]["summary"]).get(measure, {}).get("value") if entry in entries else None
    if value is None:
        raise AlumbenchError(f"{stored.folder}: has no {measure} of {entry}, which the sweep's score asks for")
    return float(value)


def _chosen(plan: Plan) -> dict[str, Options]:
    path = plan.board / SWEEP
    if not path.exists():
        return {}
    rows = read_json(path)["rows"]
    return {name: row["candidates"][row["chosen"]]["options"] for name, row in rows.items()}
