"""Text packed for pre-training: tokens of all documents end to end, cut into full blocks."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypedDict

import numpy as np
from numpy.typing import NDArray

from alumbench.errors import AlumbenchError
from alumbench.pretraining.corpus import DOCUMENTS, Corpus, texts_of

if TYPE_CHECKING:
    import datasets
    from transformers import PreTrainedTokenizerBase

SAY_EVERY = 15.0  # seconds
#: Most blocks that are held out.
MOST_HELD_OUT = 500


class Block(TypedDict):
    """A block: its `input_ids`, (length,), and its number in the corpus as `example`."""

    input_ids: NDArray[np.int64]
    example: int


@dataclass(frozen=True)
class Blocks:
    """Blocks of exactly `length` tokens: packed text between the tokenizer's first and last special token.

    Attributes:
        tokens: (blocks, length - 2) token ids.
        first: id of the token that begins a block, such as [CLS].
        last: id of the token that ends a block and separates documents, such as [SEP].
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

    def __getitem__(self, index: int) -> Block:
        """`input_ids`, (length,), and the block's number as `example`."""
        ids = np.concatenate([[self.first], self.tokens[index], [self.last]])
        return {"input_ids": ids.astype(np.int64), "example": int(self.numbers[index])}

    def sha256(self) -> str:
        """A hash of the blocks' content: equal texts, tokenizer and length give equal hashes."""
        content = hashlib.sha256(f"{self.length} {self.first} {self.last} ".encode())
        content.update(np.ascontiguousarray(self.tokens, dtype="<i4").data)
        return content.hexdigest()

    def split(self, share: float) -> tuple[Blocks, Blocks]:
        """Splits off a share of the blocks, drawn independently of any seed; returns the rest, then that share.

        The share is at most `MOST_HELD_OUT` blocks: dev figures are computed ten times per run, and must stay cheap.

        Raises:
            AlumbenchError: Nothing is left to train on.
        """
        held_out = min(max(1, round(share * len(self))), MOST_HELD_OUT) if share else 0
        if held_out >= len(self):
            raise AlumbenchError(
                f"the corpus packs into {len(self)} blocks of {self.length} tokens, too few to hold out {share:g} "
                f"of them "
                f"for the dev figures; give more text, a smaller --max-length, or --held-out 0"
            )
        order = np.random.default_rng(0).permutation(len(self))
        kept, apart = np.sort(order[held_out:]), np.sort(order[:held_out])
        return (
            replace(self, tokens=self.tokens[kept], numbers=self.numbers[kept]),
            replace(self, tokens=self.tokens[apart], numbers=self.numbers[apart]),
        )


def pack(
    corpora: Sequence[Corpus], tokenizer: PreTrainedTokenizerBase, length: int, say: Callable[[str], None] = print
) -> tuple[Blocks, dict[str, object]]:
    """Tokenizes the corpora and cuts them, end to end, into blocks; the rest at the very end is dropped.

    Args:
        corpora: sources of the text.
        tokenizer: has special tokens that begin and end a text.
        length: tokens of a block, including its two special tokens.
        say: called with each line of progress.

    Returns:
        The blocks, and a description of their sources for the record.

    Raises:
        AlumbenchError: A corpus is unavailable, the tokenizer does not fit, or the text does not fill one block.
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
    streams, origins, counts = [], [], []
    for corpus in corpora:
        table, origin = corpus.load()
        if corpus.rows and origin["from"] == "mirror":
            say(f"note: {corpus.name} in the mirror is {corpus.rows}")
        stream, documents = _stream(table, tokenizer, last, corpus.name, say)
        streams.append(stream)
        counts.append(documents)
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
    say(
        f"packed {sum(counts):,} documents into {blocks:,} blocks of {length} tokens; "
        f"the last {record['tokens_dropped']} tokens, which do not fill a block, are dropped"
    )
    return packed, record


def _stream(
    table: datasets.Dataset, tokenizer: PreTrainedTokenizerBase, last: int, name: str, say: Callable[[str], None]
) -> tuple[NDArray[np.int32], int]:
    """All tokens of a table, each document followed by `last`, and the number of documents."""
    import datasets

    said, done = time.monotonic(), 0

    def ids(batch: dict[str, list[str | None]]) -> dict[str, list[list[int]]]:
        nonlocal said, done
        texts = texts_of(batch)
        # verbose=False: no warning about long documents, which packing cuts anyway
        encoded = tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"] if texts else []
        done += len(batch["text"])
        if time.monotonic() - said > SAY_EVERY:
            said = time.monotonic()
            say(f"{name}: {done:,} of {len(table):,} documents tokenized")
        return {"ids": [[*document, last] for document in encoded]}

    # Our own cache name: the library's would differ at every call, as it hashes `ids` with its state.
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
    """Everything that affects how a tokenizer splits a text."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return str(backend.to_str()) if backend is not None else repr((tokenizer, sorted(tokenizer.get_vocab().items())))
