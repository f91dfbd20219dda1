"""`alumbench leaderboard`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from alumbench.cli.options import device_option, quiet_libraries
from alumbench.cli.verify import sample_of, sample_options, tell, tell_sample
from alumbench.commands import command, next_line

board_argument = click.argument("board", type=click.Path(path_type=Path))


@click.group(short_help="build, check and publish leaderboards")
def leaderboard() -> None:
    """Leaderboards: folders with a board.toml, entries with their records, and the pages built from them."""


@leaderboard.command()
@board_argument
@click.option("--task", required=True, help="Task of the board's checkpoints (see 'alumbench tasks').")
@click.option("--suite", "suites", multiple=True, required=True, help="Suite to evaluate them with; repeatable.")
@click.option("--title", default="", help="Heading; default: the task's.")
@click.option("--baseline", default="standard", show_default=True, help="The row that others are compared with.")
def new(board: Path, task: str, suites: tuple[str, ...], title: str, baseline: str) -> None:
    """Start BOARD: write a board.toml to edit, with a column for everything that the suites measure."""
    quiet_libraries()
    from alumbench.data import load_task
    from alumbench.evaluation.suite import load_suite
    from alumbench.leaderboard.init import start

    started = start(board, load_task(task), [load_suite(suite) for suite in suites], title, baseline)
    click.echo(f"written: {board}/board.toml, {len(started.columns)} columns; edit it: about, reading, columns")
    click.echo(f"to add a trained and attacked checkpoint: {command('leaderboard', 'add', board)} CHECKPOINT")


@leaderboard.command()
@board_argument
@click.option(
    "--runs",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for checkpoints, evaluations and logs; default: runs/ and the board's name.",
)
@click.option("--jobs", default=1, type=click.IntRange(min=1), show_default=True, help="Commands that run in parallel.")
@click.option("--row", "rows", multiple=True, metavar="ROW", help="Run only this row; repeatable.")
@click.option("--sweep-only", is_flag=True, help="Stop once the settings are chosen.")
@click.option("--missing", is_flag=True, help="Run only what has no entry or swept candidate in BOARD.")
def run(board: Path, runs: Path | None, jobs: int, rows: tuple[str, ...], sweep_only: bool, missing: bool) -> None:
    """Make BOARD from scratch: sweep, train, evaluate and add everything its runs.toml names, then build it.

    Every step is an alumbench command in its own process, with its log in the folder of runs. If it is killed,
    rerun the same command to resume. On another machine, which has no folder of runs, add --missing.
    """
    quiet_libraries()
    from alumbench.studies import Plan, run_study

    runs = runs or Path("runs") / board.resolve().name
    run_study(Plan.read(board), runs, jobs, rows, sweep_only, missing, say=click.echo)


@leaderboard.command()
@board_argument
@click.argument("checkpoints", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="CHECKPOINT...")
@click.option("--row", default="", help="Name of the table row; default: the method and its changed parameters.")
@click.option("--replace", is_flag=True, help="Replace another checkpoint of the same row and seed.")
def add(board: Path, checkpoints: tuple[Path, ...], row: str, replace: bool) -> None:
    """Add evaluated checkpoints with their records to BOARD; local paths are removed."""
    quiet_libraries()
    from alumbench.leaderboard.submit import add as add_entry

    for checkpoint in checkpoints:
        click.echo(f"added: {add_entry(board, checkpoint, row, replace)}")
    click.echo(next_line("leaderboard", "build", board))


@leaderboard.command()
@board_argument
def reference(board: Path) -> None:
    """Score the published predictions named in BOARD's references.toml, as rows of models that were not run here."""
    quiet_libraries()
    from alumbench.formatting import format_share
    from alumbench.leaderboard.external_rows import add_references

    for entry in add_references(board):
        click.echo(f"added: {entry.path}")
        for name, part in entry.content.entries.items():
            accuracy, n = part.figures.measures["accuracy"].value, part.n
            click.echo(f"  {name}: {format_share(accuracy)}, {n:,} of {n:,} examples joined, all gold labels agree")
    click.echo(next_line("leaderboard", "build", board))


