"""Sets of texts in which words are replaced: what all of them have in common, whatever proposes the words.

- At most r% of the words are replaced, rounded down. Words are those of `attacks/words.py` in the part of the text that
  may change and that both the victim and the sentence encoder read; stop words count, punctuation does not.
- **Stop words stay**: NLTK's English list (negations among them). Nor does a stop word come in.
- **The part of speech is kept**: NLTK's universal tag of the substitute in the original text is that of the word it
  replaces. The other words are the original's whatever else was replaced, so that the set is a product of choices, up
  to the similarity. Inflection is not kept: singular and plural have one universal tag.
- **The case is kept**: lower, UPPER, Capitalized. A change of case alone is no change.
- **The sentence stays similar**: 1 - angle / pi between all-MiniLM-L6-v2's vectors of the whole original text and of
  the whole changed text is at least .84 (a cosine of .876), for each column that changed. TextFooler's figure is for
  this angular similarity, and for the Universal Sentence Encoder in a window of 15 words. The encoder always answers
  in fp32, whatever precision the victim is searched in.
"""

from __future__ import annotations

import hashlib
import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from alumbench.attacks.nltk_data import find_nltk_data
from alumbench.attacks.parts_of_speech import TaggedText
from alumbench.attacks.resources import MINILM
from alumbench.attacks.threat_models.choices import ChoiceSet, Slot
from alumbench.attacks.threat_models.threat_model import (
    Member,
    PerturbationSet,
    Setting,
    Spans,
    Texts,
    ThreatModel,
    most_steps,
)
from alumbench.attacks.words import WORD, word_spans
from alumbench.data import Example
from alumbench.errors import AlumbenchError
from alumbench.models.auxiliary import SentenceEncoder, sentence_encoder

#: Least angular similarity of sentences: TextFooler's (Jin et al. 2020, section 3.3), as in TextAttack's recipe.
SIMILARITY = 0.84
#: Texts are judged with this much less, as the last digits of vectors differ between machines and batches.
ROUNDING = 1e-5
#: Resources that every such set needs.
NEEDS = ("stopwords", "averaged_perceptron_tagger_eng", "universal_tagset", "all-MiniLM-L6-v2")


class Proposals(NamedTuple):
    """Words proposed for slots.

    Attributes:
        words: for each slot, in the order in which searches should try them.
        tolerated: for each slot, other words that a search does not use, but that are accepted in a text that is
            judged, because another machine may have proposed them; empty for none.
    """

    words: Sequence[Sequence[str]]
    tolerated: Sequence[Sequence[str]] = ()


class WordSet(ChoiceSet):
    """A product of words, of which the texts that stay similar to the original are admissible."""

    def __init__(
        self,
        texts: Texts,
        slots: Sequence[Slot],
        proposals: Proposals,
        largest: int,
        encoder: SentenceEncoder,
        words: int = 0,
    ) -> None:
        """Stores the set.

        Args:
            texts: the original, one string per column.
            slots: the words that can be replaced.
            proposals: what can replace them.
            largest: the most words that may differ.
            encoder: its vectors' similarity counts.
            words: the words of which `largest` is a percentage.
        """
        super().__init__(texts, slots, proposals.words, largest)
        self._encoder, self._own, self.words = encoder, dict[int, Tensor](), words
        self._judge: ChoiceSet = self
        if proposals.tolerated:
            every = [[*words, *more] for words, more in zip(proposals.words, proposals.tolerated, strict=True)]
            self._judge = ChoiceSet(texts, slots, every, largest)

    def similarities(self, texts: Sequence[Texts]) -> list[float]:
        """Angular similarity to the original of each, the least of its columns; all are encoded together."""
        changed = {(at, text) for new in texts for at, text in enumerate(new) if text != self.original[at]}
        pairs = sorted(changed)
        new = sorted({at for at, _ in pairs} - self._own.keys())
        rows = self._encoder.rows([*(self.original[at] for at in new), *(text for _, text in pairs)])
        vectors = self._encoder.answers(rows) if rows else []
        self._own.update(zip(new, vectors, strict=False))
        found = dict(zip(pairs, self._angular(pairs, vectors[len(new) :]), strict=True))
        return [min((found[one] for one in enumerate(new) if one in found), default=1.0) for new in texts]

    def admissible(self, members: Sequence[Member]) -> list[bool]:
        """Whether the sentence stays similar."""
        return [similarity >= SIMILARITY for similarity in self.similarities([member.texts for member in members])]

    def degree_of(self, texts: Texts) -> int | None:
        """The number of words that differ, None if the texts are not in the set."""
        return self.degrees_of([texts])[0]

    def degrees_of(self, texts: Sequence[Texts]) -> list[int | None]:
        """`degree_of`; the texts that are products of the choices are encoded together."""
        choices = {new: choice for new in texts if (choice := self._judge.choice_of(new)) is not None}
        near = dict(zip(choices, self.similarities(list(choices)), strict=True))
        return [len(choices[new]) if new in near and near[new] >= SIMILARITY - ROUNDING else None for new in texts]

    def _angular(self, pairs: Sequence[tuple[int, str]], vectors: Sequence[Tensor]) -> list[float]:
        if not pairs:
            return []
        before = torch.stack([self._own[at] for at, _ in pairs]).double()
        cosines = cosine_similarity(before, torch.stack(list(vectors)).double()).clamp(-1, 1)
        found: list[float] = (1 - cosines.arccos() / math.pi).tolist()
        return found


