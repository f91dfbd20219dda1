"""Sets by brute force: the members that steps reach, and all texts that an alphabet makes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from alumbench.attacks.threat_models.threat_model import PerturbationSet, Setting, Spans, Texts, ThreatModel


def around(
    model: ThreatModel, texts: Sequence[str], degree: int, spans: Spans | None = None, **facts: str
) -> PerturbationSet:
    """The set around texts, all of which may change unless spans say less."""
    whole = tuple((0, len(text)) for text in texts)
    return model.around(tuple(texts), whole if spans is None else spans, degree, Setting(facts))


def walked(members: PerturbationSet) -> dict[Texts, int]:
    """The texts that steps reach, with the fewest steps; what every member and step owes is checked on the way."""
    level, found = {members.original: members.start()}, {members.original: 0}
    for degree in range(1, members.largest + 1):
        further = {}
        for member in level.values():
            positions = members.positions(member)
            assert len(set(positions)) == len(positions)
            for position in positions:
                probe = members.probe(member, position)
                assert len(probe) == len(members.original)
                for step in members.steps(member, position):
                    assert step.degree == degree and step.texts != member.texts
                    assert all(new.strip() for new, old in zip(step.texts, members.original, strict=True) if new != old)
                    further.setdefault(step.texts, step)
        level = {texts: step for texts, step in further.items() if texts not in found}
        found |= dict.fromkeys(level, degree)
    assert not any(members.positions(member) for member in level.values()) or not members.largest
    return found


def all_texts(characters: str, longest: int) -> Iterator[str]:
    """All texts of these characters up to a length."""
    for length in range(longest + 1):
        yield from map("".join, itertools.product(sorted(set(characters)), repeat=length))
