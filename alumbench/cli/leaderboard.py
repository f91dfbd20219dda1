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
