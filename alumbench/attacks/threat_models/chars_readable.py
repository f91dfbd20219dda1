"""`chars-k-readable`: at most k words with one typo each, of the kind that readers hardly notice."""

from __future__ import annotations

import re

from alumbench.attacks.threat_models.chars import Chars
from alumbench.attacks.threat_models.choices import ChoiceSet, Slot
from alumbench.attacks.threat_models.threat_model import PerturbationSet, Setting, Spans, Texts

#: Four letters or more; digits, apostrophes and hyphens end a word.
WORD = re.compile(r"[^\W\d_]{4,}")


class CharsReadable(Chars):
    """One edit in each of k words, all inside the word: its first and last letter stay."""

    name = "chars-readable"
    version = 1
    description = (
        "insert, delete or substitute a letter, or swap two neighbours, inside a word of four letters or more; "
        "at most k words, one edit each"
    )
    unit = "word"
    is_product = True
    source = "Pruthi et al. 2019, https://arxiv.org/abs/1905.11268; Jones et al. 2020, https://arxiv.org/abs/2005.01229"
    not_promised = "one letter can make another word (`prefect` of `perfect`, `united` of `untied`)"

    def around(self, texts: Texts, spans: Spans, degree: int, setting: Setting) -> PerturbationSet:
        """The set around one example; inserted letters are of the alphabet in the setting's facts, in lower case."""
        letters = [char for char in setting.facts["alphabet"] if char.isalpha() and char == char.lower()]
        slots = [
            Slot(column, *found.span())
            for column, (text, (begin, end)) in enumerate(zip(texts, spans, strict=True))
            for found in WORD.finditer(text)
            if begin <= found.start() and found.end() <= end
        ]
        return ChoiceSet(
            texts, slots, [typos(texts[column][begin:end], letters) for column, begin, end in slots], degree
        )

    def at(self, degree: float | str) -> str:
        """The degree stands in the middle."""
        return f"chars-{degree}-readable"


def typos(word: str, letters: list[str]) -> list[str]:
    """All words that one edit inside the word makes, in the order of the places.

    >>> typos("best", ["a"])
    ['baest', 'bast', 'bst', 'bset', 'beast', 'beat', 'bet', 'besat']
    """
    last, found = len(word) - 1, []
    for at in range(1, last + 1):
        before, here, after = word[:at], word[at], word[at + 1 :]
        found += [before + letter + here + after for letter in letters]
        if at < last:
            found += [before + letter + after for letter in letters] + [before + after]
        if at + 1 < last:
            found.append(before + after[0] + here + after[1:])
    return found


THREAT_MODEL = CharsReadable()