@leaderboard.command()
@board_argument
def check(board: Path) -> None:
    """Recompute every figure of BOARD from its records, and report every problem. Meant for CI.

    Rejects missing or changed records, runs with --limit, other suite versions, duplicates, figures that differ from
    their records, NaN, and built files that differ from what `build` makes. Exit status 1 if anything is wrong.
    """
    quiet_libraries()
    from alumbench.leaderboard.board import outdated
    from alumbench.leaderboard.plug_ins import plug_ins
    from alumbench.leaderboard.validate import check as check_board

    problems = check_board(board) or outdated(board)
    for problem in problems:
        click.echo(problem)
    for line in [] if problems else plug_ins(board):
        click.echo(f"note: {line}")
    click.echo(f"{board}: {len(problems)} problems" if problems else f"{board}: every figure follows from its records")
    sys.exit(1 if problems else 0)


@leaderboard.command()
@board_argument
def build(board: Path) -> None:
    """Recompute BOARD's tables and page from its records; the same entries give the same bytes."""
    quiet_libraries()
    from alumbench.leaderboard.board import BUILT
    from alumbench.leaderboard.board import build as build_board

    click.echo(build_board(board).render("markdown"))
    click.echo(f"written: {', '.join(str(board / name) for name in BUILT)}")
    click.echo(next_line("leaderboard", "check", board))


@leaderboard.command()
@board_argument
@click.argument("checkpoints", nargs=-1, required=True, metavar="CHECKPOINT...")
@sample_options
@click.option("--all", "every", is_flag=True, help="Fail if an entry's checkpoint was not given.")
@device_option
def verify(
    board: Path,
    checkpoints: tuple[str, ...],
    sample: int,
    sample_seed: int | None,
    suites: tuple[str, ...],
    every: bool,
    device: str,
) -> None:
    """Check BOARD's entries against their checkpoints: answers, adversarial texts, labels, training records.

    Every text is scored again, and a sample of the failed attacks is repeated. If a data set is not on this machine,
    the checks that need it are skipped, and the output says so. A checkpoint's entry is found by the hash of its
    weights; a checkpoint without an entry is refused. Exit status 1 if anything is not as recorded.
    """
    quiet_libraries()
    from alumbench.evaluation.suite import load_suite
    from alumbench.leaderboard.verify import replay_board

    fell, again, drawn = False, 0, sample_of(sample, sample_seed)
    for found in replay_board(board, checkpoints, device, drawn, [load_suite(suite) for suite in suites]):
        name = found.entry.path.name
        if found.checkpoint is None and found.entry.reference is not None:
            click.echo(f"{name}: a reference: published predictions, no adversarial text to re-score")
            continue
        if found.checkpoint is None:
            click.echo(f"{name}: not verified: its checkpoint was not given")
            fell = fell or every
            continue
        tell(f"{name} ({found.checkpoint})", found.verdicts, found.rescored)
        if found.training is None:
            click.echo("  training record not checked: the checkpoint has no training.json")
        for field in found.training or ():
            click.echo(f"  training record: {field} is not what the checkpoint's training.json says")
        again += sum(one.again for one in found.rescored)
        fell = fell or found.fallen
    tell_sample(drawn if again else None)
    sys.exit(1 if fell else 0)


@leaderboard.command()
@board_argument
@click.option(
    "--organization", required=True, metavar="NAME", help="Name of the evaluator; the models' ids begin with it."
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Output folder.")
def export(board: Path, organization: str, out: Path) -> None:
    """Export BOARD's entries in the Every Eval Ever schema, one file each, with their records."""
    quiet_libraries()
    from alumbench.leaderboard.exchange import export as export_board

    for path in export_board(board, out, organization):
        click.echo(f"written: {path}")
    click.echo(f"records: {out / 'records'}")


@leaderboard.command("import")
@board_argument
@click.argument("source", type=click.Path(path_type=Path))
def import_(board: Path, source: Path) -> None:
    """Import the entries of SOURCE, a folder that 'export' wrote, into BOARD. Recomputes figures from the records."""
    quiet_libraries()
    from alumbench.leaderboard.exchange import import_ as import_entries

    added = import_entries(board, source)
    for path in added:
        click.echo(f"added: {path}")
    click.echo(next_line("leaderboard", "build", board) if added else "nothing to add")
