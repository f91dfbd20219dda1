"""Plain text for pre-training: hub corpora, samples of them in a mirror, or your own files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alumbench.data.source import mirror
from alumbench.errors import AlumbenchError
from alumbench.storage import sha256_of

if TYPE_CHECKING:
    import datasets

FORMATS = {".txt": "text", ".csv": "csv", ".tsv": "csv", ".jsonl": "json", ".json": "json", ".parquet": "parquet"}
#: Documents tokenized at once: a document may be a book, and the library keeps all tokens of a call with offsets.
DOCUMENTS = 16


@dataclass(frozen=True)
class Corpus:
    """A source of text.

    Attributes:
        name: its name: a file, a name in `KNOWN`, or a hub id.
        hub: data set id on the Hugging Face hub, '' if it has none.
        config: its configuration, '' for the default.
        split: its split.
        revision: its commit, '' for the newest (which is recorded).
        column: the column with the text; a .txt file has none: a blank line ends a document there.
        mirror: path below the mirror's `data/`, '' for the hub's id and configuration.
        rows: what the mirror's copy lacks, or ''; printed and recorded.
    """

    name: str
    hub: str = ""
    config: str = ""
    split: str = "train"
    revision: str = ""
    column: str = "text"
    mirror: str = ""
    rows: str = ""

    def load(self) -> tuple[datasets.Dataset, dict[str, object]]:
        """The documents as a table with the one column `text`, and their origin as JSON, see `TextOrigin`.

        Raises:
            AlumbenchError: They are unavailable, the column is missing, or no document has any text.
        """
        root = mirror()
        origin: dict[str, object]
        if Path(self.name).is_file():
            table, origin = self._from_files([Path(self.name)]), {"from": "file", "path": self.name}
            origin["sha256"] = sha256_of(Path(self.name))
        elif self.name not in KNOWN and Path(self.name).suffix in FORMATS:
            raise AlumbenchError(f"--corpus {self.name}: no such file")
        elif root is not None or not self.hub:
            table, origin = self._from_mirror(root)
        else:
            table, origin = self._from_hub()
        if self.column not in table.column_names:
            raise AlumbenchError(
                f"--corpus {self.name}: no column '{self.column}'; it has {', '.join(sorted(table.column_names))}. "
                f"Name the one with the text with --text-column"
            )
        feature = table.features[self.column]
        if getattr(feature, "dtype", "") not in {"string", "large_string", "null"}:
            raise AlumbenchError(f"--corpus {self.name}: column '{self.column}' holds {feature}, no texts")
        table = table.select_columns([self.column])
        if self.column != "text":
            table = table.rename_column(self.column, "text")
        if not any(True for _ in Texts([table])):
            raise AlumbenchError(f"--corpus {self.name}: no document in it has any text; give another one")
        return table, origin | {"column": self.column}

    def _from_mirror(self, root: Path | None) -> tuple[datasets.Dataset, dict[str, object]]:
        if root is None:
            raise AlumbenchError(
                f"--corpus {self.name}: no hub data set has it: set ALUMBENCH_MIRROR to a folder with "
                f"data/{self.mirror}, or give a hub id or a file of your own"
            )
        path = root / "data" / (self.mirror or "/".join(filter(None, [self.hub, self.config])))
        all_files = sorted(p for p in path.glob("*") if p.suffix in FORMATS) if path.is_dir() else []
        files = [path] if path.is_file() else [p for p in all_files if p.name.startswith(self.split)]
        if not files:
            has = (
                f"it has {', '.join(p.name for p in all_files)}; name another --split"
                if all_files
                else "no such folder"
            )
            raise AlumbenchError(
                f"--corpus {self.name}: no file of split '{self.split}' in {path} ({has}), "
                f"or unset ALUMBENCH_MIRROR to use the hub"
            )
        hashes = {str(p.relative_to(root / "data")): sha256_of(p) for p in files}
        rows = {"rows": self.rows} if self.rows else {}
        return self._from_files(files), {"from": "mirror", "files": hashes, **rows}

    def _from_files(self, paths: Sequence[Path]) -> datasets.Dataset:
        import datasets

        kind, names = FORMATS.get(paths[0].suffix), [str(path) for path in paths]
        if kind is None:
            raise AlumbenchError(f"--corpus {paths[0]}: expected a file ending in {', '.join(FORMATS)}")
        if not any(path.stat().st_size for path in paths):
            raise AlumbenchError(f"--corpus {paths[0]}: the file is empty")
        try:
            if kind == "text":
                return datasets.Dataset.from_text(names, sample_by="paragraph")
            if kind == "csv":
                separator = "\t" if paths[0].suffix == ".tsv" else ","
                return datasets.Dataset.from_csv(names, sep=separator, keep_default_na=False, encoding="utf-8-sig")
            if kind == "json":
                return datasets.Dataset.from_json(names)
            return datasets.Dataset.from_parquet(names)
        except Exception as error:
            cause = error.__cause__ or error
            if "corresponds to no data" in str(error):
                raise AlumbenchError(f"--corpus {paths[0]}: the file has no rows") from error
            raise AlumbenchError(f"--corpus {paths[0]}: cannot be read as {kind}: {str(cause)[:300]}") from error

    def _from_hub(self) -> tuple[datasets.Dataset, dict[str, object]]:
        import datasets
        import huggingface_hub

        try:
            commit = self.revision or str(huggingface_hub.HfApi().dataset_info(self.hub).sha)
            table = datasets.load_dataset(self.hub, self.config or None, split=self.split, revision=commit)
        except Exception as error:
            raise AlumbenchError(
                f"--corpus {self.name}: no such file, and the hub request failed "
                f"({type(error).__name__}: {str(error)[:200]}). Give a file, go online, or set ALUMBENCH_MIRROR to a "
                f"folder with data/{self.mirror or self.hub}"
            ) from error
        place = {"id": self.hub, "config": self.config, "split": self.split, "revision": commit}
        return table, {"from": "hub", **place}


#: Corpora with a short name. The mirror has samples; where a hub id is given, the hub has the full corpus.
KNOWN = {
    corpus.name: corpus
    for corpus in (
        Corpus("gutenberg_sample", mirror="gutenberg_sample", rows="212 books of a corpus of 3,036"),
        Corpus("wikipedia_sample", mirror="wikipedia_sample", rows="27,405 articles of one range of ids"),
        Corpus(
            "wikitext-2-v1",
            hub="Salesforce/wikitext",
            config="wikitext-2-v1",
            mirror="wikitext-2-v1/validation.parquet",
            rows="the validation split, 3,760 lines, in place of the training split",
        ),
        Corpus(
            "imdb-unlabelled",
            hub="stanfordnlp/imdb",
            split="unsupervised",
            mirror="imdb/unsupervised_sample_25k.parquet",
            rows="25,000 of 50,000 unlabelled reviews",
        ),
    )
}


def named_corpus(name: str, *, config: str = "", split: str = "train", column: str = "text") -> Corpus:
    """The corpus for a file, a name in `KNOWN`, or a hub id, `ID` or `ID@REVISION`."""
    if name in KNOWN:
        return KNOWN[name]
    hub, _, revision = name.partition("@")
    if Path(name).is_file():
        return Corpus(str(Path(name).resolve()), column="text" if Path(name).suffix == ".txt" else column)
    return Corpus(name, hub=hub, config=config, split=split, revision=revision, column=column)


class Texts:
    """The texts of several tables in order, without blank ones; can be iterated over repeatedly."""

    def __init__(self, tables: Sequence[datasets.Dataset]) -> None:
        """Takes tables with a column `text`."""
        self._tables = tables

    def __iter__(self) -> Iterator[str]:
        """Reads a few documents at a time from disk."""
        for table in self._tables:
            for batch in table.iter(batch_size=DOCUMENTS):
                yield from texts_of(batch)


def texts_of(batch: Mapping[str, Sequence[str | None]]) -> list[str]:
    """The texts of a batch of rows, stripped of whitespace; empty rows are left out."""
    return [stripped for text in batch["text"] if text and (stripped := text.strip())]
