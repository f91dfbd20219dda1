"""White-box coordinate search: steps ranked by the gradient, the best ones scored exactly, with beam and restarts.

`gradient_search` describes a level. HotFlip (Ebrahimi et al. 2018) does this with one candidate a level and a loss that
vanishes where the model is sure; GCG (Zou et al. 2023) scores a random part of the best-ranked ones. If no level has a
success, the search starts again from random first steps, `RESTARTS` times.

Of a text of more than about 900 characters, not all steps fit into memory: some places are drawn at random
(`some_places`).
"""

from __future__ import annotations

from alumbench.attacks.first_order import FirstOrder
from alumbench.attacks.gradient_search import climb
from alumbench.attacks.problem import Problem
from alumbench.attacks.ranked_search import best, unseen
from alumbench.attacks.set_search import SearchRecipe
from alumbench.attacks.threat_models.threat_model import Member

#: Texts that go on to the next level.
WIDTH = 4
#: Members scored at each level.
SCORED = 256
#: Searches from random first steps.
RESTARTS = 2


def search(problem: Problem) -> None:
    """Searches from the original, then from random first steps."""
    estimate, seen = FirstOrder(problem.wrapper.victim), {problem.set.original}
    climb(problem, [problem.set.start()], WIDTH, SCORED, estimate, seen)
    for _ in range(RESTARTS if problem.set.largest > 1 else 0):
        if problem.solved:
            return
        climb(problem, best(problem, unseen(_random_steps(problem), seen), WIDTH), WIDTH, SCORED, estimate, seen)


def _random_steps(problem: Problem) -> list[Member]:
    """`WIDTH` random first steps, fewer if there are not as many."""
    start = problem.set.start()
    places = problem.set.positions(start)
    found = []
    for at in problem.random.permutation(len(places))[:WIDTH]:
        if steps := problem.set.steps(start, places[at]):
            found.append(steps[int(problem.random.integers(len(steps)))])
    return found


RECIPE = SearchRecipe(
    name="coordinate-gradient",
    version=1,
    search=search,
    access="gradient",
    source="ours; after Ebrahimi et al. 2018, https://arxiv.org/abs/1712.06751, and Zou et al. 2023, "
    "https://arxiv.org/abs/2307.15043",
    description=f"white-box: the {SCORED} steps that the gradient ranks best, beam of {WIDTH}, {RESTARTS} restarts",
)
