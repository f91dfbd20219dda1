"""`alumbench attack`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alumbench.cli.models import model_options, options_of
from alumbench.cli.old_options import taking
from alumbench.cli.options import CommandOptions, device_option, quiet_libraries, split_names, table_options
from alumbench.commands import next_line
from alumbench.old_names import ATTACK

if TYPE_CHECKING:
    from alumbench.evaluation.options import EvaluationOptions


@click.command(cls=taking(ATTACK), short_help="run a suite of attacks and adversarial sets on checkpoints")
@click.argument("checkpoints", nargs=-1, required=True, metavar="MODEL...")
@click.option(
    "--suite",
    "suite_name",
    default="",
    help="A suite that 'alumbench suites' lists, or a TOML file. Default: standard.",
)
@click.option("--recipe", default="", help="Run this attack instead of a suite; 'alumbench recipes' lists them.")
@click.option(
    "--threat-model",
    default="",
    metavar="NAME-DEGREE",
    help="Search this set: chars-2, synonyms-30%; 'alumbench threat-models' lists them. Default recipe: standard.",
)
@click.option(
    "--examples",
    default=0,
    type=click.IntRange(min=0),
    help="With --recipe or --threat-model: examples to attack, the same draw for all models. Default: all.",
)
@click.option(
    "--queries",
    default=0,
    type=click.IntRange(min=0),
    help="With --recipe or --threat-model: the most model answers per example. Default: no limit.",
)
@click.option(
    "--queries-per-word",
    default=0,
    type=click.IntRange(min=0),
    help="With --recipe or --threat-model: the most model answers per word of an example. Default: no limit.",
)
@click.option(
    "--attack-model",
    "attack_models",
    multiple=True,
    metavar="NAME=MODEL",
    help="A model that the recipe or threat model leaves open: masked_lm=FOLDER; repeatable.",
)
@click.option("--only", multiple=True, metavar="ENTRY", help="Run only this entry; repeatable.")
@click.option("--data", type=click.Path(path_type=Path), help="Your own examples instead of the suite's.")
@click.option("--text-columns", default="", help="Text columns of --data; default: the task's, or inferred.")
@click.option("--label-column", default="", help="Label column of --data; default: the training file's, or inferred.")
@table_options
@click.option("--task", default="", help="The task of a model without training.json; default: inferred from --data.")
@click.option(
    "--labels",
    default="",
    help="Label names in the order of the model's outputs, if it has none; VALUE=NAME: what a value in --data means.",
)
@model_options
@click.option("--attack-seed", default=1, show_default=True, help="Seeds the attacks, with each example's id.")
@click.option(
    "--limit",
    default=0,
    type=click.IntRange(min=0),
    help="Use at most this many examples of each entry: for a quick look, not for a leaderboard.",
)
@click.option("--no-protection", is_flag=True, help="Let attacks also change context columns, such as a premise.")
@click.option(
    "--skip-broken",
    is_flag=True,
    help="Skip an example once an attack of the suite's ensemble succeeded on it; the worst case stays exact.",
)
@click.option(
    "--in-flight", default=64, type=click.IntRange(min=1), show_default=True, help="Examples attacked concurrently."
)
@click.option("--workers", default=0, type=click.IntRange(min=0), help="Search processes; 0: this process only.")
@click.option("--ray", default="", metavar="ADDRESS", help="Search on a Ray cluster (auto, HOST:PORT).")
@click.option(
    "--scoring",
    type=click.Choice(["fixed", "fast"]),
    default="fixed",
    show_default=True,
    help="fixed: a score does not depend on the rest of the batch. fast: ordinary padding; noted in the signature.",
)
@click.option(
    "--precision",
    type=click.Choice(["fp32", "tf32", "bf16", "bf16-confirmed"]),
    default="fp32",
    show_default=True,
    help="Precision of the attacked model; noted in the signature unless fp32. bf16-confirmed: searches ask in bf16, "
    "and every broken text and recorded score is fp32's.",
)
@click.option(
    "--batch-size",
    default=64,
    type=click.IntRange(min=1),
    show_default=True,
    help="Texts per call of a function or an endpoint, and per batch of embedding attacks.",
)
@device_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Output folder; default: evaluations/SUITE-seedN in the checkpoint's, or in alumbench-results/MODEL.",
)
def attack(checkpoints: tuple[str, ...], **options: Any) -> None:
    """Run a suite on models: adversarial test sets, and attacks through TextAttack.

    A MODEL is a checkpoint folder, a hub id, a function (my_module:predict), or an endpoint (http://…).

    \b
    alumbench attack runs/sst2-alum-1 --suite textattack-core
    alumbench attack runs/sst2-alum-1 --threat-model chars-1 --recipe exhaustive --examples 100
    alumbench attack my_module:predict --labels negative,positive --data my.csv

    Writes one JSON line per example to records.jsonl. Rerun the same command to resume.
    """  # noqa: D301 - click wants the character
    quiet_libraries()
    from alumbench.evaluation.evaluate import evaluate
    from alumbench.evaluation.opening import open_evaluation
    from alumbench.evaluation.progress import Bars
    from alumbench.leaderboard.compare import compare
    from alumbench.models.redaction import has_secrets, without_secrets

    if options["out"] and len(checkpoints) > 1:
        raise click.UsageError("--out takes one checkpoint; without it, each gets its own folder.")
    asked = _asked(options)
    for number, checkpoint in enumerate(checkpoints):
        opened = open_evaluation(checkpoint, asked, options["out"], _Once(number).say)
        victim, out, suite = opened.victim, opened.folder, opened.request.suite
        if not (options["out"] or opened.has_own_folder):
            click.echo(f"records go to {out}; --out names another folder. Rerun the same command to resume")
        with Bars() as progress:
            document = evaluate(opened.request, victim, out, progress)
        click.echo(f"\n{without_secrets(checkpoint)}, suite {suite.name}@{suite.version} on {document.device}")
        click.echo(compare([out]).render("markdown"))
        for flag in document.flags or []:
            click.echo(f"flag: {flag}")
        if not document.flags:
            click.echo("flags: none")
        if victim.scorer.traffic.halved:
            click.echo(
                "note: batches that did not fit into the device's memory were halved; last digits of scores may differ"
            )
        click.echo(f"records: {out}")
    if len(checkpoints) > 1 and not asked.special and not options["out"]:
        click.echo(next_line("compare", *checkpoints))
    is_attacked = any(entry.kind == "attack" for entry in document.entries.values())
    if is_attacked and not (checkpoint.startswith(("http://", "https://")) and has_secrets(checkpoint)):
        click.echo(next_line("verify", out, *(("--auth-env", options["auth_env"]) if options["auth_env"] else ())))


class _Once:
    """Prints lines that are the same for all models only once, for the first model."""

    def __init__(self, number: int) -> None:
        self._number = number

    def say(self, line: str) -> None:
        """Prints a line; the line about the suite only once."""
        if not (self._number and line.startswith("suite: ")):
            click.echo(line)


def _models(pairs: tuple[str, ...]) -> dict[str, str]:
    """`("masked_lm=FOLDER",)` as a mapping."""
    split = [pair.partition("=") for pair in pairs]
    for (name, _, model), pair in zip(split, pairs, strict=True):
        if not (name and model):
            raise click.UsageError(f"--attack-model {pair}: expected --attack-model NAME=MODEL.")
    return {name: model for name, _, model in split}


def _asked(options: CommandOptions) -> EvaluationOptions:
    """The evaluation options from the command line."""
    from alumbench.data.labels import parse_labels
    from alumbench.evaluation.options import EvaluationOptions

    parts = split_names(options["labels"])
    if any("=" in part for part in parts) and not options["data"]:
        raise click.UsageError("VALUE=NAME in --labels is for the values of --data.")
    names, values = parse_labels(parts)
    attack = ("recipe", "threat_model", "examples", "queries", "queries_per_word")
    data = ("only", "data", "label_column", "delimiter", "encoding", "task", "attack_seed", "limit", "skip_broken")
    how = ("in_flight", "workers", "ray", "scoring", "precision", "batch_size")
    return EvaluationOptions(
        **{name: options[name] for name in (*attack, *data, *how)},
        attack_models=_models(options["attack_models"]),
        suite=options["suite_name"],
        text_columns=tuple(split_names(options["text_columns"])),
        values=values,
        model=options_of(options, names if any("=" not in part for part in parts) else ()),
        protect=not options["no_protection"],
    )
