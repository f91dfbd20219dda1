"""Bayesian optimization over products of choices: a Gaussian process of the margin proposes what to score next.

Lee et al. 2022, Query-Efficient and Scalable Black-Box Adversarial Attacks on Discrete Sequential Data via Bayesian
Optimization, https://arxiv.org/abs/2206.08575, with their code,
https://github.com/snu-mllab/DiscreteBlockBayesAttack/tree/ad7c85e. As there: the kernel of weighted overlaps, whose
weights say which words matter; blocks of 40 words; random members first; batches of 4 by expected improvement, from the
neighbours of the best so far; a subset of the history where it is long; a search for fewer changes after a success.
Where it differs:

- What the set refuses for the whole text (a similarity) is learnt by a second process. It multiplies the expected
  improvement by the probability that the set holds a member (Gardner et al. 2014,
  https://proceedings.mlr.press/v32/gardner14.html), and only members that it does hold are scored. The paper has no
  such condition in its search.
- No member has more than `largest` changes. At that many, neighbours exchange a change for another. The paper allows
  any number, and limits queries instead.
- A batch is made diverse by assuming that each choice has its expected answer before the next is chosen (Ginsbourger et
  al. 2010), not by sampling a determinantal point process.
- Blocks are taken once, in the order of the text, not up to five times. Each has as many queries as it has choices (the
  paper's number), at most 256.
- After a success, changes are undone first, with `walk_back`; then fewer changes are searched for, with the paper's 50
  queries for each that is saved.
- What other searches have scored is history too. Then there are no random members.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from alumbench.attacks.problem import Problem
from alumbench.attacks.set_search import SearchRecipe
from alumbench.attacks.threat_models.choices import ChoiceSet
from alumbench.attacks.threat_models.threat_model import Member, ThreatModelAt
from alumbench.attacks.walk_back import Weights, walk_back

if TYPE_CHECKING:
    from alumbench.attacks.surrogate import Surrogate

#: Members scored at a time, and words of a block (section 5.1 and the code's defaults).
BATCH, BLOCK = 4, 40
#: Best members so far whose neighbours are candidates, as in the code.
CENTRES = 10
#: Queries of a search for fewer changes; the paper's N_post for most models (table 7).
PATIENCE = 50
#: Rows that a process is fitted to at most, and queries of a block at most.
ROWS = 256
#: Random candidates, candidates in all, and the best of them whose admissibility is asked.
RANDOM, CANDIDATES, ASKED = 100, 2000, 16
#: Rounds without anything new after which a search ends.
IDLE = 5


def search(problem: Problem) -> None:
    """Searches block by block, then for fewer changes."""
    trials = _Trials(problem)
    if problem.found is None:
        order = np.arange(trials.places)
        for block in np.split(order, range(BLOCK, trials.places, BLOCK)):
            queries = min(int(trials.sizes[block].sum()), ROWS)
            if _search(problem, trials, block, problem.set.largest, queries, explore=True):
                break
    while problem.found is not None and problem.found.degree > 1:
        fewer = walk_back(problem, problem.found, Weights(problem)).degree - 1
        if not fewer or not _search(problem, trials, np.arange(trials.places), fewer, PATIENCE, explore=False):
            break


def _search(
    problem: Problem, trials: _Trials, block: np.ndarray, radius: int, queries: int, explore: bool
) -> bool:
    """Scores members until one of at most `radius` changes is misclassified; whether one was.

    Args:
        problem: the problem.
        trials: what was scored before.
        block: the places that may get another choice.
        radius: the most changes.
        queries: the most queries.
        explore: whether to score random members first, unless other searches have scored enough.
    """
    end, idle = problem.queries + queries, 0
    random = min(2 * int(trials.sizes[block].mean()), queries) if explore else 0
    while problem.queries < end and idle < IDLE:
        exploring = len(trials.rows) < random or len(trials.rows) < 2
        rows = trials.random(BATCH, block, radius) if exploring else _propose(trials, block, radius)
        before = problem.queries
        if trials.score(rows[: end - problem.queries]):
            return True
        idle = 0 if problem.queries > before else idle + 1
        if idle == IDLE and exploring:
            ...
    return False
