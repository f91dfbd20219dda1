"""`obfuscation-k`: at most k words written in a way that people still read, and filters do not."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from alumbench.attacks.textattack.homoglyphs import TABLE
from alumbench.attacks.threat_models.choices import ChoiceSet, Slot
from alumbench.attacks.threat_models.threat_model import PerturbationSet, Setting, Spans, Texts, ThreatModel
from alumbench.attacks.words import word_spans

PUNCTUATION = ".-_*"
#: Zero-width space, non-joiner and joiner, as Boucher et al. 2021.
INVISIBLE = "\u200b\u200c\u200d"
#: What is between them is shown in the reverse order: a right-to-left override (U+202E … U+202C) inside a left-to-right
#: isolate (U+2066 … U+2069). Without the isolate, two such words would also change places, since the space between two
#: right-to-left runs joins them (Unicode Standard Annex 9, rule N1).
REVERSED = "\u2066\u202e", "\u202c\u2069"


class Obfuscation(ThreatModel):
    """Spacing, punctuation, look-alikes, invisible and reordered characters, once in each of k words."""

    name = "obfuscation"
    version = 1
    description = (
        "split a word or join two, put punctuation or invisible characters into it, take look-alike letters, or store "
        "letters in another order than they are shown; at most k words, each once"
    )
    unit = "word"
    is_product = True
    source = (
        "spaces and dots of Hosseini et al. 2017, https://arxiv.org/abs/1702.08138; joined words of Gröndahl et al. "
        "2018, https://arxiv.org/abs/1808.09115; look-alikes, invisible and reordered characters of Boucher et al. "
        "2021, https://arxiv.org/abs/2106.09898"
    )
    not_promised = (
        "the parts of a split word can be words (`now here`); screen readers and some fonts give invisible characters "
        "and look-alikes away"
    )

    def around(self, texts: Texts, spans: Spans, degree: int, setting: Setting) -> PerturbationSet:
        """The set around one example: a slot for each word, and one for each space between two words."""
        slots = [
            Slot(column, *found)
            for column, (text, span) in enumerate(zip(texts, spans, strict=True))
            for found in _words_and_spaces(text, span)
        ]
        written = [texts[column][begin:end] for column, begin, end in slots]
        return ChoiceSet(texts, slots, [[""] if string == " " else variants(string) for string in written], degree)


def _words_and_spaces(text: str, span: tuple[int, int]) -> Iterator[tuple[int, int]]:
    begun = None
    for begin, end in word_spans(text):
        if span[0] <= begin and end <= span[1]:
            if begun is not None and text[begun:begin] == " ":
                yield begun, begin
            yield begin, end
            begun = end


def variants(word: str) -> list[str]:
    """All ways to write a word, without spaces dropped around it: each kind of change at one place, and at all."""
    found = [changed for char in f" {PUNCTUATION}{INVISIBLE}" for changed in _between(word, char)]
    return [*found, *_look_alikes(word), *_reordered(word)]


def _between(word: str, char: str) -> list[str]:
    """A character between two letters, and between all."""
    return [*(word[:at] + char + word[at:] for at in range(1, len(word))), char.join(word)]


def _look_alikes(word: str) -> list[str]:
    """Each letter's look-alikes, and the first one of every letter that has one."""
    one = [word[:at] + like + word[at + 1 :] for at, char in enumerate(word) for like in TABLE.get(char, "")]
    return [*one, "".join(TABLE.get(char, char)[0] for char in word)]


def _reordered(word: str) -> list[str]:
    """Two neighbours, and the whole word, stored in reverse order and shown as they were.

    Only for words of left-to-right letters.
    """
    if any(char.isalpha() and unicodedata.bidirectional(char) != "L" for char in word):
        return []
    before, after = REVERSED
    one = [word[:at] + before + word[at + 1] + word[at] + after + word[at + 2 :] for at in range(len(word) - 1)]
    return [*one, before + word[::-1] + after] if one else []


THREAT_MODEL = Obfuscation()
