"""`insertions-k`: at most k words or sentences without content, put in front, behind or between; English."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence
from typing import NamedTuple, cast

from alumbench.attacks.threat_models.threat_model import Member, PerturbationSet, Setting, Spans, Texts, ThreatModel

#: Said without being content. First the filled pauses, which "do not alter the meaning of what is uttered" and "can
#: occur anywhere in the stream of speech" (Linguistic Data Consortium 2003, SimpleMDE annotation guidelines,
#: https://secure.ldc.upenn.edu/intranet/Annotation/MDE/guidelines/2003/fp1.html). Then discourse markers (Schiffrin
#: 1987, Discourse Markers; the last two are common ones of today), without those that also judge (`well`, `like`,
#: `okay`), strengthen (`so`) or relate clauses (`and`, `but`, `or`, `because`).
WORDS = ("ah", "eh", "er", "uh", "um", "oh", "now", "then", "you know", "I mean", "actually", "basically")
#: True whatever the text says. The first two are those of Naik et al. 2018 as sentences of their own, the others ours.
SENTENCES = ("True is true.", "False is not true.", "Monday comes before Tuesday.", "A day has 24 hours.")

_CHUNK = re.compile(r"\S+")
_END_OF_SENTENCE = re.compile(r"[.!?…][\"'”’)\]]*\Z")


class Gap(NamedTuple):
    """A place where something can be inserted.

    Attributes:
        column: the text.
        at: the character before which it is inserted.
        behind: whether it is the place behind the last word, where the space comes first.
        sentence: whether sentences can be inserted too: the text's begin and end, and between its sentences.
    """

    column: int
    at: int
    behind: bool
    sentence: bool

    def items(self) -> tuple[str, ...]:
        """What can be inserted."""
        return WORDS + SENTENCES if self.sentence else WORDS

    def strings(self) -> tuple[str, ...]:
        """The same with the space that keeps it apart."""
        return tuple(f" {item}" if self.behind else f"{item} " for item in self.items())


class Position(NamedTuple):
    """A place in a member.

    Attributes:
        gap: number of the gap.
        place: how many insertions into this gap come before it.
    """

    gap: int
    place: int


class Insertions(PerturbationSet):
    """The original with at most `largest` insertions, several of which may be in one gap.

    The path of a member has a pair (number of the gap, number of the item) for each insertion, in the order of the
    text.

    Attributes:
        gaps: the places, in the order of the text.
    """

    def __init__(self, texts: Texts, spans: Spans, degree: int) -> None:
        """Stores the set; see `ThreatModel.around`."""
        self.original = texts
        self.gaps = [gap for column, span in enumerate(spans) for gap in _gaps(column, texts[column], span)]
        self.largest = degree if self.gaps else 0

    def positions(self, member: Member) -> Sequence[Hashable]:
        """In front of each word, of each insertion, and behind the last."""
        if member.degree >= self.largest:
            return []
        taken = [number for number, _ in self._insertions(member)]
        return [Position(gap, place) for gap in range(len(self.gaps)) for place in range(taken.count(gap) + 1)]

    def steps(self, member: Member, position: Hashable) -> Sequence[Member]:
        """One member for each word and, where sentences can begin, each sentence."""
        gap = self.gaps[cast(Position, position).gap]
        return [self._with(member, cast(Position, position), item) for item in range(len(gap.items()))]

    def probe(self, member: Member, position: Hashable) -> Texts:
        """The text with the first word of the list at that place."""
        return self._with(member, cast(Position, position), 0).texts

    def degree_of(self, texts: Texts) -> int | None:
        """The fewest insertions that make the texts."""
        member = self.member_of(texts)
        return None if member is None else member.degree

    def member_of(self, texts: Texts) -> Member | None:
        """The member with these texts and the fewest insertions, None if there is none."""
        if len(texts) != len(self.original):
            return None
        paths = [self._fewest(column, text) for column, text in enumerate(texts)]
        path = tuple(insertion for found in paths if found is not None for insertion in found)
        return Member(texts, len(path), path) if None not in paths and len(path) <= self.largest else None

    def nearer(self, member: Member) -> list[Member]:
        """One member per insertion, without it."""
        path = self._insertions(member)
        shorter = [(*path[:at], *path[at + 1 :]) for at in range(len(path))]
        return [Member(self._texts(path), len(path), path) for path in shorter]

    def _fewest(self, column: int, text: str) -> tuple[tuple[int, int], ...] | None:
        """The fewest insertions that make this text of one column, None if none or only more than `largest` do."""
        original, begun = self.original[column], 0
        #: By characters of `text` read so far, the fewest insertions that read them.
        reached: dict[int, tuple[tuple[int, int], ...]] = {0: ()}
        for number, gap in enumerate(self.gaps):
            if gap.column != column:
                continue
            between = original[begun : gap.at]
            reached = {at + len(between): path for at, path in reached.items() if text.startswith(between, at)}
            self._insert(reached, text, number)
            begun = gap.at
        return min((path for at, path in reached.items() if text[at:] == original[begun:]), key=len, default=None)

    def _insert(self, reached: dict[int, tuple[tuple[int, int], ...]], text: str, number: int) -> None:
        """Adds what any number of insertions into a gap reaches."""
        strings = self.gaps[number].strings()
        for at in range(min(reached, default=0), len(text)):  # in this order, since insertions only lead further
            path = reached.get(at)
            if path is None or len(path) == self.largest:
                continue
            for item, string in enumerate(strings):
                end = at + len(string)
                if text.startswith(string, at) and (end not in reached or len(path) + 1 < len(reached[end])):
                    reached[end] = (*path, (number, item))

    def _with(self, member: Member, position: Position, item: int) -> Member:
        before = self._insertions(member)
        at = sum(number < position.gap for number, _ in before) + position.place
        path = (*before[:at], (position.gap, item), *before[at:])
        return Member(self._texts(path), len(path), path)

    def _texts(self, path: Sequence[tuple[int, int]]) -> Texts:
        texts = list(self.original)
        for number, item in reversed(path):
            gap = self.gaps[number]
            text = texts[gap.column]
            texts[gap.column] = text[: gap.at] + gap.strings()[item] + text[gap.at :]
        return tuple(texts)

    @staticmethod
    def _insertions(member: Member) -> tuple[tuple[int, int], ...]:
        return cast(tuple[tuple[int, int], ...], member.path)


def _gaps(column: int, text: str, span: tuple[int, int]) -> Iterator[Gap]:
    """The gaps of a text: in front of the words that begin in the span, and behind the last word if it ends there."""
    begin, end = span
    words, begins_sentence = list(_CHUNK.finditer(text)), True
    for word in words:
        if begin <= word.start() < end:
            yield Gap(column, word.start(), False, begins_sentence)
        begins_sentence = bool(_END_OF_SENTENCE.search(word[0]))
    if words and begin < words[-1].end() <= end:
        yield Gap(column, words[-1].end(), True, True)


class InsertedWords(ThreatModel):
    """Words and sentences without content, from fixed lists; other lists are another version."""

    name = "insertions"
    version = 1
    description = (
        "insert a filler such as `um` or `you know` between words, or a truism between sentences; at most k times "
        "(English)"
    )
    unit = "insertion"
    source = (
        "distractions of Naik et al. 2018, https://arxiv.org/abs/1806.00692; insertions of Gröndahl et al. 2018, "
        "https://arxiv.org/abs/1808.09115; fillers of the Linguistic Data Consortium's guidelines of 2003 and of "
        "Schiffrin 1987"
    )
    not_promised = "a filler can separate words that belong together, and `now` or `then` can be read as a time"

    def around(self, texts: Texts, spans: Spans, degree: int, setting: Setting) -> PerturbationSet:
        """The set around one example."""
        return Insertions(texts, spans, degree)


THREAT_MODEL = InsertedWords()
