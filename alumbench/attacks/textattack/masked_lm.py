"""Words that a masked language model proposes: to replace a word, to insert, or to merge two words into.

The candidates are TextAttack's, in its order, from any masked LM on disk. Left out are padding to 512 tokens, waiting
for the device at each candidate, ranking the whole vocabulary, and, in BERT-Attack for words of several pieces, the
perplexity of all K^n combinations. TextAttack computes these perplexities and sorts by them, but discards the result
of `sorted`: its candidates are the first K combinations by rank, and so are those here.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import nltk
import torch
from textattack.shared import utils
from textattack.transformations import Transformation
from textattack.transformations.word_merges.word_merge_masked_lm import find_merge_index
from textattack.transformations.word_swaps import WordSwap
from torch import Tensor

from alumbench.models.auxiliary import MaskedLm, masked_lm

_LETTER = re.compile("[a-zA-Z]")


class _Vocabulary(NamedTuple):
    """The vocabulary as words.

    Attributes:
        words: the word of each token.
        counted: whether a token counts towards the number of candidates, (vocabulary,).
        used: whether a token is a candidate: one word, with letters.
    """

    words: list[str]
    counted: Tensor
    used: list[bool]


@cache
def _vocabulary(lm: MaskedLm, first: bool) -> _Vocabulary:
    """The tokens as words at the start of a text or later in it; a byte-level tokenizer marks these differently."""
    found = [_word(token, lm.marker, first) for token in lm.tokens]
    counted = [utils.is_one_word(word) and not utils.check_if_punctuations(word) for word in found]
    words = [word.strip(lm.marker) if lm.marker != "##" else word for word in found]
    used = [bool(_LETTER.search(word)) and len(utils.words_from_text(word)) == 1 for word in words]
    return _Vocabulary(words, torch.tensor(counted), used)


def _word(token: str, marker: str, first: bool) -> str:
    if marker == "##":
        return token.replace(marker, "")
    return token if first or token.startswith(marker) else token.replace(marker, "")


class _Proposals:
    """Puts a masked LM's proposals into a text; each transformation decides where, and what they replace.

    Attributes:
        confidence: default of the minimum probability of a word.
    """

    confidence = 0.0

    def __init__(self, lm: MaskedLm, max_candidates: int = 50, min_confidence: float | None = None) -> None:
        """Stores the model.

        Args:
            lm: the masked LM.
            max_candidates: K, words per position.
            min_confidence: minimum probability of a word; None for the transformation's default.
        """
        super().__init__()
        self.lm, self.max_candidates = lm, max_candidates
        self.min_confidence = self.confidence if min_confidence is None else min_confidence

    def _places(self, text: Any, allowed: Iterable[int]) -> list[int]:
        """Positions at which words are proposed."""
        return list(allowed)

    def _masked(self, text: Any, index: int) -> str:
        """The text with a mask at this position."""
        raise NotImplementedError

    def _changed(self, text: Any, index: int, word: str) -> Any:
        """The text with a proposed word at this position."""
        raise NotImplementedError

    def _get_transformations(self, current_text: Any, indices_to_modify: Any) -> list[Any]:
        indices = self._places(current_text, indices_to_modify)
        proposed = self._proposed([self._masked(current_text, index) for index in indices])
        return [
            self._changed(current_text, index, word)
            for index, words in zip(indices, proposed, strict=True)
            for word in words
            if word != current_text.words[index]
        ]

    def _proposed(self, masked: Sequence[str]) -> list[list[str]]:
        """The words proposed for the mask of each text, likeliest first; none if the mask is cut off."""
        rows = self.lm.rows(masked)
        at = [row.index(self.lm.tokenizer.mask_token_id) if self._has_mask(row) else -1 for row in rows]
        kept = [number for number, place in enumerate(at) if place >= 0]
        logits = self.lm.answers([rows[number] for number in kept], [[at[number]] for number in kept])
        words: list[list[str]] = [[] for _ in masked]
        for number, row in zip(kept, logits, strict=True):
            words[number] = self._best(row[0], first=at[number] == 1)
        return words

    def _has_mask(self, row: Sequence[int]) -> bool:
        return self.lm.tokenizer.mask_token_id in row

    def _best(self, logits: Tensor, first: bool) -> list[str]:
        vocabulary = _vocabulary(self.lm, first)
        top = logits.masked_fill(~vocabulary.counted, -torch.inf).topk(min(self.max_candidates, len(logits)))
        kept = top.values > -torch.inf
        if self.min_confidence > 0:
            kept &= logits.softmax(0)[top.indices] >= self.min_confidence
        return [vocabulary.words[number] for number in top.indices[kept].tolist() if vocabulary.used[number]]

    def extra_repr_keys(self) -> list[str]:
        """Names of the attributes that an attack prints."""
        return ["max_candidates", "min_confidence"]


class MaskedLmSwap(_Proposals, WordSwap):  # type: ignore[misc]
    """Replaces a word with the masked LM's proposals for its place (BAE; Replace of CLARE)."""

    confidence = 5e-4

    def _masked(self, text: Any, index: int) -> str:
        return str(text.replace_word_at_index(index, self.lm.tokenizer.mask_token).text)

    def _changed(self, text: Any, index: int, word: str) -> Any:
        return text.replace_word_at_index(index, word)


