"""`alumbench pretrain`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from alumbench.cli.corpora import corpora_of, corpus_options, quiet_and_parallel
from alumbench.cli.from_fields import options_from, request_from
from alumbench.cli.old_options import taking
from alumbench.cli.options import key_values, report_to_option
from alumbench.commands import next_line
from alumbench.old_names import TRAINING, silent
from alumbench.pretraining.masked_lm import Architecture
from alumbench.pretraining.options import Pretraining, default_start

F = TypeVar("F", bound=Callable[..., Any])


def _size_options(command: F) -> F:
    """`--config`, and the options that replace its sizes."""
    for option in (
        click.option(
            "--heads", default=0, type=click.IntRange(min=0), help="Number of attention heads instead of --config's."
        ),
        click.option(
            "--hidden",
            default=0,
            type=click.IntRange(min=0),
            help="Size of the hidden states instead of --config's.",
        ),
        click.option("--layers", default=0, type=click.IntRange(min=0), help="Number of layers instead of --config's."),
        click.option("--config", help="Start from random weights of this size: bert-tiny, bert-small, roberta-base, …"),
    ):
        command = option(command)
    return command


@click.command(cls=taking(TRAINING), short_help="pre-train a masked LM on text with a method")
@corpus_options
@options_from(Pretraining, before={"tokenizer": _size_options, "trainer": report_to_option})
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Output folder of the checkpoint.")
def pretrain(out: Path, **options: Any) -> None:
    """Pre-train a masked LM on text with a method, from scratch or from a checkpoint.

    \b
    alumbench tokenizer learn --corpus wikipedia_sample --vocab-size 8000 --out runs/tokenizer
    alumbench pretrain --corpus wikipedia_sample --config bert-mini --tokenizer runs/tokenizer \\
        --method alum --steps 2000 --out runs/mini-alum
    alumbench train --model runs/mini-alum --task sst2 --method alum --out runs/sst2-mini-alum

    If the run is killed, rerun the same command to resume. The checkpoint is a masked LM that plain transformers loads;
    pretraining.json beside it records how it was made.
    """  # noqa: D301 - click wants the character
    quiet_and_parallel()
    from alumbench.devices import is_first_process
    from alumbench.methods import make_method
    from alumbench.pretraining.pretrain import pretrain

    # a wrong name is found before any text is read
    make_method(options["method"], key_values(options["set"], "--set"), silent)
    sizes = {name: options.pop(name) for name in ("layers", "hidden", "heads")}
    report_to, config = options.pop("report_to"), options.pop("config")
    if any(sizes.values()) and not config:
        raise click.UsageError("--layers, --hidden and --heads change the size of a --config; a --model has its own.")
    architecture = Architecture.named(config, **sizes) if config else None
    if options["adversary_after"] is None:
        options["adversary_after"] = default_start(architecture, options["method"], click.echo)
    request = request_from(Pretraining, options, corpora=corpora_of(options), architecture=architecture)
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
