"""`alumbench tokenizer`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import click

from alumbench.cli.corpora import corpora_of, corpus_options, quiet_and_parallel
from alumbench.cli.options import quiet_libraries
from alumbench.commands import next_line

LEARNED = "learned.json"


@click.group(short_help="learn a tokenizer from text, or apply one")
def tokenizer() -> None:
    """Learn BPE and WordPiece vocabularies from text with the 'tokenizers' library."""


@tokenizer.command()
@corpus_options
@click.option(
    "--kind",
    type=click.Choice(["bpe", "word-piece"]),
    default="word-piece",
    show_default=True,
    help="Kind of tokenizer.",
)
@click.option(
    "--vocab-size", type=click.IntRange(min=1), required=True, help="Vocabulary size, special tokens included."
)
@click.option(
    "--lower-case/--keep-case", default=True, show_default=True, help="Convert text to lower case, or keep its case."
)
@click.option("--max-length", default=512, type=click.IntRange(min=1), show_default=True, help="model_max_length.")
@click.option(
    "--min-count", default=2, type=click.IntRange(min=1), show_default=True, help="Minimum count of a merged pair."
)
@click.option(
    "--letters", default=1000, type=click.IntRange(min=1), show_default=True, help="Maximum number of characters kept."
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Output folder of the tokenizer.")
def learn(out: Path, **options: Any) -> None:
    """Learn a vocabulary (deterministically) and save it for AutoTokenizer.

    \b
    alumbench tokenizer learn --corpus wikipedia_sample --kind bpe --vocab-size 8000 --out runs/tokenizer
    """  # noqa: D301 - click wants the character
    quiet_and_parallel()
    from alumbench.config import check
    from alumbench.errors import AlumbenchError
    from alumbench.parsing import read_json
    from alumbench.pretraining.corpus import Texts
    from alumbench.pretraining.tokenizer import learn_tokenizer, load_learned
    from alumbench.storage import write_json
    from alumbench.training.run import disk_errors_told
    from alumbench.versions import library_versions

    loaded = [corpus.load() for corpus in corpora_of(options)]
    asked = json.loads(json.dumps(options | {"corpora": [origin for _, origin in loaded]}))
    if (out / LEARNED).exists():
        before = check(dict[str, object], read_json(out / LEARNED), str(out / LEARNED))
        for name, value in asked.items():
            if before.get(name) != value:
                raise AlumbenchError(
                    f"{out}: holds a tokenizer that differs in {name.replace('_', ' ')} "
                    f"({before.get(name)!r:.99} there, {value!r:.200} requested); give another --out, or delete it to "
                    f"start over"
                )
        load_learned(out)  # reports missing or damaged files
        click.echo(f"{out}: this tokenizer already exists")
        return
    if (out.exists() and not out.is_dir()) or (out.is_dir() and any(out.iterdir())):
        raise AlumbenchError(f"{out}: not empty; give another --out")
    learned = learn_tokenizer(
        options["kind"],
        Texts([table for table, _ in loaded]),
        options["vocab_size"],
        **{name: options[name] for name in ("lower_case", "max_length", "min_count", "letters")},
    )
    half = out.with_name(f".{out.name}.half")  # if killed, nothing is left in `out`
    shutil.rmtree(half, ignore_errors=True)
    with disk_errors_told(out):
        learned.save_pretrained(half)
        write_json(half / LEARNED, {"schema": 1, **asked, "versions": library_versions()})
        half.replace(out)
    click.echo(f"{out}: {options['kind']}, {len(learned):,} pieces")
    click.echo(next_line("tokenizer", "apply", out, "A birthday party."))


@tokenizer.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@click.option(
    "--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A file with one text per line."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per text: text, pieces, ids.")
def apply(folder: Path, texts: tuple[str, ...], file: Path | None, as_json: bool) -> None:
    """Print the tokens and ids of texts, with the special tokens that a model sees."""
    quiet_libraries()
    from alumbench.parsing import read_text
    from alumbench.pretraining.tokenizer import load_learned

    lines = [*texts, *(read_text(file).splitlines() if file else [])]
    if not lines:
        raise click.UsageError("Give a text or --file.")
    learned = load_learned(folder)
    for text in lines:
        ids = learned(text, verbose=False)["input_ids"]
        pieces = learned.convert_ids_to_tokens(ids)
        if as_json:
            click.echo(json.dumps({"text": text, "pieces": pieces, "ids": ids}, ensure_ascii=False))
        else:
            click.echo(" ".join(pieces))
            click.echo(" ".join(map(str, ids)))
