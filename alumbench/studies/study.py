"""Carries out a plan: pre-training, sweep, training, evaluation, entries, and the built board."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

from alumbench.commands import next_line
from alumbench.errors import AlumbenchError, unknown
from alumbench.evaluation.results import WORST, scored_otherwise
from alumbench.evaluation.suite import load_suite
from alumbench.leaderboard.board import build
from alumbench.leaderboard.config import Board
from alumbench.leaderboard.external_rows import add_references
from alumbench.leaderboard.references import REFERENCES
from alumbench.leaderboard.submit import entry_path
from alumbench.parsing import read_json
from alumbench.studies.choosing import add_candidate, choose, chosen_of, measured_of
from alumbench.studies.jobs import Job, run_jobs
from alumbench.studies.plan import RUNS, Options, Plan, Row, Sweep, arguments, merged, old_names_in


def run_study(
    plan: Plan,
    runs: Path,
    slots: int = 1,
    only: Sequence[str] = (),
    sweep_only: bool = False,
    missing: bool = False,
    say: Callable[[str], None] = print,
) -> None:
    """Does the unfinished parts of a plan, references first, and builds its board from all entries there are.

    Args:
        plan: the plan.
        runs: the folder for checkpoints, evaluations and logs.
        slots: number of commands at a time.
        only: names of rows; empty for all.
        sweep_only: stop once settings are chosen.
        missing: keep entries that have all suites, and candidates' figures, whatever folder of runs they came from. If
            a row then mixes these with checkpoints trained differently by the current plan, building the board fails.
        say: called with one line of progress.

    Raises:
        AlumbenchError: A row, suite or entry is unknown, references cannot be made, a row's entries came from a
            pre-trained model that is not here, or commands failed. What does not depend on those is done; repeat the
            call to resume.
    """
    for note in old_names_in(plan):
        say(note)
    rows = _rows(plan, only)
    check_plan(plan)
    if missing:
        rows = [row for row in rows if not _is_whole(plan, row)]
        for row in rows:
            _check_pretrained(plan, row, runs)
    if (plan.board / REFERENCES).exists() and not sweep_only:
        add_references(plan.board)
    failed = run_jobs(_pretraining(plan, rows, runs), runs, slots, say)
    rows = [row for row in rows if not row.pretrained or _pretraining_name(row.pretrained) not in failed]
    before = chosen_of(plan)
    if plan.sweep is not None:
        lost = _sweep(plan, rows, runs, slots, missing, say)
        failed |= {f"sweep/{name}": line for name, line in lost.items()}
        rows = [row for row in rows if lost.keys().isdisjoint(_candidate_names(row))]
        choose(plan, rows, say)
    if not sweep_only:
        jobs = _checkpoints(plan, rows, runs, say)
        if missing:
            changed = {row.name for row in rows if before.get(row.name) != chosen_of(plan).get(row.name)}
            anew = {_result(plan, row, seed) for row in rows for seed in plan.seeds if row.name in changed}
            jobs = [job for job in jobs if job.result in anew or not _is_there(plan, job.result)]
        failed |= run_jobs(jobs, runs, slots, say)
    problems = [f"{runs / name}.log: {line}" for name, line in failed.items()]
    if not sweep_only and any((plan.board / "results").glob("*.json")):
        try:
            build(plan.board)
        except AlumbenchError as error:
            problems.append(str(error))  # together with errors that may have caused it
    if problems:
        raise AlumbenchError(f"{plan.board}: not finished; fix this, then rerun the same command to resume:", problems)
    if not sweep_only:
        say(f"{plan.board}: built")
        say(next_line("leaderboard", "check", plan.board))


def jobs_of(plan: Plan, runs: Path) -> list[Job]:
    """All jobs of a plan, with the settings chosen so far."""
    sweep = _candidates(plan.sweep, plan.rows, runs) if plan.sweep is not None else []
    return [*_pretraining(plan, plan.rows, runs), *sweep, *_checkpoints(plan, plan.rows, runs, lambda line: None)]


def check_plan(plan: Plan) -> None:
    """Checks, before hours of work, that board and suites exist, have what the plan needs and accept its results.

    Raises:
        AlumbenchError: One of these is not so.
    """
    board = Board.read(plan.board)
    scoring, precision = (cast("str | None", plan.attack.get(name)) for name in ("scoring", "precision"))
    if (said := scored_otherwise(scoring, precision)) != list(board.scored):
        raise AlumbenchError(
            f"{plan.board / RUNS}, attack: scores {said or 'by default'}, and {plan.board / 'board.toml'} takes "
            f"{list(board.scored) or 'the default alone'}: set scored = {json.dumps(said)} there"
        )
    for name in plan.suites:
        load_suite(name)
    if plan.sweep is None:
        return
    suite = load_suite(plan.sweep.suite)
    known = [entry.name for entry in suite.entries]
    known += [f"{WORST}{ensemble.name}@{ensemble.version}" for ensemble in suite.ensembles]
    for name in plan.sweep.figures:
        entry = name.partition(":")[0]
        if entry not in known:
            raise AlumbenchError(f"{plan.board / RUNS}, sweep: suite {suite.name}: {unknown('entry', entry, known)}")


def _sweep(
    plan: Plan, rows: Sequence[Row], runs: Path, slots: int, missing: bool, say: Callable[[str], None]
) -> dict[str, str]:
    """Runs the rows' candidates and keeps their figures; returns the failed ones, as `run_jobs` does."""
    assert plan.sweep is not None
    jobs = {job.name: (row, at, job) for row in rows for at, job in enumerate(_candidates(plan.sweep, [row], runs))}
    if missing:
        jobs = {name: (row, at, job) for name, (row, at, job) in jobs.items() if at not in measured_of(plan, row)}

    def ended(job: Job) -> None:
        row, at, _ = jobs[job.name]
        add_candidate(plan, row, at, runs / "sweep" / job.name)

    return run_jobs([job for _, _, job in jobs.values()], runs / "sweep", slots, say, ended)


