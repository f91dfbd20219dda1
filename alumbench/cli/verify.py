"""`alumbench verify`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alumbench.cli.options import device_option, quiet_libraries

if TYPE_CHECKING:
    from alumbench.evaluation.verify import Verdict


@click.command(short_help="re-score every adversarial text of an evaluation")
@click.argument("evaluation", type=click.Path(path_type=Path))
@click.option("--checkpoint", help="Where the checkpoint is now; default: where it was.")
@device_option
def verify(evaluation: Path, checkpoint: str | None, device: str) -> None:
    """Re-score every stored adversarial text against the checkpoint and say how many still hold.

    Exit status 1 when one does not (a probability margin below 1e-5 is reported, and no failure).
    """
    quiet_libraries()
    from alumbench.attacks.victim import Victim
    from alumbench.checkpoints import find_model
    from alumbench.evaluation.stored import evaluations_of
    from alumbench.evaluation.verify import check_model, scorer_of
    from alumbench.evaluation.verify import verify as verify_texts
    from alumbench.tasks import Task

    fell = False
    for stored in evaluations_of(evaluation):
        identity = stored.document["identity"]
        task = Task.from_dict(stored.document["task"])
        files = find_model(checkpoint or stored.document["checkpoint"]["path"])
        check_model(identity, files, str(stored.folder))  # before a changed label or tokenizer stops it otherwise
        victim = Victim(files, task, device, identity["labels"], identity["batch_size"], scorer_of(identity))
        verdicts = verify_texts(stored, victim)
        tell(str(stored.folder), verdicts)
        fell = fell or any(verdict.fallen for verdict in verdicts)
    sys.exit(1 if fell else 0)


def tell(where: str, verdicts: Sequence[Verdict]) -> None:
    """Prints how an evaluation's texts fare."""
    click.echo(f"{where}: {sum(verdict.texts for verdict in verdicts)} adversarial texts")
    for verdict in verdicts:
        close = f", {verdict.close} within 1e-5 of the border" if verdict.close else ""
        click.echo(f"  {verdict.entry}: {verdict.hold} of {verdict.texts} still hold{close}")
        for fallen in verdict.fallen:
            click.echo(f"    no longer: {fallen}")
