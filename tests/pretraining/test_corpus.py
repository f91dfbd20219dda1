"""Text from anywhere, packed into full blocks: what is in them, what is dropped, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from alumbench.data import miniature
from alumbench.errors import AlumbenchError
from alumbench.pretraining.corpus import KNOWN, Texts, named_corpus
from alumbench.pretraining.packing import pack

DOCUMENTS = miniature.rows("sentiment/train")["sentence"][:50]


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(tiny_model)


def write(documents: list[Any], path: Path, column: str = "text") -> Path:
    """A file of documents, in the format of its suffix."""
    if path.suffix == ".txt":
        path.write_text("\n\n".join(documents) + "\n")
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps({column: document}) + "\n" for document in documents))
    elif path.suffix == ".csv":
        csv.write_csv(pa.table({column: documents}), path)
    else:
        parquet.write_table(pa.table({column: documents}), path)
    return path


def quiet(line: str) -> None:
    """Takes a line of progress and drops it."""


@pytest.mark.parametrize("suffix", [".txt", ".jsonl", ".csv", ".parquet"])
def test_every_format_gives_the_same_blocks(tmp_path: Path, tokenizer: PreTrainedTokenizerBase, suffix: str) -> None:
    expected = [token for text in DOCUMENTS for token in [*tokenizer(text).input_ids[1:-1], tokenizer.sep_token_id]]
    path = write(DOCUMENTS, tmp_path / f"mine{suffix}")
    blocks, record = pack([named_corpus(str(path))], tokenizer, 32, quiet)
    assert len(blocks) == len(expected) // 30
    whole = np.stack([blocks[number]["input_ids"] for number in range(len(blocks))])
    assert whole.shape == (len(blocks), 32)
    assert set(whole[:, 0]) == {tokenizer.cls_token_id}
    assert set(whole[:, -1]) == {tokenizer.sep_token_id}
    assert whole[:, 1:-1].ravel().tolist() == expected[: len(blocks) * 30]
    assert record["tokens_dropped"] == len(expected) - len(blocks) * 30
    assert [blocks[number]["example"] for number in range(3)] == [0, 1, 2]
    (source,) = record["sources"]
    assert (source["documents"], source["tokens"], source["path"]) == (50, len(expected), str(path))


def test_lines_of_a_text_file_belong_together_and_blank_documents_do_not_count(
    tmp_path: Path, tokenizer: PreTrainedTokenizerBase
) -> None:
    (tmp_path / "a.txt").write_text("the film\nwas good\n\n\n\nthe play was bad\n\n  \n")
    table, _ = named_corpus(str(tmp_path / "a.txt")).load()
    assert [*Texts([table])] == ["the film\nwas good", "the play was bad"]
    lines: list[str] = []
    _, record = pack([named_corpus(str(tmp_path / "a.txt"))], tokenizer, 8, lines.append)
    assert record["sources"][0]["documents"] == 2
    assert (
        "packed 2 documents into 1 blocks of 8 tokens; the last 4 tokens, which do not fill a block, are dropped"
        in lines
    )


def test_several_corpora_follow_one_another_and_other_columns_are_named(
    tmp_path: Path, tokenizer: PreTrainedTokenizerBase
) -> None:
    one, two = write(DOCUMENTS, tmp_path / "one.jsonl", "body"), write(DOCUMENTS[::-1], tmp_path / "two.txt")
    corpora = [named_corpus(str(path), column="body") for path in (one, two)]
    both, record = pack(corpora, tokenizer, 32, quiet)
    tables = [corpus.load()[0] for corpus in corpora]
    assert [*Texts(tables)] == DOCUMENTS + DOCUMENTS[::-1]
    assert sum(source["tokens"] for source in record["sources"]) == record["tokens"] + record["tokens_dropped"]
    assert both.tokens[0].tolist() == pack(corpora[:1], tokenizer, 32, quiet)[0].tokens[0].tolist()


def test_the_hash_is_of_the_content(tmp_path: Path, tokenizer: PreTrainedTokenizerBase) -> None:
    def sha256(documents: list[str], name: str, length: int = 32) -> str:
        return str(pack([named_corpus(str(write(documents, tmp_path / name)))], tokenizer, length, quiet)[1]["sha256"])

    first = sha256(DOCUMENTS, "a.jsonl")
    assert sha256(DOCUMENTS, "b.parquet") == first
    changed = [DOCUMENTS[0].replace("the", "a"), *DOCUMENTS[1:]]
    assert len({first, sha256(changed, "c.jsonl"), sha256(DOCUMENTS, "a.jsonl", 16)}) == 3


def test_a_file_that_changed_is_read_again(tmp_path: Path, tokenizer: PreTrainedTokenizerBase) -> None:
    path = tmp_path / "a.jsonl"
    one = pack([named_corpus(str(write(DOCUMENTS, path)))], tokenizer, 32, quiet)[1]["sha256"]
    two = pack([named_corpus(str(write(DOCUMENTS[::-1], path)))], tokenizer, 32, quiet)[1]["sha256"]
    assert one != two


def test_tokens_are_taken_from_the_cache_for_the_same_tokenizer_alone(
    tmp_path: Path, tokenizer: PreTrainedTokenizerBase, tiny_pair_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = named_corpus(str(write(DOCUMENTS, tmp_path / "a.parquet")))
    other = AutoTokenizer.from_pretrained(tiny_pair_model)
    first = [pack([corpus], each, 32, quiet)[1]["sha256"] for each in (tokenizer, other)]
    assert first[0] != first[1]

    def never(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("tokenized again")

    monkeypatch.setattr(type(tokenizer), "__call__", never)
    assert pack([corpus], tokenizer, 32, quiet)[1]["sha256"] == first[0]


def test_a_share_of_the_blocks_is_held_out_the_same_every_time(
    tmp_path: Path, tokenizer: PreTrainedTokenizerBase
) -> None:
    blocks, _ = pack([named_corpus(str(write(DOCUMENTS, tmp_path / "a.txt")))], tokenizer, 16, quiet)
    train, dev = blocks.split(0.25)
    assert (len(train), len(dev)) == (len(blocks) - round(len(blocks) / 4), round(len(blocks) / 4))
    assert sorted([*train.numbers, *dev.numbers]) == [*range(len(blocks))]
    assert dev.numbers.tolist() != [*range(len(train), len(blocks))], "drawn, not the tail"
    assert dev.numbers.tolist() == blocks.split(0.25)[1].numbers.tolist()
    for part in (train, dev):
        assert (part.tokens == blocks.tokens[part.numbers]).all()
        assert part[0]["example"] == part.numbers[0]
    assert len(blocks.split(1e-6)[1]) == 1
    assert len(blocks.split(0.0)[1]) == 0
    with pytest.raises(AlumbenchError, match="too few to hold out 0.99 of them"):
        train.split(0.99)[0].split(0.99)


@pytest.mark.parametrize(
    ("documents", "name", "message"),
    [
        (["", "  "], "a.jsonl", "no document in it has any text"),
        ([], "a.txt", "has any text|the file is empty|the file has no rows"),
        ([1, 2], "a.parquet", "column 'text' holds .*, no texts"),
        (["a good film"], "a.txt", "is 4 tokens, less than one block of 32"),
    ],
)
def test_a_corpus_with_too_little_in_it_is_refused(
    tmp_path: Path, tokenizer: PreTrainedTokenizerBase, documents: list[Any], name: str, message: str
) -> None:
    with pytest.raises(AlumbenchError, match=message):
        pack([named_corpus(str(write(documents, tmp_path / name)))], tokenizer, 32, quiet)


def test_what_cannot_be_had_is_refused(
    tmp_path: Path, tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(DOCUMENTS, tmp_path / "a.jsonl", "body")
    cases = [
        (str(path), "no column 'text'; it has body. .* --text-column"),
        (str(tmp_path / "none.txt"), "no such file"),
        ("gutenberg_sample", "set ALUMBENCH_MIRROR to a folder with data/gutenberg_sample"),
        ("nobody/nothing", "the hub request failed"),
    ]
    for name, message in cases:
        with pytest.raises(AlumbenchError, match=message):
            named_corpus(name).load()
    (tmp_path / "pdf.pdf").write_text("x")
    with pytest.raises(AlumbenchError, match="expected a file ending in"):
        named_corpus(str(tmp_path / "pdf.pdf")).load()
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("ALUMBENCH_MIRROR", str(tmp_path))
    with pytest.raises(AlumbenchError, match=r"no file of split 'train' in .*data/nobody/nothing \(no such folder"):
        named_corpus("nobody/nothing").load()


def test_a_mirror_stands_in_for_the_hub_with_the_split_that_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data" / "some" / "corpus" / "en"
    folder.mkdir(parents=True)
    write(["of the training split"], folder / "train-00000-of-00002.parquet")
    write(["in two files"], folder / "train-00001-of-00002.parquet")
    write(["held out"], folder / "validation.parquet")
    monkeypatch.setenv("ALUMBENCH_MIRROR", str(tmp_path))
    table, origin = named_corpus("some/corpus@abc", config="en").load()
    assert table["text"][:] == ["of the training split", "in two files"]
    assert [*origin["files"]] == [f"some/corpus/en/train-0000{n}-of-00002.parquet" for n in (0, 1)]
    assert named_corpus("some/corpus", config="en", split="validation").load()[0]["text"][:] == ["held out"]
    with pytest.raises(AlumbenchError, match="it has train-00000-of-00002.parquet, .*; name another --split"):
        named_corpus("some/corpus", config="en", split="test").load()


@pytest.mark.parametrize("name", KNOWN)
def test_the_mirrors_corpora_are_there(mirror: Path, name: str) -> None:
    table, origin = KNOWN[name].load()
    assert table.column_names == ["text"]
    assert len(next(iter(Texts([table])))) > 3
    assert origin["rows"] and all(len(sha256) == 64 for sha256 in origin["files"].values())


def test_wikitext_packs_into_full_blocks(mirror: Path, tokenizer: PreTrainedTokenizerBase) -> None:
    lines: list[str] = []
    blocks, record = pack([KNOWN["wikitext-2-v1"]], tokenizer, 128, lines.append)
    assert any("validation split" in line for line in lines)
    assert record["sources"][0]["documents"] == 2461, "of 3,760 lines, the others are blank"
    assert blocks.tokens.shape == (record["blocks"], 126)
