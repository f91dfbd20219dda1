"""Options of the commands that read plain text."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from alumbench.cli.options import CommandOptions, quiet_libraries

if TYPE_CHECKING:
    from alumbench.pretraining.corpus import Corpus

F = TypeVar("F", bound=Callable[..., Any])


def corpus_options(command: F) -> F:
    """`--corpus`, and the options that say where its text is."""
    for option in (
        click.option("--text-column", default="text", show_default=True, help="The column with the text."),
        click.option("--split", default="train", show_default=True, help="Split of a hub corpus."),
        click.option("--corpus-config", default="", help="Configuration of a hub corpus that has several."),
        click.option(
            "--corpus",
            multiple=True,
            required=True,
            metavar="NAME",
            help="A .txt (blank lines between documents), jsonl, csv or parquet file; a hub id, or ID@REVISION; "
            "gutenberg_sample, wikipedia_sample, wikitext-2-v1 or imdb-unlabelled. Repeatable.",
        ),
    ):
        command = option(command)
    return command


def corpora_of(options: CommandOptions) -> tuple[Corpus, ...]:
    """The corpora that the options name; removes those options from `options`."""
    from alumbench.pretraining.corpus import named_corpus

    names, taken = options.pop("corpus"), ("corpus_config", "split", "text_column")
    config, split, column = (options.pop(name) for name in taken)
    return tuple(named_corpus(name, config=config, split=split, column=column) for name in names)


def quiet_and_parallel() -> None:
    """Silences the libraries, and tokenizes on all cores: safe, as nothing forks here (a fork could deadlock)."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    quiet_libraries()
