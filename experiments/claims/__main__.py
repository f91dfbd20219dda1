"""`python -m experiments.claims`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from alumbench.cli import main
from alumbench.cli.options import quiet_libraries


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--check",
    is_flag=True,
    help="Write nothing; list the files that differ from what the records give, with exit status 1.",
)
def claims(folder: Path, check: bool) -> None:
    """Judge the claims in FOLDER's claims.toml by the boards it names; write README.md, CSV, JSON and an HTML page.

    Every figure is recomputed from the boards' records, and every verdict follows a rule that the page prints.
    """
    quiet_libraries()
    from experiments.claims.build import BUILT, build, outdated

    if check:
        problems = outdated(folder)
        for problem in problems:
            click.echo(problem)
        click.echo(
            f"{folder}: {len(problems)} problems" if problems else f"{folder}: everything follows from the records"
        )
        sys.exit(1 if problems else 0)
    click.echo(build(folder).render("markdown"))
    click.echo(f"written: {', '.join(str(folder / name) for name in BUILT)}")


if __name__ == "__main__":
    main(claims, "python -m experiments.claims")
