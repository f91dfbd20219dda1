"""A plan carried out: pre-training, sweep, training, evaluation, entries, the built board."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from alumbench.errors import AlumbenchError
from alumbench.leaderboard.board import build
from alumbench.leaderboard.citing import add_references
from alumbench.leaderboard.references import REFERENCES
from alumbench.studies.choosing import choose, chosen_of
from alumbench.studies.jobs import Job, run_jobs
from alumbench.studies.plan import PRETRAINED, Options, Plan, Row, Sweep, arguments, merged


def run_study(
    plan: Plan,
    runs: Path,
    slots: int = 1,
    only: Sequence[str] = (),
    sweep_only: bool = False,
    say: Callable[[str], None] = print,
) -> None:
    """Does what of a plan is not done, and builds its board from what there is; its references come first.

    Args:
        plan: what to do.
        runs: takes checkpoints, evaluations and logs.
        slots: how many commands run at a time.
        only: names of rows; all where it is empty.
        sweep_only: whether to stop when settings are chosen.
        say: takes a line of progress.

    Raises:
        AlumbenchError: A row is unknown, references cannot be made, or commands failed; the same call goes on.
    """
    rows = _rows(plan, only)
    if (plan.board / REFERENCES).exists() and not sweep_only:
        add_references(plan.board)
    run_jobs(_pretraining(plan, rows, runs), runs, slots, say)
    if plan.sweep is not None:
        run_jobs(_candidates(plan.sweep, rows, runs), runs / "sweep", slots, say)
        choose(plan, rows, runs, say)
    if sweep_only:
        return
    try:
        run_jobs(_checkpoints(plan, rows, runs), runs, slots, say)
    finally:
        if any((plan.board / "results").glob("*.json")):
            build(plan.board)
    say(f"{plan.board}: built; next: alumbench leaderboard check {plan.board}")


def jobs_of(plan: Plan, runs: Path) -> list[Job]:
    """All that a plan comes to, its rows with the settings chosen so far."""
    sweep = _candidates(plan.sweep, plan.rows, runs) if plan.sweep is not None else []
    return [*_pretraining(plan, plan.rows, runs), *sweep, *_checkpoints(plan, plan.rows, runs)]


def _rows(plan: Plan, only: Sequence[str]) -> list[Row]:
    known = [row.name for row in plan.rows]
    for name in only:
        if name not in known:
            raise AlumbenchError(f"{plan.board}: no row '{name}'; it has {', '.join(known)}")
    return [row for row in plan.rows if not only or row.name in only]


def _pretraining(plan: Plan, rows: Sequence[Row], runs: Path) -> list[Job]:
    wanted = {str(row.train.get("model", "")) for row in rows}
    return [
        Job(f"pretrain-{name}", list(_pretrain(name, options, runs)))
        for name, options in plan.pretrain.items()
        if PRETRAINED + name in wanted
    ]


def _pretrain(name: str, options: Options, runs: Path) -> Iterator[list[str]]:
    """The command, after the one that learns its tokenizer where the plan has that as a table."""
    tokenizer = options.get("tokenizer")
    if isinstance(tokenizer, Mapping):
        folder = str(runs / f"tokenizer-{name}")
        yield ["tokenizer", "learn", *arguments(tokenizer), "--out", folder]
        options = {**options, "tokenizer": folder}
    yield ["pretrain", *arguments(options), "--out", str(runs / f"pretrain-{name}")]


def _candidates(sweep: Sweep, rows: Sequence[Row], runs: Path) -> list[Job]:
    return [_candidate(sweep, row, at, runs) for row in rows for at in range(len(row.candidates))]


def _checkpoints(plan: Plan, rows: Sequence[Row], runs: Path) -> list[Job]:
    """Seed by seed, so that a table cut short has few seeds rather than few rows."""
    chosen = chosen_of(plan)
    return [_checkpoint(plan, row, chosen.get(row.name, {}), seed, runs) for seed in plan.seeds for row in rows]


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
