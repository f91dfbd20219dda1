"""Labels alone: any misclassified member by chance, then as near to the original as flips of the label lead.

The three phases of hard-label attacks on texts (HQA-Attack, Liu et al. 2023, https://arxiv.org/abs/2402.01806;
TextHacker, Yu et al. 2022, https://arxiv.org/abs/2201.08193), written from the papers and for any set: random far
members, changes undone, a local search that draws changes by weights learnt from flips. Where it differs:

- Its aim is the least degree. The papers' are the rate of changed words and the similarity of the sentence; in a set
  the similarity is a condition.
- Random members have `largest` changes, half as many, a quarter, …, or one, in proportion to the share of such
  members that was admissible so far: a similarity leaves few of the far ones. The papers change every word.
- Changes are undone several at a time before they are undone one by one.
- The local search has one text in place of TextHacker's population of four with recombination.
"""

from __future__ import annotations

import numpy as np

from alumbench.attacks.problem import CHUNK, Problem
from alumbench.attacks.set_search import SearchRecipe
from alumbench.attacks.threat_models.threat_model import Member
from alumbench.attacks.walk_back import Weights, walk_back

#: Random members drawn at most, among them those that are not admissible.
DRAWS = 1024
#: Steps of the local search that lead to no lower degree, at most.
PATIENCE = 100


def search(problem: Problem) -> None:
    """Searches by labels; a classifier's scores make no difference."""
    # In an ensemble an earlier attack may have found one.
    member, weights = problem.found or _far(problem), Weights(problem)
    if member is not None:
        _local_search(problem, walk_back(problem, member, weights), weights)


def _far(problem: Problem) -> Member | None:
    """A misclassified member, None without one."""
    degrees = [problem.set.largest]
    while degrees[-1] > 1:
        degrees.append(degrees[-1] // 2)
    kept, drawn = np.ones(len(degrees)), np.ones(len(degrees))
    for _ in range(DRAWS // CHUNK):
        chances = kept / drawn
        numbers = problem.random.choice(len(degrees), CHUNK, p=chances / chances.sum())
        for number, member in zip(numbers, problem.draw([degrees[number] for number in numbers]), strict=True):
            drawn[number] += 1
            kept[number] += member is not None
            if member and problem.score([member]).broken[0]:
                return member
    return None


def _local_search(problem: Problem, member: Member, weights: Weights) -> None:
    """Exchanges two changes for one, or one for one, as often one as the other."""
    patience = PATIENCE
    while member.degree > 1 and patience:
        patience -= 1
        start = weights.undo(problem, member, 2 if problem.random.random() < 0.5 else 1)
        positions = problem.set.positions(start)
        steps = problem.set.steps(start, weights.position(positions)) if positions else ()
        if not steps:
            continue
        step = weights.step(start, steps)
        new = problem.set.member_of(step.texts)
        if new is None or not new.degree:
            continue
        broken = bool(problem.score([new]).broken[0])
        weights.learn(step, start, broken)
        if broken and new.degree <= member.degree:
            shorter = walk_back(problem, new, weights)
            patience = PATIENCE if shorter.degree < member.degree else patience
            member = shorter


RECIPE = SearchRecipe(
    name="hard-label",
    version=1,
    search=search,
    access="labels",
    source="after HQA-Attack, https://arxiv.org/abs/2402.01806, and TextHacker, https://arxiv.org/abs/2201.08193",
    description="random members, then changes undone and exchanged while the label stays wrong; sees labels alone",
)
