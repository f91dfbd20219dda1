"""White-box climbs: at each level the gradient ranks all single steps, and the best ones are scored."""

from __future__ import annotations

import numpy as np

from alumbench.attacks.first_order import FirstOrder
from alumbench.attacks.problem import Problem
from alumbench.attacks.ranked_search import best, some_places, unseen
from alumbench.attacks.threat_models.threat_model import Member, Texts


def climb(
    problem: Problem, beam: list[Member], width: int, scored: int, estimate: FirstOrder, seen: set[Texts]
) -> None:
    """Goes from level to level until a member is misclassified or no step is left.

    Each level takes the gradient of the margin (the right logit minus the largest other) at the texts of the beam, and
    estimates for all members one step further what they do to the margin (`FirstOrder`). A gradient counts as a query,
    because it costs a forward and a backward pass. TextAttack leaves them out.

    Args:
        problem: the problem.
        beam: the members to begin with.
        width: members that go on to the next level.
        scored: members scored at each level.
        estimate: estimates for the problem's victim.
        seen: texts that are not scored; those that are scored are added.
    """
    while beam and not problem.solved:
        beam = best(problem, unseen(_ranked(problem, beam, estimate)[:scored], seen), width)


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
