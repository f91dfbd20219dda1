"""`alumbench attack`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alumbench.cli.options import device_option, quiet_libraries, split_names, table_options
from alumbench.commands import next_line

if TYPE_CHECKING:
    from alumbench.evaluation.entry_run import Done


@click.command(short_help="run a suite of attacks and adversarial sets on checkpoints")
@click.argument("checkpoints", nargs=-1, required=True, metavar="CHECKPOINT...")
@click.option("--suite", "suite_name", required=True, help="A suite of 'alumbench suites', or a TOML file.")
@click.option("--only", multiple=True, metavar="ENTRY", help="Run this entry alone; repeatable.")
@click.option("--data", type=click.Path(path_type=Path), help="Your own examples instead of the suite's.")
@click.option("--text-columns", default="", help="Their text columns; default: the task's.")
@click.option("--label-column", default="", help="Their label column; default: the training file's, or 'label'.")
@table_options
@click.option("--task", default="", help="The task, for a checkpoint without training.json.")
@click.option(
    "--labels",
    default="",
    help="Names of the checkpoint's outputs in order, where it has none; VALUE=NAME for what --data's values mean.",
)
@click.option("--seed", default=1, show_default=True, help="Seeds the attacks, with each example's id.")
@click.option(
    "--limit",
    default=0,
    type=click.IntRange(min=0),
    help="Cut each entry to so many examples: for a look, never for a leaderboard.",
)
@click.option("--no-protection", is_flag=True, help="Let attacks change context columns (a premise, say) too.")
@click.option(
    "--skip-broken",
    is_flag=True,
    help="Spare an example that one attack of the suite's ensemble broke the others; the worst case stays exact.",
)
@click.option("--in-flight", default=64, type=click.IntRange(min=1), show_default=True, help="Examples at a time.")
@click.option("--workers", default=0, type=click.IntRange(min=0), help="Processes that search; 0: this one alone.")
@click.option("--ray", default="", metavar="ADDRESS", help="Search on a Ray cluster (auto, HOST:PORT).")
@click.option(
    "--scoring",
    type=click.Choice(["fixed", "fast"]),
    default="fixed",
    show_default=True,
    help="fixed: a score depends on its text alone. fast: plain padding, labelled.",
)
@click.option(
    "--precision",
    type=click.Choice(["fp32", "tf32", "bf16"]),
    default="fp32",
    show_default=True,
    help="Of the victim; others than fp32 are labelled.",
)
@click.option("--batch-size", default=64, type=click.IntRange(min=1), show_default=True, help="Of embedding attacks.")
@device_option
@click.option("--out", type=click.Path(path_type=Path), help="Folder; default: CHECKPOINT/evaluations/SUITE-seedN.")
def attack(checkpoints: tuple[str, ...], **options: Any) -> None:
    """Run a suite on checkpoints: adversarial sets, and attacks through TextAttack.

    \b
    alumbench attack runs/sst2-alum-1 --suite textattack-core

    One JSON line an example in records.jsonl; the same command again goes on where it stopped.
    """  # noqa: D301 - click wants the character
    quiet_libraries()
    from alumbench.attacks.engine.run import Schedule
    from alumbench.errors import AlumbenchError
    from alumbench.evaluation.evaluate import evaluate
    from alumbench.evaluation.reliability import told
    from alumbench.evaluation.request import Request
    from alumbench.evaluation.stored import EVALUATIONS
    from alumbench.evaluation.suite import load_suite
    from alumbench.leaderboard.compare import compare

    if options["out"] and len(checkpoints) > 1:
        raise click.UsageError("--out is for one checkpoint; leave it out to write beside each.")
    _labels(options)  # what is wrong with them is said before anything is read
    suite = load_suite(options["suite_name"])
    for checkpoint in checkpoints:
        victim = _victim(checkpoint, suite, options)
        source = _data(options, victim.task)
        name = f"{suite.name}-seed{options['seed']}"
        name += f"-limit{options['limit']}" if options["limit"] else ""
        name += f"-{options['data'].stem}" if options["data"] else ""
        name += "-unprotected" if options["no_protection"] else ""
        name += "-skip-broken" if options["skip_broken"] else ""
        name += f"-{options['scoring']}" if options["scoring"] != "fixed" else ""
        name += f"-{options['precision']}" if options["precision"] != "fp32" else ""
        if not options["out"] and not Path(checkpoint).is_dir():
            raise AlumbenchError(f"{checkpoint} is no local folder: say where its evaluation goes with --out")
        out = options["out"] or Path(checkpoint) / EVALUATIONS / name
        request = Request(
            suite=suite,
            seed=options["seed"],
            limit=options["limit"],
            only=options["only"],
            data=source,
            labels=_labels(options)[0],
            protect=not options["no_protection"],
            skip_broken=options["skip_broken"],
            schedule=Schedule(options["in_flight"], options["workers"], options["ray"]),
        )
        with _Progress() as progress:
            document = evaluate(request, victim, out, progress)
        click.echo(f"\n{checkpoint}, suite {suite.name}@{suite.version} on {document['device']}")
        click.echo(compare([out]).render("markdown"))
        for flag in document["flags"]:
            click.echo(f"flag: {told(flag)}")
        if not document["flags"]:
            click.echo("flags: none")
        if victim.scorer.traffic.halved:
            click.echo("note: batches that the device had no memory for were halved; last digits of scores may differ")
        click.echo(f"records: {out}")
    special = any(options[name] for name in ("limit", "data", "no_protection", "skip_broken", "out"))
    special = special or options["scoring"] != "fixed" or options["precision"] != "fp32"
    if len(checkpoints) > 1 and not special:
        click.echo(next_line("compare", *checkpoints))
    if any(entry["kind"] == "attack" for entry in document["entries"].values()):
        click.echo(next_line("verify", out))


def _victim(checkpoint: str, suite: Any, options: Mapping[str, Any]) -> Any:
    """The loaded checkpoint, after the suite was found to have something for its task."""
    from alumbench.attacks.engine.scoring import Scorer
    from alumbench.attacks.victim import Victim
    from alumbench.checkpoints import checkpoint_task, find_model

    files = find_model(checkpoint)
    task = checkpoint_task(files, options["task"])
    suite.entries_for(task, options["only"], own_data=options["data"] is not None)
    scorer = Scorer(options["scoring"], options["precision"])
    return Victim(files, task, options["device"], _labels(options)[0], options["batch_size"], scorer)


def _data(options: Mapping[str, Any], task: Any) -> Any:
    """The user's own examples as a source, None without `--data`."""
    from alumbench.tasks.own import own_examples

    if not options["data"]:
        return None
    return own_examples(
        task,
        options["data"],
        columns=split_names(options["text_columns"]),
        values=_labels(options)[1],
        **{name: options[name] for name in ("label_column", "delimiter", "encoding")},
    )


def _labels(options: Mapping[str, Any]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Names of the checkpoint's outputs, and what values of `--data` stand for, both of `--labels`."""
    from alumbench.tasks.labels import parse_labels

    parts = split_names(options["labels"])
    if any("=" in part for part in parts) and not options["data"]:
        raise click.UsageError("VALUE=NAME in --labels is for the values of --data.")
    names, values = parse_labels(parts)
    return (names if any("=" not in part for part in parts) else ()), values


class _Progress:
    """One bar an entry on standard error: examples done, outcomes so far, queries a second, how full batches are."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._entry = ""

    def __call__(self, done: Done) -> None:
        from tqdm import tqdm

        if done.entry != self._entry:
            self.close()
            self._bar = tqdm(total=done.total, initial=done.done, desc=done.entry, unit="ex", mininterval=1.0)
            self._entry = done.entry
        self._bar.n = done.done
        if done.queries_per_second:
            speed = {"queries/s": f"{done.queries_per_second:.0f}", "fill": f"{done.fill:.0%}"}
            self._bar.set_postfix(dict(done.outcomes) | speed, refresh=False)
        self._bar.update(0)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.refresh()
            self._bar.close()

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
