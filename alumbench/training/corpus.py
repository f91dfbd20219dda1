"""Plain text for pre-training: hub corpora, samples of them in a mirror, one's own files; packed into full blocks."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alumbench.errors import AlumbenchError
from alumbench.storage import sha256_of
from alumbench.tasks.source import mirror

if TYPE_CHECKING:
    import datasets
    from transformers import PreTrainedTokenizerBase

FORMATS = {".txt": "text", ".csv": "csv", ".tsv": "csv", ".jsonl": "json", ".json": "json", ".parquet": "parquet"}
#: Documents tokenized at a time: a book is a document, and the library holds all tokens of a call with their places.
DOCUMENTS = 16
SAY_EVERY = 15.0  # seconds
#: Blocks kept apart at most.
MOST_HELD_OUT = 500


@dataclass(frozen=True)
class Corpus:
    """Where text comes from.

    Attributes:
        name: how it is called: a file, a name of `KNOWN`, or a hub id.
        hub: data set id on the Hugging Face hub, '' where the hub has none.
        config: its configuration, '' for the default one.
        split: its split.
        revision: its commit, '' for the newest (which is recorded).
        column: the column with the text; a .txt file has none: a blank line ends a document there.
        mirror: path below the mirror's `data/`, '' for the hub's id and configuration.
        rows: '' or what the mirror's copy is short of, printed and recorded.
    """

    name: str
    hub: str = ""
    config: str = ""
    split: str = "train"
    revision: str = ""
    column: str = "text"
    mirror: str = ""
    rows: str = ""

    def load(self) -> tuple[datasets.Dataset, dict[str, Any]]:
        """The documents as a table with the one column `text`, and where they came from.

        Raises:
            AlumbenchError: They cannot be had, the column is absent, or no document has any text.
        """
        root = mirror()
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

    def _from_mirror(self, root: Path | None) -> tuple[datasets.Dataset, dict[str, Any]]:
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
        origin = {"from": "mirror", "files": {str(p.relative_to(root / "data")): sha256_of(p) for p in files}}
        return self._from_files(files), origin | ({"rows": self.rows} if self.rows else {})

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

    def _from_hub(self) -> tuple[datasets.Dataset, dict[str, Any]]:
        import datasets
        import huggingface_hub

        try:
            commit = self.revision or str(huggingface_hub.HfApi().dataset_info(self.hub).sha)
            table = datasets.load_dataset(self.hub, self.config or None, split=self.split, revision=commit)
        except Exception as error:
            raise AlumbenchError(
                f"--corpus {self.name}: no such file, and the hub does not give it "
                f"({type(error).__name__}: {str(error)[:200]}). Give a file, go online, or set ALUMBENCH_MIRROR to a "
                f"folder with data/{self.mirror or self.hub}"
            ) from error
        origin = {"from": "hub", "id": self.hub, "config": self.config, "split": self.split, "revision": commit}
        return table, origin


#: Corpora that go by a short name. The samples are those of the mirror; where a hub id stands, the hub has all of it.
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
    """The corpus of a file, of a name in `KNOWN`, or of a hub id, `ID` or `ID@REVISION`."""
    if name in KNOWN:
        return KNOWN[name]
    hub, _, revision = name.partition("@")
    if Path(name).is_file():
        return Corpus(str(Path(name).resolve()), column="text" if Path(name).suffix == ".txt" else column)
    return Corpus(name, hub=hub, config=config, split=split, revision=revision, column=column)


class Texts:
    """The texts of several tables one after another, as often as they are gone through; blank ones are left out."""

    def __init__(self, tables: Sequence[datasets.Dataset]) -> None:
        """Takes tables with a column `text`."""
        self._tables = tables

    def __iter__(self) -> Iterator[str]:
        """Reads a few documents at a time from the disk."""
        for table in self._tables:
            for batch in table.iter(batch_size=DOCUMENTS):
                yield from _texts(batch)


def _texts(batch: Mapping[str, Sequence[str | None]]) -> list[str]:
    """The texts of a batch of rows, without blanks around them; rows without any text are left out."""
    return [stripped for text in batch["text"] if text and (stripped := text.strip())]


@dataclass(frozen=True)
class Blocks:
    """Blocks of exactly `length` tokens: the tokenizer's first and last special token around packed text.

    Attributes:
        tokens: (blocks, length - 2) token ids.
        first: id of the token that begins a block, [CLS] say.
        last: id of the token that ends a block and stands between documents, [SEP] say.
        numbers: (blocks,) each block's number in the packed corpus, which seeds its masks and noise.
    """

    tokens: NDArray[np.int32]
    first: int
    last: int
    numbers: NDArray[np.int64]

    @property
    def length(self) -> int:
        """Tokens in a block."""
        return int(self.tokens.shape[1]) + 2

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """`input_ids`, (length,), and the block's number as `example`."""
        ids = np.concatenate([[self.first], self.tokens[index], [self.last]])
        return {"input_ids": ids.astype(np.int64), "example": int(self.numbers[index])}

    def sha256(self) -> str:
        """The hash of the blocks' content: the same texts, tokenizer and length give the same."""
        content = hashlib.sha256(f"{self.length} {self.first} {self.last} ".encode())
        content.update(np.ascontiguousarray(self.tokens, dtype="<i4").data)
        return content.hexdigest()

    def split(self, share: float) -> tuple[Blocks, Blocks]:
        """These blocks without a share of them, and that share, drawn by a generator that no seed touches.

        It is `MOST_HELD_OUT` blocks at most: dev figures are taken ten times a run, and must not be most of it.

        Raises:
            AlumbenchError: Nothing is left to train on.
        """
        held_out = min(max(1, round(share * len(self))), MOST_HELD_OUT) if share else 0
        if held_out >= len(self):
            raise AlumbenchError(
                f"the corpus packs into {len(self)} blocks of {self.length} tokens, too few to keep {share:g} of them "
                f"apart for the dev figures; give more text, a smaller --max-length, or --held-out 0"
            )
        order = np.random.default_rng(0).permutation(len(self))
        kept, apart = np.sort(order[held_out:]), np.sort(order[:held_out])
        return (
            replace(self, tokens=self.tokens[kept], numbers=self.numbers[kept]),
            replace(self, tokens=self.tokens[apart], numbers=self.numbers[apart]),
        )


