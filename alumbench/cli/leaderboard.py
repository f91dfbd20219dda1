"""`alumbench leaderboard`."""

from __future__ import annotations

from pathlib import Path

import click

from alumbench.cli.options import quiet_libraries


@click.group(short_help="publish a table with its evidence")
def leaderboard() -> None:
    """Boards: a folder with board.toml, entries with their records, and the tables built from them."""


@leaderboard.command()
@click.argument("board", type=click.Path(path_type=Path))
@click.argument("checkpoints", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="CHECKPOINT...")
@click.option("--row", default="", help="Name of the table row; default: the method and its changed parameters.")
def add(board: Path, checkpoints: tuple[Path, ...], row: str) -> None:
    """Take evaluated checkpoints into BOARD, with their records."""
    quiet_libraries()
    from alumbench.leaderboard.entries import add as add_entry

    for checkpoint in checkpoints:
        click.echo(f"added: {add_entry(board, checkpoint, row)}")
    click.echo(f"next: alumbench leaderboard build {board}")


@leaderboard.command()
@click.argument("board", type=click.Path(path_type=Path))
def build(board: Path) -> None:
    """Recompute BOARD's tables from its records; the same entries give the same bytes."""
    quiet_libraries()
    from alumbench.leaderboard.board import build as build_board

    click.echo(build_board(board).render("markdown"))
    click.echo(f"written: {board}/README.md, table.csv, table.json, table.tex")


@leaderboard.command()
@click.argument("board", type=click.Path(path_type=Path))
@click.option("--organization", required=True, metavar="NAME", help="Who evaluated: the models' ids begin with it.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder for all of it.")
def export(board: Path, organization: str, out: Path) -> None:
    """Write BOARD's entries in the schema of Every Eval Ever, one file each, with their records beside them."""
    quiet_libraries()
    from alumbench.leaderboard.exchange import export as export_board

    for path in export_board(board, out, organization):
        click.echo(f"written: {path}")
    click.echo(f"records: {out / 'records'}")


@leaderboard.command("import")
@click.argument("board", type=click.Path(path_type=Path))
@click.argument("source", type=click.Path(path_type=Path))
def import_(board: Path, source: Path) -> None:
    """Take the entries of SOURCE, a folder that 'export' wrote, into BOARD; figures are recomputed from the records."""
    quiet_libraries()
    from alumbench.leaderboard.exchange import import_ as import_entries

    added = import_entries(board, source)
    for path in added:
        click.echo(f"added: {path}")
    click.echo(f"next: alumbench leaderboard build {board}" if added else "nothing new")
