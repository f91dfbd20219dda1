"""Token ids with a cache: each piece between spaces is tokenized only once."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from alumbench.engine import NO_LIMIT
from alumbench.engine.token_rows import TokenizedText

#: A text and a pair with the likeliest problems: punctuation, accents, case, Chinese, controls, a model's own marks.
PROBES = (
    ("It's a test , isn't it?  Naïve—co-op… e\u0301té 我喜欢\x1f\x85 [UNK] a.b",),
    ("One two", "THREE ,four [MASK] \tfive\nsix \u00a0seven"),
)

#: Number of tokens that each column of a pair keeps when the pair is cut; None for the remaining room.
Shares = tuple[int | None, ...]


class View(NamedTuple):
    """The part of a text or pair that a model reads.

    Attributes:
        ids: tokens.
        types: their types, empty where the tokenizer gives none.
        columns: the text that each token belongs to, None for special tokens.
        spans: the characters of its text that each token covers, (begin, end).
        read: the characters of each text that are read, (begin, end).
    """

    ids: tuple[int, ...]
    types: tuple[int, ...]
    columns: tuple[int | None, ...]
    spans: tuple[tuple[int, int], ...]
    read: tuple[tuple[int, int], ...]


class Tokens:
    """A tokenizer with a cache.

    Word-piece tokenizers do not look across spaces, so pieces are cached; candidates of one text differ in one piece.
    `PROBES` test whether that holds. If not, the tokenizer is called each time, as it always is for a text that has to
    be cut.
    """

    def __init__(self, tokenizer: Any) -> None:
        """Stores a transformers tokenizer."""
        self._tokenizer = tokenizer
        # Its threads cost more than a handful of short texts, and it warns of them after a fork.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        self._piece = lru_cache(maxsize=2**17)(self._of_piece)
        self._remembers = self._can_remember()

    def rows(
        self, texts: Sequence[Sequence[str]], empty: int, shares: Sequence[Shares | None] | None = None
    ) -> list[TokenizedText]:
        """Each text or pair as a model reads it.

        Args:
            texts: for each example, one string per column.
            empty: the token for a text without tokens, if the tokenizer adds no special tokens.
            shares: for each example, how a pair is cut; None for the tokenizer's own way.
        """
        limit = self._tokenizer.model_max_length
        rows = [self._remembered(columns) for columns in texts] if self._remembers else self._asked(texts, empty)
        # What was asked is cut already: a row of full length may or may not have lost something.
        long = [at for at, row in enumerate(rows) if len(row.ids) >= limit + self._remembers]
        shared = [at for at in long if shares is not None and shares[at] is not None]
        own = [at for at in long if at not in shared] if self._remembers else []
        for at, row in zip(own, self._asked([texts[at] for at in own], empty), strict=True):
            rows[at] = row
        for at in shared:
            view = self.view(texts[at], shares[at] if shares is not None else None)
            rows[at] = TokenizedText(view.ids, view.types)
        return rows

    def lengths(self, texts: Sequence[Sequence[str]]) -> list[int]:
        """The tokens of each text or pair, special tokens included, before any cut."""
        if self._remembers:
            return [len(self._remembered(columns).ids) for columns in texts]
        if not texts:
            return []
        columns = (list(column) for column in zip(*texts, strict=True))
        return [len(ids) for ids in self._tokenizer(*columns, verbose=False)["input_ids"]]

    def shares(self, columns: Sequence[str], protected: Sequence[bool]) -> Shares | None:
        """Tokens that each protected text of a pair has in it as the tokenizer cuts the pair, None for the others.

        None if nothing is protected, or if the tokenizer cannot map tokens to texts.
        """
        if not any(protected) or not self._tokenizer.is_fast:
            return None
        of = self._tokenizer(*columns, truncation=self._cuts()).sequence_ids()
        return tuple(of.count(at) if kept else None for at, kept in enumerate(protected))

    def view(self, columns: Sequence[str], shares: Shares | None = None) -> View:
        """The part of one text or pair that a model reads, by a fast tokenizer."""
        whole = self._tokenizer(*columns, return_offsets_mapping=True, verbose=False)
        of, spans, types = whole.sequence_ids(), whole["offset_mapping"], whole.get("token_type_ids")
        places = [[at for at, column in enumerate(of) if column == text] for text in range(len(columns))]
        dropped, read = set[int](), []
        for content, own, room in zip(columns, places, self._rooms(columns, of, shares), strict=True):
            left = self._tokenizer.truncation_side == "left"
            out = own[: len(own) - room] if left else own[room:]
            inside = own[len(own) - room :] if left else own[:room]
            begin, end = (spans[inside[0]][0], spans[inside[-1]][1]) if inside else (0, 0)
            read.append((begin if out and left else 0, end if out and not left else len(content)))
            if not inside and out:
                read[-1] = (0, 0)
            dropped.update(out)
        kept = [at for at in range(len(of)) if at not in dropped]
        return View(
            tuple(whole["input_ids"][at] for at in kept),
            tuple(types[at] for at in kept) if types else (),
            tuple(of[at] for at in kept),
            tuple(spans[at] for at in kept),
            tuple(read),
        )

    def _rooms(self, columns: Sequence[str], of: Sequence[int | None], shares: Shares | None) -> list[int]:
        """Number of tokens kept of each text."""
        counts = [of.count(text) for text in range(len(columns))]
        limit = self._tokenizer.model_max_length
        if len(of) <= limit:
            return counts
        if shares is None:
            cut = self._tokenizer(*columns, truncation=self._cuts()).sequence_ids()
            return [cut.count(text) for text in range(len(columns))]
        kept = [0 if share is None else min(share, count) for share, count in zip(shares, counts, strict=True)]
        rest = max(0, limit - of.count(None) - sum(kept))
        return [min(rest, counts[at]) if share is None else kept[at] for at, share in enumerate(shares)]

    def _asked(self, texts: Sequence[Sequence[str]], empty: int) -> list[TokenizedText]:
        if not texts:
            return []
        encoded = self._tokenizer(
            *(list(column) for column in zip(*texts, strict=True)),
            truncation=self._cuts(),
        )
        types = encoded.get("token_type_ids") or [()] * len(texts)
        return [
            TokenizedText(tuple(ids) or (empty,), tuple(kinds) if ids else ())
            for ids, kinds in zip(encoded["input_ids"], types, strict=True)
        ]

    def _cuts(self) -> bool:
        """True if texts have a maximum length."""
        return bool(self._tokenizer.model_max_length < NO_LIMIT)

    def _remembered(self, columns: Sequence[str]) -> TokenizedText:
        pieces = [itertools.chain.from_iterable(map(self._piece, text.split(" "))) for text in columns]
        ids: list[int] = []
        types: list[int] = []
        *marks, last = self._marks[len(columns)]
        for (before, kinds, kind), tokens in zip(marks, map(tuple, pieces), strict=True):
            ids += (*before, *tokens)
            types += (*kinds, *(kind for _ in tokens))
        return TokenizedText((*ids, *last[0]), (*types, *last[1]) if self._typed else ())

    def _between(self, columns: int) -> list[tuple[list[int], list[int], int]]:
        """The special tokens before each text and after the last, with their types and that of the next text."""
        encoded = self._tokenizer(*["a"] * columns)
        ids = encoded["input_ids"]
        types, of = encoded.get("token_type_ids") or [0] * len(ids), encoded.sequence_ids()
        found, begin = [], 0
        for text in range(columns):
            at = of.index(text)
            found.append((ids[begin:at], types[begin:at], types[at]))
            begin = at + of.count(text)
        return [*found, (ids[begin:], types[begin:], 0)]

    def _of_piece(self, piece: str) -> tuple[int, ...]:
        return tuple(self._tokenizer(piece, add_special_tokens=False)["input_ids"])

    def _can_remember(self) -> bool:
        backend = getattr(self._tokenizer, "backend_tokenizer", None)
        if type(getattr(backend, "model", None)).__name__ != "WordPiece":
            return False
        if any(" " in token for token in self._tokenizer.get_added_vocab()):
            return False
        self._typed = "token_type_ids" in self._tokenizer.model_input_names
        try:
            self._marks = {columns: self._between(columns) for columns in (1, 2)}
            return all(self._remembered(probe) == self._asked([probe], 0)[0] for probe in PROBES)
        except (NotImplementedError, TypeError, ValueError):
            return False
