"""Options of the commands that read plain text."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from alumbench.cli.options import quiet_libraries

if TYPE_CHECKING:
    from alumbench.training.corpus import Corpus

F = TypeVar("F", bound=Callable[..., Any])


def corpus_options(command: F) -> F:
    """`--corpus` and what tells where in it the text is."""
    for option in (
        click.option("--text-column", default="text", show_default=True, help="The column with the text."),
        click.option("--split", default="train", show_default=True, help="Of a hub corpus."),
        click.option("--corpus-config", default="", help="Of a hub corpus that has several."),
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


def corpora_of(options: dict[str, Any]) -> tuple[Corpus, ...]:
    """The corpora that the options name; the options are taken out."""
    from alumbench.training.corpus import named_corpus

    names, taken = options.pop("corpus"), ("corpus_config", "split", "text_column")
    config, split, column = (options.pop(name) for name in taken)
    return tuple(named_corpus(name, config=config, split=split, column=column) for name in names)


def quiet_and_parallel() -> None:
    """Keeps the libraries quiet, and has texts tokenized on all cores: nothing forks here, which could lock them up."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    quiet_libraries()
