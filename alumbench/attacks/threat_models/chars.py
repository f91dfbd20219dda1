"""`chars-k`: at most k edits of single characters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import NamedTuple, cast

from rapidfuzz.distance import DamerauLevenshtein

from alumbench.attacks.threat_models.threat_model import Member, PerturbationSet, Setting, Spans, Texts, ThreatModel
from alumbench.data import Example

#: A character belongs to the alphabet of the data from this share of all its characters on.
FREQUENT = 1e-4


class Place(NamedTuple):
    """A character, or the gap before it.

    Attributes:
        column: the text.
        at: the character's number in it; one beyond the last for the gap at its end.
        gap: whether it is the gap.
    """

    column: int
    at: int
    gap: bool


class CharacterEdits(PerturbationSet):
    """Insert, delete, substitute one character, or swap two neighbours, at most `largest` times.

    Inserted and substituted characters are of the alphabet of the data, or occur in the part of the text that may
    change. So a character may always be copied, and the number of steps is the Damerau–Levenshtein distance whatever
    the script of the text. No text becomes blank.
    """

    def __init__(self, texts: Texts, spans: Spans, degree: int, alphabet: str) -> None:
        """Stores the set; see `ThreatModel.around`."""
        self.original = texts
        # What follows the part that may change stays; edits move it.
        self._before = [begin for begin, _ in spans]
        self._after = [len(text) - end if end else len(text) for text, (_, end) in zip(texts, spans, strict=True)]
        self.largest = degree if any(end > begin for begin, end in spans) else 0
        own = "".join(text[begin:end] for text, (begin, end) in zip(texts, spans, strict=True))
        self._alphabet = "".join(dict.fromkeys(alphabet + "".join(sorted(own))))
        self._allowed = frozenset(self._alphabet)

    def positions(self, member: Member) -> Sequence[Hashable]:
        """Gaps and characters from left to right, as the positions of Charmer's algorithm 1."""
        if member.degree >= self.largest:
            return []
        found: list[Hashable] = []
        for column, text in enumerate(member.texts):
            begin, end = self._range(column, text)
            if end > begin or self.original[column][begin : len(self.original[column]) - self._after[column]]:
                for at in range(begin, end):
                    found += [Place(column, at, True), Place(column, at, False)]
                found.append(Place(column, end, True))
        return found

    def steps(self, member: Member, position: Hashable) -> Sequence[Member]:
        """One member per character of the alphabet; for a character also those without it and with the next swapped."""
        column, at, gap = cast(Place, position)
        text = member.texts[column]
        if gap:
            new = [text[:at] + char + text[at:] for char in self._alphabet]
        else:
            new = [text[:at] + char + text[at + 1 :] for char in self._alphabet if char != text[at]]
            new.append(text[:at] + text[at + 1 :])
            if at + 1 < self._range(column, text)[1] and text[at] != text[at + 1]:
                new.append(text[:at] + text[at + 1] + text[at] + text[at + 2 :])
        texts = dict.fromkeys(changed for changed in new if changed.strip())
        return [
            Member(
                (*member.texts[:column], changed, *member.texts[column + 1 :]),
                member.degree + 1,
                (*member.path, position),
            )
            for changed in texts
        ]

    def probe(self, member: Member, position: Hashable) -> Texts:
        """The text with a space at that place, or without the space that is there, as Charmer ranks places."""
        column, at, gap = cast(Place, position)
        text = member.texts[column]
        space = "" if not gap and text[at] == " " else " "
        changed = text[:at] + space + text[at + (not gap) :]
        return (*member.texts[:column], changed, *member.texts[column + 1 :])

    def degree_of(self, texts: Texts) -> int | None:
        """The Damerau–Levenshtein distance (unrestricted: with edits between swapped characters), over all columns."""
        total = 0
        if len(texts) != len(self.original):
            return None
        for column, (old, new) in enumerate(zip(self.original, texts, strict=True)):
            if old == new:
                continue
            begin, end = self._range(column, old)
            if end <= begin or not new.strip() or not self._unchanged_around(column, new):
                return None
            inner = slice(*self._range(column, new))
            if not self._allowed.issuperset(new[inner]):
                return None
            total += DamerauLevenshtein.distance(old[begin:end], new[inner], score_cutoff=self.largest)
        return total if total <= self.largest else None

    def _unchanged_around(self, column: int, new: str) -> bool:
        old, begin, after = self.original[column], self._before[column], self._after[column]
        return new.startswith(old[:begin]) and new.endswith(old[len(old) - after :]) and len(new) >= begin + after

    def _range(self, column: int, text: str) -> tuple[int, int]:
        return self._before[column], len(text) - self._after[column]


class Chars(ThreatModel):
    """Edits of single characters, with the alphabet of the data."""

    name = "chars"
    version = 1
    description = "insert, delete or substitute a character, or swap two neighbours; at most k times"
    unit = "edit"
    source = (
        "edits of Damerau 1964, https://doi.org/10.1145/363958.363994; the set of Abad Rocamora et al. 2024, "
        "https://arxiv.org/abs/2405.04346, and swaps"
    )
    one_step = ("linear-bandit", "hard-label")
    quick = ("coordinate-gradient-fast", "linear-bandit", "hard-label")
    not_promised = "one character can change the meaning (`not` to `now`) or make another word"

    def facts(self, examples: Sequence[Example]) -> dict[str, str]:
        """The alphabet: characters that make up at least 0.01% of the data's, no control characters, in their order."""
        counts = Counter(char for example in examples for text in example.texts for char in text)
        total = sum(counts.values())
        chars = sorted(char for char, count in counts.items() if count >= FREQUENT * total and char.isprintable())
        return {"alphabet": "".join(chars)}

    def around(self, texts: Texts, spans: Spans, degree: int, setting: Setting) -> PerturbationSet:
        """The set around one example; the setting's facts have the alphabet."""
        return CharacterEdits(texts, spans, degree, setting.facts["alphabet"])


THREAT_MODEL = Chars()
