"""Token ids of texts that are mostly known: each piece between spaces is cut into tokens once."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from alumbench.attacks.engine.rows import Row

#: A text and a pair with what goes wrong first: punctuation, accents, case, Chinese, controls, a model's own marks.
PROBES = (
    ("It's a test , isn't it?  Naïve—co-op… e\u0301té 我喜欢\x1f\x85 [UNK] a.b",),
    ("One two", "THREE ,four [MASK] \tfive\nsix \u00a0seven"),
)


class Tokens:
    """A tokenizer that remembers.

    Word-piece tokenizers look at nothing beyond a space, so the pieces can be remembered; candidates of one text differ
    in one of them. Whether that holds is tried on `PROBES`; a tokenizer for which it does not is asked each time, as is
    any for a text that has to be cut.
    """

    def __init__(self, tokenizer: Any) -> None:
        """Takes a transformers tokenizer."""
        self._tokenizer = tokenizer
        # Its threads cost more than a handful of short texts, and it warns of them after a fork.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        self._piece = lru_cache(maxsize=2**17)(self._of_piece)
        self._remembers = self._can_remember()

    def rows(self, texts: Sequence[Sequence[str]], empty: int) -> list[Row]:
        """Each text or pair as a model reads it.

        Args:
            texts: for each example one string a column.
            empty: the token that stands for a text of none, where the tokenizer sets no marks.
        """
        if not self._remembers:
            return self._asked(texts, empty)
        remembered = [self._remembered(columns) for columns in texts]
        too_long = [at for at, row in enumerate(remembered) if len(row.ids) > self._tokenizer.model_max_length]
        for at, row in zip(too_long, self._asked([texts[at] for at in too_long], empty), strict=True):
            remembered[at] = row
        return remembered

    def _asked(self, texts: Sequence[Sequence[str]], empty: int) -> list[Row]:
        if not texts:
            return []
        encoded = self._tokenizer(*(list(column) for column in zip(*texts, strict=True)), truncation=True)
        types = encoded.get("token_type_ids") or [()] * len(texts)
        return [
            Row(tuple(ids) or (empty,), tuple(kinds) if ids else ())
            for ids, kinds in zip(encoded["input_ids"], types, strict=True)
        ]

    def _remembered(self, columns: Sequence[str]) -> Row:
        pieces = [itertools.chain.from_iterable(map(self._piece, text.split(" "))) for text in columns]
        ids: list[int] = []
        types: list[int] = []
        *marks, last = self._marks[len(columns)]
        for (before, kinds, kind), tokens in zip(marks, map(tuple, pieces), strict=True):
            ids += (*before, *tokens)
            types += (*kinds, *(kind for _ in tokens))
        return Row((*ids, *last[0]), (*types, *last[1]) if self._typed else ())

    def _between(self, columns: int) -> list[tuple[list[int], list[int], int]]:
        """The marks before each text and after the last, with their types and that of the text that follows."""
        texts = [[-1 - number] for number in range(columns)]
        ids = self._tokenizer.build_inputs_with_special_tokens(*texts)
        types = self._tokenizer.create_token_type_ids_from_sequences(*texts)
        found, begin = [], 0
        for at in [*(ids.index(text[0]) for text in texts), len(ids)]:
            found.append((ids[begin:at], types[begin:at], types[at] if at < len(ids) else 0))
            begin = at + 1
        return found

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
