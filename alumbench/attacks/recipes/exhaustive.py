"""All members of a set, degree by degree: the exact worst case, where a set is small enough.

Members are made as they are scored. In memory are those of the level below the last (for chars-2, the ones with one
edit), 16 bytes of hash for each text of the last that was scored so far, and the latest answers, see
`problem.REMEMBERED`. A text that several paths lead to is scored once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b

from alumbench.attacks.problem import CHUNK, Problem
from alumbench.attacks.set_search import SearchRecipe
from alumbench.attacks.threat_models.threat_model import Member, Texts, ThreatModelAt


def search(problem: Problem) -> None:
    """Scores members in the order of the text until one is misclassified.

    The first degree that has a misclassified member is the least one. Without one the example is robust, exactly.
    """
    start = problem.set.start()
    below, seen = [start], {_digest(start.texts)}
    for degree in range(1, problem.set.largest + 1):
        level = _next(problem, below, seen)
        below = [] if degree == problem.set.largest else list(level)
        if problem.first_broken(below or level):
            return
    problem.exhausted = True


def _next(problem: Problem, level: Iterable[Member], seen: set[bytes]) -> Iterator[Member]:
    """All members one step further, each text once and none of a lower level."""
    for member in level:
        for position in problem.set.positions(member):
            for step in problem.set.steps(member, position):
                if (digest := _digest(step.texts)) not in seen:
                    seen.add(digest)
                    yield step


def _digest(texts: Texts) -> bytes:
    return blake2b(repr(texts).encode(), digest_size=16).digest()


def suits(at: ThreatModelAt) -> str:
    """Why the set cannot be enumerated; '' if it can."""
    return "" if at.model.can_enumerate else "it has too many members"


RECIPE = SearchRecipe(
    name="exhaustive",
    version=1,
    search=search,
    suits=suits,
    access="labels",
    source="ours; the exact worst case of small sets, as Huang et al. 2019 bound it, https://arxiv.org/abs/1909.01492",
    description=f"all members of the set, {CHUNK} at a time, until one is misclassified: exact, expensive beyond k = 1",
)
