"""`alumbench verify`."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from alumbench.cli.models import reached_of, reached_options
from alumbench.cli.options import device_option, quiet_libraries
from alumbench.errors import AlumbenchError

if TYPE_CHECKING:
    from alumbench.evaluation.rescoring import Rescored, Sample
    from alumbench.evaluation.stored import Stored
    from alumbench.evaluation.verify import Verdict


F = TypeVar("F", bound=Callable[..., Any])


def sample_options(command: F) -> F:
    """`--sample`, `--sample-seed` and `--suite`."""
    size = click.option(
        "--sample",
        type=click.IntRange(0),
        default=10,
        show_default=True,
        help="Number of failed attacks of each entry to repeat; 0 for none.",
    )
    seed = click.option("--sample-seed", type=int, help="Seed that selects them; default: a new one each time.")
    suite = click.option(
        "--suite", "suites", multiple=True, metavar="FILE", help="The TOML file of a suite; its Python files are run."
    )
    return size(seed(suite(command)))


def sample_of(size: int, seed: int | None) -> Sample | None:
    """The sample that the options ask for."""
    from alumbench.evaluation.rescoring import Sample

    return Sample(size, secrets.randbelow(2**31) if seed is None else seed) if size else None


@click.command(short_help="check an evaluation's records against its checkpoint")
@click.argument("evaluation", type=click.Path(path_type=Path))
@click.option("--checkpoint", help="The checkpoint, function or endpoint, if it has moved.")
@reached_options
@sample_options
@device_option
def verify(
    evaluation: Path,
    checkpoint: str | None,
    sample: int,
    sample_seed: int | None,
    suites: tuple[str, ...],
    device: str,
    **reached: Any,
) -> None:
    """Score every recorded text again, original and adversarial, and repeat a sample of the failed attacks.

    Exit status 1 if anything is not as recorded (a probability margin below 1e-5 is reported but is not a failure).
    """
    quiet_libraries()
    from alumbench.evaluation.opening import recorded_victim
    from alumbench.evaluation.rescoring import rescore_stored
    from alumbench.evaluation.stored import evaluations_of
    from alumbench.evaluation.suite import load_suite
    from alumbench.evaluation.verify import check_model, victim_of
    from alumbench.evaluation.verify import verify as verify_texts
    from alumbench.models.checkpoint import find_model

    fell, again, drawn = False, 0, sample_of(sample, sample_seed)
    named = [load_suite(suite) for suite in suites]
    for stored in evaluations_of(evaluation):
        identity = stored.document.identity
        if (identity.classifier or {}).get("kind", "peft") != "peft":
            victim = recorded_victim(stored, checkpoint, device, reached_of(reached))
        else:
            files = find_model(checkpoint or _place(stored), adapters=True)
            check_model(identity, files, str(stored.folder))  # first: a changed label or tokenizer would stop it too
            victim = victim_of(files, stored.document.task, device, identity)
        verdicts, rescored = verify_texts(stored, victim), rescore_stored(stored, victim, drawn, named)
        tell(str(stored.folder), verdicts, rescored)
        again += sum(one.again for one in rescored)
        fell = fell or any(one.fallen for one in verdicts) or any(one.fallen for one in rescored)
    tell_sample(drawn if again else None)
    sys.exit(1 if fell else 0)


def _place(stored: Stored) -> str:
    """The folder of an evaluation's checkpoint: as recorded, or, if both were moved, the one above the evaluations.

    Raises:
        AlumbenchError: It is in neither place.
    """
    from alumbench.evaluation.stored import EVALUATIONS
    from alumbench.models.checkpoint.folder import ADAPTER, CONFIG

    then, inside = Path(stored.document.checkpoint.path), stored.folder.resolve().parent.parent
    if then.exists():
        return str(then)
    found = any((inside / name).exists() for name in (CONFIG, ADAPTER))
    if stored.folder.resolve().parent.name == EVALUATIONS and found:
        return str(inside)
    raise AlumbenchError(f"{stored.folder}: its checkpoint is no longer at {then}; name it with --checkpoint")


def tell(where: str, verdicts: Sequence[Verdict], rescored: Sequence[Rescored]) -> None:
    """Prints the findings of `verify` on an evaluation's records."""
    click.echo(f"{where}:")
    of_attacks = {verdict.entry: verdict for verdict in verdicts}
    for one in rescored:
        parts, lines = [], [f"not as recorded: {line}" for line in one.fallen]
        verdict = of_attacks.get(one.entry)
        if verdict is not None:
            close = f" ({verdict.close} within 1e-5 of the decision boundary)" if verdict.close else ""
            texts = f"{verdict.hold} of {verdict.texts} adversarial texts still hold{close}"
            parts.append(texts if verdict.texts else "no adversarial texts")
            lines += [f"no longer: {fallen}" for fallen in verdict.fallen]
        parts += [f"{one.answers} answers re-scored"] if one.answers else []
        attacks = "1 failed attack" if one.again == 1 else f"{one.again} failed attacks"
        parts += [f"{attacks} repeated"] if one.again else []
        parts += [f"{one.within} texts checked against their threat model"] if one.within else []
        lines += [f"may differ with time or device: {line}" for line in one.differ]
        parts += ["" if lines else "all as recorded"] if one.answers else []
        click.echo(f"  {one.entry}: {'; '.join(filter(None, parts)) or 'nothing was re-scored'}")
        for line in lines:
            click.echo(f"    {line}")
        if verdict is not None and verdict.unread:
            click.echo(
                f"    not checked: adversarial texts that were cut ({verdict.unread}): their originals are not "
                f"available"
            )
        if one.lacking:
            click.echo(f"    not checked: {one.lacking}")


def tell_sample(drawn: Sample | None) -> None:
    """Prints how to draw the same sample again."""
    if drawn is not None:
        click.echo(f"the repeated attacks were drawn with --sample {drawn.size} --sample-seed {drawn.seed}")