def _is_whole(plan: Plan, row: Row) -> bool:
    """True if the board has all of a row's entries and candidates."""
    measured = not row.candidates or len(measured_of(plan, row)) == len(row.candidates)
    return measured and all(_is_there(plan, _result(plan, row, seed)) for seed in plan.seeds)


def _is_there(plan: Plan, result: Path | None) -> bool:
    """True if an entry exists and has all suites."""
    if result is None or not result.exists():
        return False
    has = {(made["suite"]["name"], made["suite"]["version"]) for made in read_json(result)["evaluations"]}
    return {(suite.name, suite.version) for suite in map(load_suite, plan.suites)} <= has


def _check_pretrained(plan: Plan, row: Row, runs: Path) -> None:
    folder = runs / _pretraining_name(row.pretrained)
    there = [seed for seed in plan.seeds if _result(plan, row, seed).exists()]
    if row.pretrained and there and not folder.exists():
        raise AlumbenchError(
            f"{plan.board}: row {row.name} has seed {there[0]}, of a model that was pre-trained elsewhere, and "
            f"pre-training it here would give different weights; copy that machine's {folder.name} to {folder}, "
            f"or run without --missing"
        )


def _rows(plan: Plan, only: Sequence[str]) -> list[Row]:
    known = [row.name for row in plan.rows]
    for name in only:
        if name not in known:
            raise AlumbenchError(f"{plan.board}: no row '{name}'; it has {', '.join(known)}")
    return [row for row in plan.rows if not only or row.name in only]


def _pretraining(plan: Plan, rows: Sequence[Row], runs: Path) -> list[Job]:
    wanted = {row.pretrained for row in rows}
    return [
        Job(_pretraining_name(name), list(_pretrain(name, options, runs)))
        for name, options in plan.pretrain.items()
        if name in wanted
    ]


def _pretraining_name(name: str) -> str:
    return f"pretrain-{name}"


def _pretrain(name: str, options: Options, runs: Path) -> Iterator[list[str]]:
    """The command, after the one that learns its tokenizer if the plan has a table for that."""
    tokenizer = options.get("tokenizer")
    if isinstance(tokenizer, Mapping):
        folder = str(runs / f"tokenizer-{name}")
        yield ["tokenizer", "learn", *arguments(tokenizer), "--out", folder]
        options = {**options, "tokenizer": folder}
    yield ["pretrain", *arguments(options), "--out", str(runs / _pretraining_name(name))]


def _candidates(sweep: Sweep, rows: Sequence[Row], runs: Path) -> list[Job]:
    return [_candidate(sweep, row, at, runs) for row in rows for at in range(len(row.candidates))]


def _checkpoints(plan: Plan, rows: Sequence[Row], runs: Path, say: Callable[[str], None]) -> list[Job]:
    """Ordered by seed, so that an interrupted table has few seeds rather than few rows."""
    chosen = chosen_of(plan)
    known = [row for row in plan.rows if not row.candidates or row.name in chosen]
    options = {row.name: merged(row.train, chosen[row.name] if row.candidates else {}) for row in known}
    first: dict[str, str] = {}
    for name, own in options.items():
        same = first.setdefault(json.dumps({"method": "standard", **own}, sort_keys=True), name)
        if same != name:
            say(f"{name}: its settings are those of {same}, so it is not a separate row")
    rows = [row for row in rows if row.name in first.values()]
    return [_checkpoint(plan, row, options[row.name], seed, runs) for seed in plan.seeds for row in rows]


def _candidate(sweep: Sweep, row: Row, at: int, runs: Path) -> Job:
    name = _candidate_names(row)[at]
    folder = str(runs / "sweep" / name)
    options = merged(_model(row, row.train, runs), row.candidates[at], sweep.train)
    train = ["train", *arguments(options), "--training-seed", str(sweep.seed), "--out", folder]
    attack = ["attack", folder, "--suite", sweep.suite, *arguments(sweep.attack), "--out", str(Path(folder) / "sweep")]
    return Job(name, [train, attack])


def _candidate_names(row: Row) -> list[str]:
    return [f"{row.slug}-{at}" for at in range(1, len(row.candidates) + 1)]


def _checkpoint(plan: Plan, row: Row, options: Options, seed: int, runs: Path) -> Job:
    name = f"{row.slug}-{seed}"
    folder = str(runs / name)
    commands = [["train", *arguments(_model(row, options, runs)), "--training-seed", str(seed), "--out", folder]]
    commands += [["attack", folder, "--suite", suite, *arguments(plan.attack)] for suite in plan.suites]
    commands += [["leaderboard", "add", str(plan.board), folder, "--row", row.name]]
    return Job(name, commands, result=_result(plan, row, seed))


def _result(plan: Plan, row: Row, seed: int) -> Path:
    return entry_path(plan.board, f"{row.name}-seed{seed}")


def _model(row: Row, options: Options, runs: Path) -> Options:
    return {**options, "model": str(runs / _pretraining_name(row.pretrained))} if row.pretrained else options
