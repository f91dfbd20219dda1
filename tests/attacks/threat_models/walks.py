"""Walks through a set: each step that is admissible is in it, the others are not."""

from __future__ import annotations

import random

from alumbench.attacks.problem import Problem
from alumbench.attacks.threat_models.choices import ChoiceSet
from alumbench.attacks.threat_models.threat_model import Member


def walked(members: ChoiceSet, walks: int, seed: int = 0) -> list[Member]:
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
