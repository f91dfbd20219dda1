"""`alumbench verify`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from alumbench.cli.options import device_option, quiet_libraries


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
    from alumbench.evaluation.verify import verify as verify_texts
    from alumbench.tasks import Task

    fell = False
    for stored in evaluations_of(evaluation):
        identity = stored.document["identity"]
        task = Task.from_dict(stored.document["task"])
        files = find_model(checkpoint or stored.document["checkpoint"]["path"])
        verdicts = verify_texts(stored, Victim(files, task, device, identity["labels"], identity["batch_size"]))
        click.echo(f"{stored.folder}: {sum(v.texts for v in verdicts)} adversarial texts")
        for verdict in verdicts:
            close = f", {verdict.close} within 1e-5 of the border" if verdict.close else ""
            click.echo(f"  {verdict.entry}: {verdict.hold} of {verdict.texts} still hold{close}")
            for identity_fallen in verdict.fallen:
                fell = True
                click.echo(f"    no longer: {identity_fallen}")
    sys.exit(1 if fell else 0)
