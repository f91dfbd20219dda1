"""White-box coordinate search: steps ranked by the gradient, the best ones scored exactly, with beam and restarts.

Each level takes the gradient of the margin (the right logit minus the largest other) at the texts of the beam,
estimates for all members one step further what they do to the margin (`FirstOrder`), scores the `SCORED` best ones,
and keeps `WIDTH` of them. HotFlip (Ebrahimi et al. 2018) does this with one candidate a level and a loss that vanishes
where the model is sure; GCG (Zou et al. 2023) scores a random part of the best-ranked ones. If no level has a success,
the search starts again from random first steps, `RESTARTS` times.

Of a text of more than about 900 characters, not all steps fit into memory: some places are drawn at random
(`some_places`).

A gradient counts as a query, because it costs a forward and a backward pass. TextAttack leaves them out.
"""

from __future__ import annotations

import numpy as np

from alumbench.attacks.first_order import FirstOrder
from alumbench.attacks.problem import Problem
from alumbench.attacks.ranked_search import best, some_places, unseen
from alumbench.attacks.set_search import SearchRecipe
from alumbench.attacks.threat_models.threat_model import Member, Texts

#: Texts that go on to the next level.
WIDTH = 4
#: Members scored at each level.
SCORED = 256
#: Searches from random first steps.
RESTARTS = 2


def search(problem: Problem) -> None:
    """Searches from the original, then from random first steps."""
    estimate, seen = FirstOrder(problem.wrapper.victim), {problem.set.original}
    _climb(problem, [problem.set.start()], estimate, seen)
    for _ in range(RESTARTS if problem.set.largest > 1 else 0):
        if problem.solved:
            return
        _climb(problem, best(problem, unseen(_random_steps(problem), seen), WIDTH), estimate, seen)


def _climb(problem: Problem, beam: list[Member], estimate: FirstOrder, seen: set[Texts]) -> None:
    """Goes from level to level until a member is misclassified or no step is left."""
    while beam and not problem.solved:
        beam = best(problem, unseen(_ranked(problem, beam, estimate)[:SCORED], seen), WIDTH)


def _ranked(problem: Problem, beam: list[Member], estimate: FirstOrder) -> list[Member]:
    """All members one step beyond the beam, the lowest estimated margin first."""
    steps: list[Member] = []
    margins: list[np.ndarray] = []
    started = problem.score(beam).margins  # known
    for member, margin, at in zip(beam, started, problem.gradients([member.texts for member in beam]), strict=True):
        further = [step for place in some_places(problem, member) for step in problem.set.steps(member, place)]
        if further:
            rows = problem.wrapper.rows([step.texts for step in further])
            margins.append(margin + estimate.changes(at, [row.ids for row in rows]))
            steps += further
    return [steps[at] for at in np.argsort(np.concatenate(margins), kind="stable")] if steps else []


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
