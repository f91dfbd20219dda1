"""Walks through sets: all members that steps reach, or some at random; and all texts that an alphabet makes."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence

from alumbench.attacks.problem import Problem
from alumbench.attacks.threat_models.choices import ChoiceSet
from alumbench.attacks.threat_models.threat_model import Member, PerturbationSet, Setting, Spans, Texts, ThreatModel


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


def random_walks(members: ChoiceSet, walks: int, seed: int = 0) -> list[Member]:
    """Members on random walks to the largest degree, each with a few others of its last step; checks each."""
    chosen = random.Random(seed)
    found: list[Member] = []
    for _ in range(walks):
        member = members.start()
        while positions := members.positions(member):
            steps = members.steps(member, chosen.choice(positions))
            assert steps
            found += chosen.sample(steps, min(3, len(steps)))
            member = chosen.choice(steps)
        assert member.degree == members.largest
    judged = dict(zip(found, members.admissible(found), strict=True))
    for member, kept in chosen.sample(sorted(judged.items(), key=lambda one: one[0].texts), min(10, len(judged))):
        assert member.texts != members.original
        assert 1 <= member.degree <= members.largest
        assert members.degree_of(member.texts) == (member.degree if kept else None)
        assert members.member(members.choice(member)) == member
    return found


def one_by_one(problem: Problem) -> None:
    """Asks for four members, one at a time, as a greedy search does."""
    start = problem.set.start()
    for at in problem.set.positions(start)[:4]:
        problem.score([problem.set.steps(start, at)[0]])
