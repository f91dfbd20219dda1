"""`alumbench demo`."""

from __future__ import annotations

import time
from pathlib import Path

import click

from alumbench.cli.options import quiet_libraries
from alumbench.commands import next_line


@click.command(short_help="a complete example on a miniature task")
@click.option("--out", type=click.Path(path_type=Path), default="demo", show_default=True, help="Output folder.")
@click.option("--seeds", default=3, type=click.IntRange(min=1), show_default=True, help="Training seeds per method.")
def demo(out: Path, seeds: int) -> None:
    """Train, attack and compare two methods on a miniature task. Takes a minute or two; needs no network and no data.

    Rerun the same command to resume; once finished, it only prints.
    """
    quiet_libraries()
    from alumbench.demo import run_demo

    start = time.monotonic()
    table = run_demo(out, seeds, lambda line: click.echo(f"[{time.monotonic() - start:5.1f} s] {line}"))
    click.echo(f"\n{table.render('markdown')}")
    click.echo(f"its page, to open in a browser: {(out / 'board/index.html').resolve().as_uri()}")
    click.echo(f"everything is in {out}: {out}/board is the table with its evidence,")
    click.echo(f"{out}/alum-1 a checkpoint, {out}/alum-1/evaluations/smoke-seed1/records.jsonl its attacked examples.")
    click.echo(next_line("compare", out / "standard-1", out / "alum-1"))
