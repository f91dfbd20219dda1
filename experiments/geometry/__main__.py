"""`python -m experiments.geometry`."""

from __future__ import annotations

from pathlib import Path

import click

from alumbench.cli import main
from alumbench.cli.options import device_option, quiet_libraries


@click.command()
@click.argument("checkpoints", nargs=-1, required=True, metavar="CHECKPOINT...")
@click.option("--examples", default=0, type=click.IntRange(min=0), help="Dev sentences drawn; 0: all.")
@click.option(
    "--epsilon",
    "epsilons",
    multiple=True,
    type=click.FloatRange(min=0, min_open=True),
    default=(0.05, 0.15, 0.3),
    show_default=True,
    help="Length of δ, relative to the sentence's token embeddings; repeatable.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The JSON file.")
@device_option
def geometry(checkpoints: tuple[str, ...], examples: int, epsilons: tuple[float, ...], out: Path, device: str) -> None:
    """Measure where δ leads in the embedding space of fine-tuned CHECKPOINTs, compared with random δ.

    Reports the share of its energy in the leading directions of the embedding table, and how often x + δ is still
    nearest to the word's own embedding. Checkpoints named ROW-SEED are training seeds of one row. The values of every
    sentence are written beside --out, without texts.
    """
    quiet_libraries()
    from experiments.geometry.file import measure_geometry
    from experiments.geometry.measure import Probe

    figures = measure_geometry(checkpoints, out, Probe(epsilons=tuple(epsilons)), examples, device, click.echo)
    for figure in figures:
        low, high = ("–" if end is None else f"{end:.4f}" for end in (figure.low, figure.high))
        click.echo(f"{figure.name}: {figure.value:.4f} [{low}, {high}], n={figure.n}, seeds {figure.seeds}")
    click.echo(f"written: {out}, {out.with_suffix('.jsonl.gz')}")


if __name__ == "__main__":
    main(geometry, "python -m experiments.geometry")
