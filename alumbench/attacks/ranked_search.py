"""Ranked search, greedy or with a beam: find the places that matter, then score every step there."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from alumbench.attacks.problem import CHUNK, Problem
from alumbench.attacks.threat_models.threat_model import Member, Texts

Item = TypeVar("Item")
#: Most characters of all steps from a text together: 64 MiB.
MOST_CHARACTERS = 2**26


@dataclass(frozen=True)
class RankedSearch:
    """Goes from level to level: places are ranked by `PerturbationSet.probe`, all steps at the best ones are scored.

    On characters this is the scheme of Charmer. On words, where a probe leaves the word out, it is the greedy search by
    deletion importance of TextFooler and its kin, with importance computed anew after each step.

    The first level with a misclassified member ends it, so its degree is the least one that this search reaches.

    Attributes:
        places: places per text at which all steps are scored.
        width: texts that go on to the next level, 1 for a greedy search.
    """

    places: int
    width: int = 1

    def __call__(self, problem: Problem) -> None:
        """Searches until a member is misclassified or no step is left."""
        beam, seen = [problem.set.start()], {problem.set.original}
        for _ in range(problem.set.largest):
            steps = [
                step
                for member in beam
                for position in ranked_places(problem, member)[: self.places]
                for step in problem.set.steps(member, position)
            ]
            beam = best(problem, unseen(steps, seen), self.width)
            if problem.solved or not beam:
                return


def ranked_places(problem: Problem, member: Member) -> list[Hashable]:
    """The places of a text, the one whose probe has the lowest margin first; none if a probe was misclassified.

    A probe that is in the set and misclassified is a success already, see `Problem.probe`.
    """
    places = problem.set.positions(member)
    margins: list[float] = []
    for at in range(0, len(places), CHUNK):
        margins += problem.probe([problem.set.probe(member, place) for place in places[at : at + CHUNK]]).tolist()
        if problem.solved:
            return []
    return [places[at] for at in np.argsort(margins, kind="stable")]


def some_places(problem: Problem, member: Member) -> list[Hashable]:
    """The places of a text, for searches that make all steps there.

    Of a text so long that its steps would have more than `MOST_CHARACTERS` together, a random part of them.
    """
    places = list(problem.set.positions(member))
    steps = len(problem.set.steps(member, places[0])) if places else 0  # about as many at each
    most = max(1, MOST_CHARACTERS // max(1, steps * sum(map(len, member.texts))))
    return some(problem, places, most)


def some(problem: Problem, items: Sequence[Item], most: int) -> list[Item]:
    """All items, or that many drawn at random, in their order."""
    if len(items) <= most:
        return list(items)
    return [items[at] for at in np.sort(problem.random.permutation(len(items))[:most])]


def best(problem: Problem, members: Sequence[Member], width: int) -> list[Member]:
    """Scores members until one is misclassified; the `width` of lowest margin, first ones first among equals."""
    margins: list[float] = []
    for at in range(0, len(members), CHUNK):
        margins += problem.score(members[at : at + CHUNK]).margins.tolist()
        if problem.solved:
            break
    order = np.argsort(margins, kind="stable")[:width]
    return [members[at] for at in order if margins[at] < math.inf]


def unseen(members: Sequence[Member], seen: set[Texts]) -> list[Member]:
    """The members whose texts are new, each once; they are added to `seen`."""
    new = []
    for member in members:
        if member.texts not in seen:
            seen.add(member.texts)
            new.append(member)
    return new