class MaskedLmInsertion(_Proposals, Transformation):  # type: ignore[misc]
    """Inserts the masked LM's proposals before a word (Insert of CLARE).

    TextAttack first cuts the text to its words, which breaks a mask that is the first word. There are then no
    candidates, in TextAttack and here.
    """

    def _masked(self, text: Any, index: int) -> str:
        return _words_alone(text.insert_text_before_word_index(index, self.lm.tokenizer.mask_token), index)

    def _changed(self, text: Any, index: int, word: str) -> Any:
        return text.insert_text_before_word_index(index, word)


class MaskedLmMerge(_Proposals, Transformation):  # type: ignore[misc]
    """Replaces two words with the masked LM's proposals for their place (Merge of CLARE).

    Parts of speech decide which pairs may merge, by NLTK's tagger; TextAttack uses flair's. TextAttack merges even
    words that constraints protect, and across columns; here both are in one column, and at least one may change.
    """

    confidence = 5e-3

    def _places(self, text: Any, allowed: Iterable[int]) -> list[int]:
        free = set(allowed)
        return [index for index in _mergeable(text) if index in free or index + 1 in free]

    def _masked(self, text: Any, index: int) -> str:
        masked = text.replace_word_at_index(index, self.lm.tokenizer.mask_token)
        return _words_alone(masked.delete_word_at_index(index + 1), index)

    def _changed(self, text: Any, index: int, word: str) -> Any:
        return text.delete_word_at_index(index + 1).replace_word_at_index(index, word)


def _words_alone(text: Any, index: int) -> str:
    """The text from its first word to its last, as TextAttack passes it to these models."""
    return str(text.text_window_around_index(index, float("inf")))


def _mergeable(text: Any) -> list[int]:
    """Positions of words that may merge with the next word, in the same column."""
    tags = [tag for _, tag in nltk.pos_tag(text.words, tagset="universal")] if text.words else []
    ends = set(itertools.accumulate(len(words) for words in text.words_per_input))
    return [index for index in find_merge_index(tags) if index + 1 not in ends]


class BertAttackSwap(WordSwap):  # type: ignore[misc]
    """Replaces a word with the masked LM's predictions at its position, with the word not masked (BERT-Attack).

    A word of several pieces is replaced with the first K combinations of the likeliest pieces.
    """

    def __init__(self, lm: MaskedLm, max_candidates: int = 8) -> None:
        """Stores the model.

        Args:
            lm: the masked LM.
            max_candidates: K, words or pieces per position; the paper's is 48, TextAttack's 8.
        """
        super().__init__()
        self.lm, self.max_candidates = lm, max_candidates

    def _get_transformations(self, current_text: Any, indices_to_modify: Any) -> list[Any]:
        indices = list(indices_to_modify)
        tokenizer = self.lm.tokenizer
        (row,) = self.lm.rows([current_text.text])
        masked = self.lm.rows([current_text.replace_word_at_index(i, tokenizer.mask_token).text for i in indices])
        places: dict[int, list[int]] = {}
        for index, other in zip(indices, masked, strict=True):
            if tokenizer.mask_token_id in other:
                begin = other.index(tokenizer.mask_token_id)
                length = len(tokenizer.encode(current_text.words[index], add_special_tokens=False))
                if length and begin + length <= len(row):  # else the word alone has other pieces than in the text
                    places[index] = list(range(begin, begin + length))
        wanted = sorted({place for spot in places.values() for place in spot})
        if not wanted:
            return []
        (logits,) = self.lm.answers([row], [wanted])
        top = dict(zip(wanted, logits.topk(min(self.max_candidates, logits.shape[-1])).indices.tolist(), strict=True))
        return [
            current_text.replace_word_at_index(index, word)
            for index, spot in places.items()
            for word in self._words([top[place] for place in spot], first=index == 0)
            if word != current_text.words[index]
        ]

    def _words(self, pieces: Sequence[Sequence[int]], first: bool) -> Iterator[str]:
        tokens, marker = self.lm.tokens, self.lm.marker
        if len(pieces) == 1:
            alone = [tokens[number] for number in pieces[0]]
            found = [word for word in alone if utils.is_one_word(word) and not self._is_piece(word, first)]
        else:
            joined = ("".join(tokens[number] for number in combination) for combination in itertools.product(*pieces))
            whole = (word.replace("##", "") for word in joined)
            found = list(itertools.islice(filter(utils.is_one_word, whole), self.max_candidates))
        return (word if marker == "##" else word.strip(marker) for word in found)

    def _is_piece(self, token: str, first: bool) -> bool:
        """True if a token only continues a word."""
        marker = self.lm.marker
        return marker in token if marker == "##" else not (first or token.startswith(marker))

    def extra_repr_keys(self) -> list[str]:
        """Names of the attributes that an attack prints."""
        return ["max_candidates"]


def named(name: str, wrapper: Any) -> MaskedLm:
    """The masked LM that a suite's entry names, on the victim's device."""
    return masked_lm(name, str(wrapper.model.device))
