"""`alumbench train`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from alumbench.cli.from_fields import PAIRS, options_from, request_from
from alumbench.cli.old_options import note, taking
from alumbench.cli.options import (
    CommandOptions,
    key_values,
    quiet_libraries,
    report_to_option,
    split_names,
    table_options,
)
from alumbench.commands import next_line
from alumbench.old_names import TRAINING, renamed, silent
from alumbench.training.options import FineTuning


@click.command(cls=taking(TRAINING), short_help="fine-tune a model on a task with a method")
@click.option("--config", type=click.Path(dir_okay=False, path_type=Path), help="TOML file with these options by name.")
@click.option("--task", help="A task that 'alumbench tasks' lists, or a TOML file.")
@click.option("--train-file", type=click.Path(path_type=Path), help="Your own csv, tsv, jsonl or parquet file.")
@click.option("--validation-file", type=click.Path(path_type=Path), help="Its dev set (or use --held-out).")
@click.option("--text-columns", default="text", show_default=True, help="One column, or two for pairs: 'a,b'.")
@click.option("--label-column", default="label", show_default=True, help="The column with the label.")
@click.option(
    "--labels",
    default="",
    help="Label names in the order of the file's integers 0, 1, …, or what each value means: '-1=negative,1=positive' "
    "('VALUE=': no label). Default: the names in the file.",
)
@click.option("--protected", default="", help="Columns that attacks may not change, for pairs.")
@table_options
@options_from(FineTuning, before={"trainer": report_to_option})
@click.option("--out", type=click.Path(path_type=Path), help="Output folder of the checkpoint.")
@click.pass_context
def train(ctx: click.Context, /, **options: Any) -> None:
    """Fine-tune a model on a task with a method.

    \b
    alumbench train --task sst2 --model sentence-transformers/all-MiniLM-L6-v2 \\
        --method alum --set alpha=1 --training-seed 1 --out runs/sst2-alum-1

    If the run is killed, rerun the same command to resume. Plain transformers loads the checkpoint; training.json
    beside it records how it was made. On several GPUs: torchrun --nproc-per-node 2 -m alumbench train …
    """  # noqa: D301 - click wants the character
    quiet_libraries()
    options = _with_config(ctx, options)
    for name in ("model", "out"):
        if not options[name]:
            raise click.UsageError(f"Missing option '--{name}'.")
    from alumbench.devices import is_first_process
    from alumbench.methods import make_method
    from alumbench.training.fine_tuning import fine_tune

    # a wrong name is found before any data is read
    make_method(options["method"], key_values(options["set"], "--set"), silent)
    request = request_from(FineTuning, options, task=_task(options))
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


def _with_config(ctx: click.Context, options: CommandOptions) -> CommandOptions:
    """The options, with the TOML file's where the command line has none."""
    from alumbench.config import check
    from alumbench.errors import AlumbenchError, unknown
    from alumbench.parsing import read_toml

    path = options.pop("config")
    if path is None:
        return options
    values = read_toml(Path(path))
    known = {parameter.name: parameter for parameter in ctx.command.params if parameter.name != "config"}
    values = renamed({key.replace("-", "_"): value for key, value in values.items()}, TRAINING, note)
    for name, value in values.items():
        if name not in known:
            raise AlumbenchError(f"{path}: {unknown('option', name, known)}")
        if ctx.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE:
            continue
        parameter = known[name]
        if isinstance(value, dict) and parameter.metavar == PAIRS:
            options[name] = tuple(f"{k}={json.dumps(v)}" for k, v in value.items())
            continue
        one = str | float | bool
        several = getattr(parameter, "multiple", False) or parameter.nargs > 1
        check(list[one] if several else one, value, f"{path}: {name}")
        try:
            options[name] = parameter.type_cast_value(ctx, value)
        except click.BadParameter as error:
            raise AlumbenchError(f"{path}: {name}: {error.message}") from None
    return options


def _task(options: CommandOptions) -> Any:
    """The named task, or one made from the user's files."""
    from alumbench.data import load_task
    from alumbench.data.from_files import task_from_files

    if bool(options["task"]) == bool(options["train_file"]):
        raise click.UsageError("Give --task or --train-file (see 'alumbench tasks').")
    if options["task"]:
        return load_task(options["task"])
    return task_from_files(
        options["train_file"],
        options["validation_file"],
        columns=split_names(options["text_columns"]),
        label_column=options["label_column"],
        labels=split_names(options["labels"]),
        protected=split_names(options["protected"]),
        delimiter=options["delimiter"],
        encoding=options["encoding"],
    )
