"""`alumbench train`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from alumbench.cli.options import (
    compile_option,
    device_option,
    key_values,
    quiet_libraries,
    report_to_option,
    split_names,
    table_options,
)
from alumbench.commands import next_line

SHARE = click.FloatRange(0, 1)


@click.command(short_help="fine-tune a model on a task with a method")
@click.option("--config", type=click.Path(dir_okay=False, path_type=Path), help="TOML with these options by name.")
@click.option("--task", "task_name", help="A task of 'alumbench tasks'.")
@click.option("--train-file", type=click.Path(path_type=Path), help="Your own csv, tsv, jsonl or parquet file.")
@click.option("--validation-file", type=click.Path(path_type=Path), help="Its dev set (or use --held-out).")
@click.option("--text-columns", default="text", show_default=True, help="One column, or two for pairs: 'a,b'.")
@click.option("--label-column", default="label", show_default=True)
@click.option(
    "--labels",
    default="",
    help="Label names in order of the file's integers 0, 1, …, or what its values mean: '-1=negative,1=positive' "
    "('VALUE=': no label). Default: the names in the file.",
)
@click.option("--protected", default="", help="Columns that attacks may not change, for pairs.")
@table_options
@click.option("--model", help="A folder, a hub id, or ID@REVISION.")
@click.option("--method", default="standard", show_default=True, help="A method of 'alumbench methods'.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A parameter of the method; repeatable.")
@click.option(
    "--adversary-after",
    default=0.0,
    type=SHARE,
    metavar="SHARE",
    help="Share of the run that is standard before the method sets in.",
)
@click.option("--adversary-every", default=1, type=click.IntRange(min=1), metavar="N", help="Use it every N steps.")
@click.option("--adversary-fraction", default=1.0, type=SHARE, metavar="SHARE", help="Share of a batch that it sees.")
@click.option(
    "--typos", default=0.0, type=SHARE, metavar="SHARE", help="Augmentation: words of a training text mistyped …"
)
@click.option("--drop-words", default=0.0, type=SHARE, metavar="SHARE", help="… and words left out …")
@click.option(
    "--augmented-texts",
    default=0.5,
    type=SHARE,
    metavar="SHARE",
    show_default=True,
    help="… in this share of the texts, drawn anew each epoch.",
)
@click.option("--seed", default=1, show_default=True)
@click.option(
    "--train-size", default=0, type=click.IntRange(min=0), help="Examples drawn from the training set; 0: all."
)
@click.option(
    "--label-noise",
    default=0.0,
    type=click.FloatRange(0, 1, max_open=True),
    metavar="SHARE",
    help="Share of those whose label is flipped to another, the same for every seed.",
)
@click.option(
    "--held-out",
    default=0,
    type=click.IntRange(min=0),
    help="Training examples kept aside as dev set, to choose settings on.",
)
@click.option("--epochs", default=3.0, type=click.FloatRange(min=0, min_open=True), show_default=True)
@click.option("--batch-size", default=32, type=click.IntRange(min=1), show_default=True)
@click.option("--lr", default=5e-5, type=click.FloatRange(0, 1, min_open=True), show_default=True)
@click.option("--max-length", default=128, type=click.IntRange(min=1), show_default=True, help="Tokens kept.")
@click.option("--precision", type=click.Choice(["fp32", "bf16"]), default="fp32", show_default=True)
@device_option
@compile_option
@report_to_option
@click.option(
    "--trainer",
    multiple=True,
    metavar="NAME=VALUE",
    help="A further TrainingArguments field that has an effect here; repeatable.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the checkpoint.")
@click.pass_context
def train(ctx: click.Context, /, **options: Any) -> None:
    """Fine-tune a model on a task with a method.

    \b
    alumbench train --task sst2 --model sentence-transformers/all-MiniLM-L6-v2 \\
        --method alum --set alpha=1 --seed 1 --out runs/sst2-alum-1

    A killed run goes on with the same command. The checkpoint loads in plain transformers; training.json beside it
    says how it came to be. On several GPUs: torchrun --nproc-per-node 2 -m alumbench train …
    """  # noqa: D301 - click wants the character
    quiet_libraries()
    options = _with_config(ctx, options)
    for name in ("model", "out"):
        if not options[name]:
            raise click.UsageError(f"Missing option '--{name}'.")
    from alumbench.devices import is_first_process
    from alumbench.errors import AlumbenchError
    from alumbench.methods import make_method
    from alumbench.training.augmentation import Augmentation
    from alumbench.training.fine_tuning import fine_tune
    from alumbench.training.request import FineTuning
    from alumbench.training.schedule import Schedule

    parameters = key_values(options["settings"], "--set")
    make_method(options["method"], parameters)  # a wrong name is found before any data is read
    try:
        schedule = Schedule(*(options[f"adversary_{name}"] for name in ("after", "every", "fraction")))
        augmentation = Augmentation(options["typos"], options["drop_words"], options["augmented_texts"])
    except ValueError as error:
        raise AlumbenchError(str(error)) from error
    names = (
        "seed",
        "train_size",
        "label_noise",
        "held_out",
        "epochs",
        "batch_size",
        "lr",
        "max_length",
        "precision",
        "device",
        "compiled",
    )
    request = FineTuning(
        task=_task(options),
        model=options["model"],
        method=options["method"],
        parameters=parameters,
        trainer=key_values(options["trainer"], "--trainer"),
        schedule=schedule,
        augmentation=augmentation,
        **{name: options[name] for name in names},
    )
    out = Path(options["out"])
    record = fine_tune(request, out, report_to=options["report_to"])
    if not is_first_process():
        return
    final = ", ".join(
        f"{name} {'undefined' if value is None else f'{value:.4f}'}"
        for name, value in (record["dev"] or [{}])[-1].items()
        if name != "epoch"
    )
    click.echo(
        f"{out}: {options['method']}, {record['settings']['steps']} steps in {record['seconds']:.0f} s"
        + (f"; dev {final}" if final else "")
    )
    if not request.task.is_regression:
        click.echo(next_line("attack", out, "--suite", "smoke"))


def _with_config(ctx: click.Context, options: dict[str, Any]) -> dict[str, Any]:
    """The options with those of the TOML file where the command line says nothing."""
    from alumbench.config import check
    from alumbench.errors import AlumbenchError, unknown
    from alumbench.parsing import read_toml

    path = options.pop("config")
    if path is None:
        return options
    values = read_toml(Path(path))
    names = {"set": "settings", "task": "task_name", "compile": "compiled"}
    known = {parameter.opts[0].removeprefix("--").replace("-", "_") for parameter in ctx.command.params} - {"config"}
    for key, value in values.items():
        plain = key.replace("-", "_")
        if plain not in known:
            raise AlumbenchError(f"{path}: {unknown('option', plain, known)}")
        name = names.get(plain, plain)
        if ctx.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE:
            continue
        parameter = next(p for p in ctx.command.params if p.name == name)
        if isinstance(value, dict) and plain in {"set", "trainer"}:
            options[name] = tuple(f"{k}={json.dumps(v)}" for k, v in value.items())
            continue
        one = str | float | bool
        check(list[one] if getattr(parameter, "multiple", False) else one, value, f"{path}: {plain}")
        try:
            options[name] = parameter.type_cast_value(ctx, value)
        except click.BadParameter as error:
            raise AlumbenchError(f"{path}: {plain}: {error.message}") from None
    return options


def _task(options: dict[str, Any]) -> Any:
    """The named task, or one made of the user's files."""
    from alumbench.tasks import load_task
    from alumbench.tasks.own import own_task

    if bool(options["task_name"]) == bool(options["train_file"]):
        raise click.UsageError("Give --task or --train-file (see 'alumbench tasks').")
    if options["task_name"]:
        return load_task(options["task_name"])
    return own_task(
        options["train_file"],
        options["validation_file"],
        columns=split_names(options["text_columns"]),
        label_column=options["label_column"],
        labels=split_names(options["labels"]),
        protected=split_names(options["protected"]),
        delimiter=options["delimiter"],
        encoding=options["encoding"],
    )
