"""Random members of the set: what any attack has to beat."""

from __future__ import annotations

from alumbench.attacks.problem import CHUNK, Problem
from alumbench.attacks.set_search import SearchRecipe

#: Members drawn at most, among them those that are not admissible.
DRAWS = 1024


def search(problem: Problem) -> None:
    """Draws a degree, then a member of that degree, each uniformly; after a success only lower degrees."""
    largest = problem.set.largest
    for _ in range(DRAWS // CHUNK):
        for member in problem.draw(problem.random.integers(1, largest + 1, CHUNK).tolist()):
            if member and member.degree <= largest and problem.score([member]).broken[0]:
                largest = member.degree - 1
        if not largest:
            return


RECIPE = SearchRecipe(
    name="random",
    version=1,
    search=search,
    access="labels",
    source="ours; random search as the baseline, as Bergstra and Bengio 2012, https://jmlr.org/papers/v13/bergstra12a.html",
    description=f"{DRAWS} random members of the set, of all degrees alike; sees labels alone",
)
