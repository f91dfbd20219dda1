"""`alumbench claims`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from alumbench.cli.options import quiet_libraries


@click.command(short_help="what boards say about claims, each with its verdict")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; say what is not what the records make. Exit status 1 then.")
def claims(folder: Path, check: bool) -> None:
    """Judge the claims of FOLDER's claims.toml by the boards it names, and write README.md, CSV, JSON and a page.

    Every figure is recomputed from the boards' records, and every verdict follows a rule that the page prints.
    """
    quiet_libraries()
    from alumbench.claims.build import BUILT, build, outdated

    if check:
        problems = outdated(folder)
        for problem in problems:
            click.echo(problem)
        click.echo(f"{folder}: {len(problems)} problems" if problems else f"{folder}: all of it follows from records")
        sys.exit(1 if problems else 0)
    click.echo(build(folder).render("markdown"))
    click.echo(f"written: {', '.join(str(folder / name) for name in BUILT)}")
