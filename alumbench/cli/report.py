"""`alumbench report`."""

from __future__ import annotations

from pathlib import Path

import click

from alumbench.cli.options import quiet_libraries


@click.command(short_help="a board as one page to append to a paper")
@click.argument("board", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The file; default: BOARD/report.html.")
def report(board: Path, out: Path | None) -> None:
    """Write BOARD as one page: protocol, tables, plots, statistics, versions, and how to recompute each figure."""
    quiet_libraries()
    from alumbench.publishing.report import write_report

    out = out or board / "report.html"
    write_report(board, out)
    click.echo(f"written: {out}")
