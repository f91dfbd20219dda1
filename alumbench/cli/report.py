"""`alumbench report`."""

from __future__ import annotations

from pathlib import Path

import click

from alumbench.cli.options import quiet_libraries


@click.command(short_help="write a board as one page for a paper's appendix")
@click.argument("board", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Output file; default: BOARD/report.html.")
def report(board: Path, out: Path | None) -> None:
    """Write a one-page report of BOARD: protocol, tables, plots, statistics, versions, how to recompute each figure."""
    quiet_libraries()
    from alumbench.leaderboard.report import write_report

    out = out or board / "report.html"
    write_report(board, out)
    click.echo(f"written: {out}")