def pack(
    corpora: Sequence[Corpus], tokenizer: PreTrainedTokenizerBase, length: int, say: Callable[[str], None] = print
) -> tuple[Blocks, dict[str, Any]]:
    """Tokenizes the corpora and cuts them, end to end, into blocks; what is left at the very end is dropped.

    Args:
        corpora: where the text comes from.
        tokenizer: has a token to begin and one to end a text.
        length: tokens of a block, its two special tokens included.
        say: takes a line of progress.

    Returns:
        The blocks, and what they were made of, for the record.

    Raises:
        AlumbenchError: A corpus cannot be had, the tokenizer does not fit, or the text does not fill one block.
    """
    first = tokenizer.cls_token_id if tokenizer.cls_token_id is not None else tokenizer.bos_token_id
    last = tokenizer.sep_token_id if tokenizer.sep_token_id is not None else tokenizer.eos_token_id
    if first is None or last is None:
        raise AlumbenchError(
            "the tokenizer has no token that begins and none that ends a text ([CLS] and [SEP], say); "
            "make one that has with 'alumbench tokenizer learn'"
        )
    if length < 8:
        raise AlumbenchError(f"--max-length {length}: too short to mask anything in; give 8 or more")
    streams, origins = [], []
    for corpus in corpora:
        table, origin = corpus.load()
        if corpus.rows and origin["from"] == "mirror":
            say(f"note: {corpus.name} in the mirror is {corpus.rows}")
        stream, documents = _stream(table, tokenizer, last, corpus.name, say)
        streams.append(stream)
        origins.append(origin | {"documents": documents, "tokens": len(stream)})
    stream, room = np.concatenate(streams), length - 2
    blocks = len(stream) // room
    if not blocks:
        raise AlumbenchError(
            f"the corpus is {len(stream)} tokens, less than one block of {length}; give more text or a smaller "
            f"--max-length"
        )
    packed = Blocks(stream[: blocks * room].reshape(blocks, room), first, last, np.arange(blocks))
    record = {
        "sources": origins,
        "block_length": length,
        "blocks": blocks,
        "tokens": blocks * room,
        "tokens_dropped": len(stream) - blocks * room,
        "sha256": packed.sha256(),
    }
    documents = sum(origin["documents"] for origin in origins)
    say(
        f"packed {documents:,} documents into {blocks:,} blocks of {length} tokens; "
        f"the last {record['tokens_dropped']} tokens, which fill none, are dropped"
    )
    return packed, record


def _stream(
    table: datasets.Dataset, tokenizer: PreTrainedTokenizerBase, last: int, name: str, say: Callable[[str], None]
) -> tuple[NDArray[np.int32], int]:
    """All tokens of a table, each document followed by `last`, and how many documents these are."""
    import datasets

    said, done = time.monotonic(), 0

    def ids(batch: dict[str, list[str | None]]) -> dict[str, Any]:
        nonlocal said, done
        texts = _texts(batch)
        # verbose=False: a document longer than the model takes is what packing is for
        encoded = tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"] if texts else []
        done += len(batch["text"])
        if time.monotonic() - said > SAY_EVERY:
            said = time.monotonic()
            say(f"{name}: {done:,} of {len(table):,} documents tokenized")
        return {"ids": [[*document, last] for document in encoded]}

    # A name of our own for the cache: the library's would be another at every call, as it hashes `ids` with its state.
    marks = [table._fingerprint, _tokenizer_text(tokenizer), str(last)]
    tokenized = table.map(
        ids,
        batched=True,
        batch_size=DOCUMENTS,
        remove_columns=table.column_names,
        features=datasets.Features({"ids": datasets.Sequence(datasets.Value("int32"))}),
        new_fingerprint=hashlib.sha256("\n".join(marks).encode()).hexdigest()[:32],
    )
    lists = tokenized.data.column("ids").chunks
    parts = [part.flatten().to_numpy(zero_copy_only=False) for part in lists]
    return np.concatenate(parts).astype(np.int32, copy=False), len(tokenized)


def _tokenizer_text(tokenizer: PreTrainedTokenizerBase) -> str:
    """All that decides what a tokenizer does to a text."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return str(backend.to_str()) if backend is not None else repr((tokenizer, sorted(tokenizer.get_vocab().items())))
