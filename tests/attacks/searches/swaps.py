"""A threat model for tests: each word may become one of three others, and texts may not grow by over three letters."""

from __future__ import annotations

from collections.abc import Sequence

from alumbench.attacks.threat_models.choices import ChoiceSet, Slot
from alumbench.attacks.threat_models.threat_model import Member, PerturbationSet, Setting, Spans, Texts, ThreatModel
from alumbench.attacks.words import word_spans

WORDS = ("good", "bad", "awful", "great", "film", "story", "meal", "was", "not", "very", "it", "and", "boring")
GROWTH = 3


class Short(ChoiceSet):
    """A product of words, of which the texts that are about as short as the original are admissible."""

    def admissible(self, members: Sequence[Member]) -> list[bool]:
        return [self._length(member.texts) <= self._length(self.original) + GROWTH for member in members]

    @staticmethod
    def _length(texts: Texts) -> int:
        return sum(map(len, texts))


class Swaps(ThreatModel):
    name = "swaps"
    version = 1
    description = "replace words"
    unit = "word"
    source = "https://localhost"
    not_promised = "anything"
    is_product = True

    def around(self, texts: Texts, spans: Spans, degree: int, setting: Setting) -> PerturbationSet:
        slots = [
            Slot(column, begin, end)
            for column, (text, span) in enumerate(zip(texts, spans, strict=True))
            for begin, end in word_spans(text)
            if span[0] <= begin and end <= span[1]
        ]
        return Short(texts, slots, [self.words(at) for at in range(len(slots))], degree)

    @staticmethod
    def words(at: int) -> list[str]:
        """The words that can stand at a place."""
        return [WORDS[(5 * at + 3 * number) % len(WORDS)] for number in range(3)]


THREAT_MODEL = Swaps()