class WordThreatModel(ThreatModel):
    """Replaces words; a subclass proposes them."""

    unit = "word"
    percent = True
    is_product = True
    standard = ("coordinate-gradient-fast", "bayesian", "charmer", "coordinate-gradient", "beam", "hard-label")
    quick = ("coordinate-gradient-fast", "bayesian", "hard-label")
    needs: ClassVar[tuple[str, ...]] = NEEDS
    not_promised: ClassVar[str] = (
        "a proposed word can change the meaning, or be ungrammatical in its place: lists know neither the sense of a "
        "word nor its inflection, and the sentence encoder does not see every negation or antonym"
    )

    @abstractmethod
    def proposals(self, texts: Texts, slots: Sequence[Slot], setting: Setting) -> Proposals:
        """Words for each slot, before case, stop words and parts of speech are considered."""

    def installed(self) -> dict[str, str]:
        """What identifies the lists on this machine, by name."""
        return {"stopwords": _sha256(stop_words())}

    def facts(self, examples: Sequence[Example]) -> dict[str, str]:
        """What identifies the lists: a text is judged by the lists that it was searched with.

        Raises:
            AlumbenchError: A list is missing.
        """
        self._check({})
        return self.installed()

    def around(self, texts: Texts, spans: Spans, degree: int, setting: Setting) -> PerturbationSet:
        """The set around one example.

        Raises:
            AlumbenchError: A list or the encoder is missing, or a list differs from that of the setting's facts.
        """
        self._check(setting.facts)
        encoder = sentence_encoder(MINILM, setting.device, "fp32")
        words = list(_words(texts, spans, encoder))
        largest = most_steps(degree, self.percent, len(words))
        slots = [slot for slot in words if not is_stop_word(word_at(texts, slot))] if largest else []
        if not slots:
            return WordSet(texts, [], Proposals([]), 0, encoder, len(words))
        proposals = self.proposals(texts, slots, setting)
        tagged = [TaggedText(text) for text in texts]
        kept = (
            [_kept(texts, tagged, slot, words) for slot, words in zip(slots, lists, strict=True)] if lists else ()
            for lists in proposals
        )
        return WordSet(texts, slots, Proposals(*kept), largest, encoder, len(words))

    def _check(self, facts: Mapping[str, str]) -> None:
        if missing := self.missing():
            raise AlumbenchError(f"threat model {self.name} needs {'; '.join(missing)}")
        for name, value in self.installed().items():
            if facts.get(name, value) != value:
                raise AlumbenchError(
                    f"threat model {self.name}: {name} is {value} on this machine and {facts[name]} in the record; "
                    f"install that one"
                )


def same_part_of_speech(tagged: TaggedText, begin: int, word: str, others: Sequence[str]) -> list[str]:
    """Those of `others` that have in the place of `word`, which begins at that character, its part of speech."""
    own, *tags = tagged.tags(begin, [word, *others])
    return [other for other, tag in zip(others, tags, strict=True) if tag == own]


def in_case(word: str, others: Sequence[str]) -> list[str]:
    """Single words in the case of `word`, each once, without `word` itself and without stop words.

    >>> in_case("Bad", ["dire", "not", "evil", "BAD", "ill fated", "evil"])
    ['Dire', 'Evil']
    """
    found = (_cased(word, other) for other in others if WORD.fullmatch(other) and "_" not in other)
    return [other for other in dict.fromkeys(found) if other.lower() != word.lower() and not is_stop_word(other)]


def _cased(word: str, other: str) -> str:
    if word.islower():
        return other.lower()
    if word.isupper() and len(word) > 1:
        return other.upper()
    return other[:1].upper() + other[1:] if word[:1].isupper() else other


def is_stop_word(word: str) -> bool:
    """True if NLTK's English list has the word, in any case and with either apostrophe."""
    return word.lower().replace("’", "'") in stop_words()


@cache
def stop_words() -> frozenset[str]:
    """NLTK's English stop words.

    Raises:
        LookupError: They are not on this machine; `ThreatModel.missing` says so before.
    """
    find_nltk_data()
    from nltk.corpus import stopwords

    return frozenset(stopwords.words("english"))


@cache
def _sha256(words: frozenset[str]) -> str:
    return hashlib.sha256("\n".join(sorted(words)).encode()).hexdigest()


def _words(texts: Texts, spans: Spans, encoder: SentenceEncoder) -> Iterator[Slot]:
    """The words in the part of each text that may change and that the encoder reads."""
    for column, (text, (begin, end)) in enumerate(zip(texts, spans, strict=True)):
        if end > begin:
            _, seen = encoder.read(text)
            yield from (
                Slot(column, *word) for word in word_spans(text) if begin <= word[0] and word[1] <= min(end, seen)
            )


def _kept(texts: Texts, tagged: Sequence[TaggedText], slot: Slot, words: Sequence[str]) -> list[str]:
    word = word_at(texts, slot)
    return same_part_of_speech(tagged[slot.column], slot.begin, word, in_case(word, words))


def word_at(texts: Texts, slot: Slot) -> str:
    """The word in a slot."""
    return texts[slot.column][slot.begin : slot.end]
