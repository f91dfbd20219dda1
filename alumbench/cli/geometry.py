"""`alumbench geometry`."""

from __future__ import annotations

from pathlib import Path

import click

from alumbench.cli.options import device_option, quiet_libraries


@click.command(short_help="where adversarial δ lead in a model's embedding space")
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
    """Measure where δ leads in the embedding space of fine-tuned CHECKPOINTs, by direction, against random δ.

    The share of its energy in the leading directions of the embedding table, and how often x + δ is still nearest to
    the word's own embedding. Checkpoints named ROW-SEED are a row's training seeds. Values of every sentence are
    written beside --out, without texts.
    """
    quiet_libraries()
    from alumbench.evaluation.geometry import Probe
    from alumbench.evaluation.geometry_file import measure_geometry

    figures = measure_geometry(checkpoints, out, Probe(epsilons=tuple(epsilons)), examples, device, click.echo)
    for figure in figures:
        low, high = (f"{figure[end]:.4f}" if figure[end] is not None else "–" for end in ("low", "high"))
        click.echo(f"{figure['name']}: {figure['value']:.4f} [{low}, {high}], n={figure['n']}, seeds {figure['seeds']}")
    click.echo(f"written: {out}, {out.with_suffix('.jsonl.gz')}")
