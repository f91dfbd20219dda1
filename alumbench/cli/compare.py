"""`alumbench compare`."""

from __future__ import annotations

from pathlib import Path

import click

from alumbench.cli.options import quiet_libraries


@click.command(short_help="compare evaluated checkpoints, paired by example")
@click.argument("checkpoints", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="CHECKPOINT...")
@click.option(
    "--format",
    "form",
    type=click.Choice(["markdown", "csv", "json", "latex"]),
    default="markdown",
    show_default=True,
    help="Format of the table.",
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file instead of the terminal."
)
def compare(checkpoints: tuple[Path, ...], form: str, out: Path | None) -> None:
    """Compare evaluated checkpoints on the suite entries that all of them have, paired with the first."""
    quiet_libraries()
    from alumbench.leaderboard.compare import compare as compare_checkpoints
    from alumbench.storage import write_text

    text = compare_checkpoints(checkpoints).render(form)
    if out is None:
        click.echo(text, nl=False)
    else:
        write_text(out, text)
        click.echo(f"written: {out}")
