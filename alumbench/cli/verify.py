"""`alumbench verify`."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from alumbench.cli.options import device_option, quiet_libraries
from alumbench.errors import AlumbenchError

if TYPE_CHECKING:
    from alumbench.evaluation.rescoring import Rescored, Sample
    from alumbench.evaluation.stored import Stored
    from alumbench.evaluation.verify import Verdict


F = TypeVar("F", bound=Callable[..., Any])


def sample_options(command: F) -> F:
    """`--sample` and `--sample-seed`."""
    size = click.option(
        "--sample",
        type=click.IntRange(0),
        default=10,
        show_default=True,
        help="Of each attack, failed searches to make again; 0 for none.",
    )
    seed = click.option("--sample-seed", type=int, help="Of the draw of those; default: another one each time.")
    return size(seed(command))


def sample_of(size: int, seed: int | None) -> Sample | None:
    """The sample that the options ask for."""
    from alumbench.evaluation.rescoring import Sample

    return Sample(size, secrets.randbelow(2**31) if seed is None else seed) if size else None


@click.command(short_help="hold an evaluation's records against its checkpoint")
@click.argument("evaluation", type=click.Path(path_type=Path))
@click.option("--checkpoint", help="Where the checkpoint is now; default: where it was.")
@sample_options
@device_option
def verify(evaluation: Path, checkpoint: str | None, sample: int, sample_seed: int | None, device: str) -> None:
    """Score every recorded text again, original and adversarial, and make a sample of the failed attacks again.

    Exit status 1 when something is not as recorded (a probability margin below 1e-5 is reported, and no failure).
    """
    quiet_libraries()
    from alumbench.checkpoints import find_model
    from alumbench.evaluation.rescoring import rescore_stored
    from alumbench.evaluation.stored import evaluations_of
    from alumbench.evaluation.verify import check_model, victim_of
    from alumbench.evaluation.verify import verify as verify_texts
    from alumbench.tasks import Task

    fell, again, drawn = False, 0, sample_of(sample, sample_seed)
    for stored in evaluations_of(evaluation):
        identity = stored.document["identity"]
        task = Task.from_dict(stored.document["task"])
        files = find_model(checkpoint or _place(stored))
        check_model(identity, files, str(stored.folder))  # before a changed label or tokenizer stops it otherwise
        victim = victim_of(files, task, device, identity)
        verdicts, rescored = verify_texts(stored, victim), rescore_stored(stored, victim, drawn)
        tell(str(stored.folder), verdicts, rescored)
        again += sum(one.again for one in rescored)
        fell = fell or any(one.fallen for one in verdicts) or any(one.fallen for one in rescored)
    tell_sample(drawn if again else None)
    sys.exit(1 if fell else 0)


def _place(stored: Stored) -> str:
    """Where an evaluation's checkpoint is: where it was, or, if it was moved with its evaluations, above them.

    Raises:
        AlumbenchError: It is at neither.
    """
    then, inside = Path(stored.document["checkpoint"]["path"]), stored.folder.resolve().parent.parent
    if then.exists():
        return str(then)
    if stored.folder.resolve().parent.name == "evaluations" and (inside / "config.json").exists():
        return str(inside)
    raise AlumbenchError(f"{stored.folder}: its checkpoint is no longer at {then}; name it with --checkpoint")


def tell(where: str, verdicts: Sequence[Verdict], rescored: Sequence[Rescored]) -> None:
    """Prints how an evaluation's records fare."""
    click.echo(f"{where}:")
    of_attacks = {verdict.entry: verdict for verdict in verdicts}
    for one in rescored:
        parts, lines = [], [f"not as recorded: {line}" for line in one.fallen]
        verdict = of_attacks.get(one.entry)
        if verdict is not None:
            close = f" ({verdict.close} within 1e-5 of the border)" if verdict.close else ""
            parts.append(f"{verdict.hold} of {verdict.texts} adversarial texts still hold{close}")
            lines += [f"no longer: {fallen}" for fallen in verdict.fallen]
        parts += [f"{one.answers} answers scored again"] if one.answers else []
        parts += [f"{one.again} failed attack{'s'[: one.again - 1]} made again"] if one.again else []
        lines += [f"may differ with time or device: {line}" for line in one.differ]
        parts += ["" if lines else "all as recorded"] if one.answers else []
        click.echo(f"  {one.entry}: {'; '.join(filter(None, parts)) or 'nothing was scored again'}")
        for line in lines:
            click.echo(f"    {line}")
        if one.lacking:
            click.echo(f"    not checked: {one.lacking}")


def tell_sample(drawn: Sample | None) -> None:
    """Prints how the same sample is drawn again."""
    if drawn is not None:
        click.echo(f"the failed attacks were drawn with --sample {drawn.size} --sample-seed {drawn.seed}")
