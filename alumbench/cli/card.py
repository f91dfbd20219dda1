"""`alumbench card`."""

from __future__ import annotations

from pathlib import Path

import click

from alumbench.cli.options import quiet_libraries
from alumbench.commands import next_line


@click.command(short_help="write a checkpoint's model card and results for the hub")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--name", default="", help="Name of the model; default: the folder's.")
@click.option("--license", default="", help="The hub's license identifier (mit, apache-2.0, …); default: none.")
@click.option("--base-model", default="", metavar="ID", help="Hub id of the base model, if the record has a folder.")
@click.option("--source", default="", metavar="URL", help="Where the figures are published: a board, a repository.")
@click.option("--force", is_flag=True, help="Replace a README.md that this command did not write.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Output folder; default: the checkpoint's."
)
def card(
    checkpoint: Path, name: str, license: str, base_model: str, source: str, force: bool, out: Path | None
) -> None:
    """Write a checkpoint's README.md (the model card, with its figures as model-index) and .eval_results/.

    \b
    alumbench card runs/sst2-alum-1 --license apache-2.0
    """  # noqa: D301 - click wants the character
    quiet_libraries()
    from alumbench.hub.metadata import Given
    from alumbench.hub.model_card import write_card

    written = write_card(checkpoint, Given(name, license, base_model, source), out, force)
    some = f", {written.left_out} without a number" if written.left_out else ""
    click.echo(f"written: {written.card} ({written.figures} figures{some})")
    if written.eval_results is None:
        click.echo("no .eval_results: no figure with a number on a data set of the hub")
    else:
        click.echo(f"written: {written.eval_results}")
    click.echo(next_line("push", checkpoint, "OWNER/NAME", "--dry-run"))
