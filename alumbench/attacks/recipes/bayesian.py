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
- Weights are fitted anew when the history has grown by a tenth, not after each batch.
- Blocks are taken once, in the order of the text, not up to five times. Each has as many queries as it has choices (the
  paper's number), at most 256.
- After a success, changes are undone first, with `walk_back`; then fewer changes are searched for, with the paper's 50
  queries for each that is saved.
- Of a text with more than 256 words that have replacements it looks at 256, drawn at random.
- What other searches have scored is history too. Then there are no random members.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from alumbench.attacks.problem import Problem
from alumbench.attacks.ranked_search import some
from alumbench.attacks.set_search import SearchRecipe
from alumbench.attacks.threat_models.choices import ChoiceSet
from alumbench.attacks.threat_models.threat_model import Member, ThreatModelAt
from alumbench.attacks.walk_back import Weights, walk_back

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
#: Places of a long text that are looked at, drawn at random: the kernel's gradient has rows x rows x places numbers.
MOST_PLACES = 256
#: Rounds without anything new after which a search ends.
IDLE = 5
#: Weights are fitted anew whenever there are so many times the rows of the last time.
GROWTH = 1.1


def search(problem: Problem) -> None:
    """Searches block by block, then for fewer changes."""
    trials = _Trials(problem)
    if problem.found is None:
        for block in np.split(np.arange(trials.places), range(BLOCK, trials.places, BLOCK)):
            queries = min(int(trials.sizes[block].sum()), ROWS)
            if _explore(trials, block, queries) or _search(trials, block, problem.set.largest, queries):
                break
    while problem.found is not None and problem.found.degree > 1:
        fewer = walk_back(problem, problem.found, Weights(problem)).degree - 1
        trials.take()
        if not fewer or not _search(trials, np.arange(trials.places), fewer, PATIENCE):
            break


def _explore(trials: _Trials, block: np.ndarray, queries: int) -> bool:
    """Scores random members until one is misclassified, two for each choice of an average place; whether one was."""
    number = min(2 * int(trials.sizes[block].mean()), queries)
    for _ in range(number):
        if len(trials.rows) > number:
            break
        if trials.score(trials.random(BATCH, block, trials.problem.set.largest)):
            return True
    return False


def _search(trials: _Trials, block: np.ndarray, radius: int, queries: int) -> bool:
    """Scores members that the processes propose until one is misclassified; whether one was.

    Args:
        trials: what was scored before.
        block: the places that may get another choice.
        radius: the most changes.
        queries: the most queries.
    """
    problem, idle = trials.problem, 0
    end = problem.queries + queries
    while problem.queries < end and idle < IDLE:
        before = problem.queries
        if trials.score(_proposed(trials, block, radius)[: end - before]):
            return True
        idle = 0 if problem.queries > before else idle + 1
    return False


def _proposed(trials: _Trials, block: np.ndarray, radius: int) -> np.ndarray:
    """The next batch, (n, places); empty if nothing new was found."""
    from alumbench.attacks.surrogate import batch_of, expected_improvement

    rows, margins = trials.history()
    inside = np.flatnonzero((rows > 0).sum(1) <= radius)
    best = inside[margins[inside].argsort(kind="stable")[:CENTRES]]
    trials.fit(int(best[0]))
    near = _neighbours(rows[best], block, trials.sizes, radius)
    new = trials.unseen(np.unique(np.vstack([near, trials.random(RANDOM, block, radius)]), axis=0))
    new = new[np.sort(trials.problem.random.permutation(len(new))[:CANDIDATES])]
    if not len(new):
        return new
    promise = expected_improvement(*trials.margin.predict(new), margins[best[0]]) * trials.chance(new)
    asked = new[promise.argsort(kind="stable")[::-1][:ASKED]]
    held: np.ndarray = asked[trials.admissible(asked)]
    if not len(held):
        return held
    together: np.ndarray = held[batch_of(BATCH, *trials.margin.covariance(held), margins[best[0]])]
    return together


def _neighbours(centres: np.ndarray, block: np.ndarray, sizes: np.ndarray, radius: int) -> np.ndarray:
    """Rows that differ from a centre in one place of the block, (n, places), with at most `radius` changes.

    From a centre that has that many, also those that have one of its changes exchanged for another.
    """
    full = centres[(centres > 0).sum(1) == radius]
    undone = [np.where(np.arange(len(sizes)) == at, 0, row) for row in full for at in np.flatnonzero(row)]
    found = []
    for centre in [*centres, *undone]:
        for at in block:
            near = np.repeat(centre[None], sizes[at] + 1, axis=0)
            near[:, at] = np.arange(sizes[at] + 1)
            found.append(near)
    rows = np.vstack(found)
    changes = (rows > 0).sum(1)
    inside: np.ndarray = rows[(changes > 0) & (changes <= radius)]
    return inside


class _Trials:
    """What was scored and what the set refused, as rows: the number of the choice at each place, 0 for the original's.

    Attributes:
        problem: the problem.
        places: number of places.
        sizes: number of choices of each place, (places,).
        rows: what was scored, as rows.
        margin: the process of the margin.
    """

    def __init__(self, problem: Problem) -> None:
        """Takes what other searches have scored."""
        from alumbench.attacks.surrogate import Surrogate

        self.problem, self._set = problem, cast(ChoiceSet, problem.set)
        self._at = some(problem, range(len(self._set.choices)), MOST_PLACES)
        self.sizes = np.array([len(self._set.choices[at]) for at in self._at])
        self.places = len(self.sizes)
        self.rows: list[np.ndarray] = []
        self._margins: list[float] = []
        self._refused: list[np.ndarray] = []
        self._seen: set[bytes] = set()
        self._learnt = 0
        self.margin, self._admission = Surrogate(self.places), Surrogate(self.places)
        self.take()

    def take(self) -> None:
        """Adds what was scored elsewhere."""
        for member, margin in self.problem.scored():
            if (row := self._row(member)) is not None:
                self._add(row, margin)

    def history(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows that were scored, (n, places), and their margins, (n,)."""
        return np.array(self.rows), np.array(self._margins)

    def fit(self, best: int) -> None:
        """Fits both processes; `best` is the number of a row that must not be left out."""
        from alumbench.attacks.surrogate import farthest

        rows, margins = self.history()
        number = len(rows) + len(self._refused)
        if learn := number >= GROWTH * self._learnt:
            self._learnt = number
        kept = farthest(rows, ROWS, best)
        self.margin.fit(rows[kept], margins[kept], learn)
        if self._refused:
            every = np.vstack([rows, self._refused])
            held = np.arange(len(every)) < len(rows)
            kept = farthest(every, ROWS, best)
            self._admission.fit(every[kept], held[kept].astype(float), learn)

    def chance(self, rows: np.ndarray) -> np.ndarray:
        """Probabilities that rows are admissible, (n,)."""
        from alumbench.attacks.surrogate import probability_above

        return probability_above(0.5, *self._admission.predict(rows)) if self._refused else np.ones(len(rows))

    def random(self, number: int, block: np.ndarray, radius: int) -> np.ndarray:
        """Random rows, (number, places): a number of changes, then places of the block and choices, each uniformly."""
        random, rows = self.problem.random, np.zeros((number, self.places), dtype=int)
        for row in rows:
            changes = int(random.integers(1, min(radius, len(block)) + 1))
            for at in random.permutation(block)[:changes]:
                row[at] = random.integers(1, self.sizes[at] + 1)
        return rows

    def unseen(self, rows: np.ndarray) -> np.ndarray:
        """Those that were neither scored nor refused."""
        new: np.ndarray = rows[[row.tobytes() not in self._seen for row in rows]]
        return new

    def admissible(self, rows: np.ndarray) -> np.ndarray:
        """Which rows the set holds, (n,); others are remembered as refused."""
        held = self.problem.admissible([self._member(row) for row in rows])
        for row in self.unseen(rows[np.logical_not(held)]):
            self._refused.append(row)
            self._seen.add(row.tobytes())
        return np.array(held, dtype=bool)

    def score(self, rows: np.ndarray) -> bool:
        """Scores rows that are admissible; whether one is misclassified."""
        new = self.unseen(np.unique(rows, axis=0))
        new = new[self.admissible(new)]
        scored = self.problem.score([self._member(row) for row in new])
        for row, margin in zip(new, scored.margins, strict=True):
            self._add(row, float(margin))
        return bool(scored.broken.any())

    def _add(self, row: np.ndarray, margin: float) -> None:
        if row.tobytes() not in self._seen:
            self._seen.add(row.tobytes())
            self.rows.append(row)
            self._margins.append(margin)

    def _row(self, member: Member) -> np.ndarray | None:
        """The row of a member, None if it has another choice at a place that is not looked at."""
        row, choice = np.zeros(self.places, dtype=int), self._set.choice(member)
        for number, at in enumerate(self._at):
            row[number] = choice.get(at, -1) + 1
        return row if np.count_nonzero(row) == len(choice) else None

    def _member(self, row: np.ndarray) -> Member:
        return self._set.member({self._at[int(at)]: int(row[at]) - 1 for at in np.flatnonzero(row)})


def suits(at: ThreatModelAt) -> str:
    """Why a set cannot be searched; '' if it can."""
    return "" if at.model.is_product else "it needs sets with choices word by word, as synonyms or obfuscation have"


RECIPE = SearchRecipe(
    name="bayesian",
    version=1,
    search=search,
    suits=suits,
    source="Lee et al. 2022, https://arxiv.org/abs/2206.08575",
    description="a Gaussian process proposes which choices to score next, for few queries; sets that are products",
)
