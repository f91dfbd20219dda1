"""All members of a set, degree by degree: the exact worst case, where a set is small enough."""

from __future__ import annotations

from collections.abc import Iterator

from alumbench.attacks.problem import CHUNK, Problem
from alumbench.attacks.set_search import SearchRecipe
from alumbench.attacks.threat_models.threat_model import Member, ThreatModelAt


def search(problem: Problem) -> None:
    """Scores members in the order of the text until one is misclassified.

    The first degree that has a misclassified member is the least one, and the example is robust if none has one.
    """
    level = [problem.set.start()]
    for _ in range(problem.set.largest):
        level = list(_next(problem, level))
        if problem.first_broken(level):
            return
    problem.exhausted = True


def _next(problem: Problem, level: list[Member]) -> Iterator[Member]:
    """All members one step further, each text once."""
    seen = {member.texts for member in level} | {problem.set.original}
    for member in level:
        for position in problem.set.positions(member):
            for step in problem.set.steps(member, position):
                if step.texts not in seen:
                    seen.add(step.texts)
                    yield step


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
    description=f"all members of the set, {CHUNK} at a time, until one is misclassified; exact, and dear beyond k = 1",
)
