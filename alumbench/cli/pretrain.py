"""`alumbench pretrain`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from alumbench.cli.corpora import corpora_of, corpus_options, quiet_and_parallel
from alumbench.cli.options import compile_option, device_option, key_values, report_to_option
from alumbench.commands import next_line

SHARE = click.FloatRange(0, 1)


@click.command(short_help="pre-train a masked-LM on text with a method")
@corpus_options
@click.option("--model", default="", help="Go on from this: a folder, a hub id, or ID@REVISION.")
@click.option("--config", help="Begin from random weights of this size: bert-tiny, bert-small, roberta-base, …")
@click.option(
    "--layers", default=0, type=click.IntRange(min=0), help="In place of the size's own; so --hidden, --heads."
)
@click.option("--hidden", default=0, type=click.IntRange(min=0))
@click.option("--heads", default=0, type=click.IntRange(min=0))
@click.option("--tokenizer", default="", help="With --config: a folder of 'alumbench tokenizer learn'.")
@click.option("--method", default="standard", show_default=True, help="A method of 'alumbench methods'.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A parameter of the method; repeatable.")
@click.option(
    "--adversary-after",
    type=SHARE,
    metavar="SHARE",
    help="Share of the run that is standard before the method sets in; default: 0.5 with --config, 0 with --model.",
)
@click.option("--adversary-every", default=1, type=click.IntRange(min=1), metavar="N", help="Use it every N steps.")
@click.option("--adversary-fraction", default=1.0, type=SHARE, metavar="SHARE", help="Share of a batch that it sees.")
@click.option("--seed", default=1, show_default=True)
@click.option("--steps", default=0, type=click.IntRange(min=0), help="Updates of the weights; default: one epoch's.")
@click.option("--epochs", default=1.0, type=click.FloatRange(min=0, min_open=True), show_default=True)
@click.option("--batch-size", default=32, type=click.IntRange(min=1), show_default=True)
@click.option("--accumulation", default=1, type=click.IntRange(min=1), show_default=True, help="Batches an update.")
@click.option("--lr", default=5e-4, type=click.FloatRange(0, 1, min_open=True), show_default=True)
@click.option("--warmup", default=-1, help="Updates until the peak; default: a tenth of all.")
@click.option(
    "--decay",
    default="polynomial",
    show_default=True,
    type=click.Choice(["linear", "polynomial", "cosine", "constant_with_warmup"]),
)
@click.option("--adam-betas", nargs=2, type=float, default=(0.9, 0.98), show_default=True)
@click.option("--weight-decay", default=0.01, type=click.FloatRange(min=0), show_default=True)
@click.option("--max-length", default=128, type=click.IntRange(min=1), show_default=True, help="Tokens of a block.")
@click.option("--mask-rate", default=0.15, type=SHARE, show_default=True, help="Share of the tokens that are masked.")
@click.option("--mask-rate-start", default=0.0, type=SHARE, help="The share at the begin; it then goes evenly.")
@click.option(
    "--held-out", default=0.02, type=SHARE, show_default=True, help="Share of the blocks for dev figures, 500 at most."
)
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
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the checkpoint.")
def pretrain(out: Path, **options: Any) -> None:
    """Pre-train a masked-LM on text with a method: from scratch, or on from a checkpoint.

    \b
    alumbench tokenizer learn --corpus wikipedia_sample --vocab-size 8000 --out runs/tokenizer
    alumbench pretrain --corpus wikipedia_sample --config bert-mini --tokenizer runs/tokenizer \\
        --method alum --steps 2000 --out runs/mini-alum
    alumbench train --model runs/mini-alum --task sst2 --method alum --out runs/sst2-mini-alum

    A killed run goes on with the same command. The checkpoint is a masked-LM that plain transformers loads;
    pretraining.json beside it says how it came to be.
    """  # noqa: D301 - click wants the character
    quiet_and_parallel()
    from alumbench.devices import is_first_process
    from alumbench.errors import AlumbenchError
    from alumbench.methods import make_method
    from alumbench.training.masked_lm import Architecture
    from alumbench.training.pretraining import Pretraining, pretrain
    from alumbench.training.schedule import Schedule

    parameters = key_values(options.pop("settings"), "--set")
    make_method(options["method"], parameters)  # a wrong name is found before any text is read
    sizes = {name: options.pop(name) for name in ("layers", "hidden", "heads")}
    report_to = options.pop("report_to")
    config, after = options.pop("config"), options.pop("adversary_after")
    if any(sizes.values()) and not config:
        raise click.UsageError("--layers, --hidden and --heads change the size of a --config; a --model has its own.")
    if after is None:
        after = 0.5 if config and options["method"] != "standard" else 0.0
        if after and is_first_process():
            click.echo("note: the method sets in after half of the steps, as in the paper; see --adversary-after")
    try:
        schedule = Schedule(after, options.pop("adversary_every"), options.pop("adversary_fraction"))
    except ValueError as error:
        raise AlumbenchError(str(error)) from error
    request = Pretraining(
        corpora=corpora_of(options),
        architecture=Architecture.named(config, **sizes) if config else None,
        parameters=parameters,
        schedule=schedule,
        trainer=key_values(options.pop("trainer"), "--trainer"),
        **options,
    )
    record = pretrain(request, out, report_to=report_to)
    if not is_first_process():
        return
    dev = (record["dev"] or [{}])[-1]
    final = ", ".join(f"{name} {dev[name]:.4f}" for name in ("loss", "perplexity", "accuracy") if name in dev)
    click.echo(
        f"{out}: {request.method}, {record['settings']['steps']} steps in {record['seconds']:.0f} s, "
        f"{record['tokens_per_second']:,} tokens a second" + (f"; dev {final}" if final else "")
    )
    click.echo(next_line("train", "--model", out, "--task", "sst2", "--out", f"{out}-sst2"))
