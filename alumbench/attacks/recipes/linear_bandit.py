"""A linear bandit over single steps: a regression of the margin says which member to score next.

The margin of a member one step from the original is taken for a linear function of three things: the place of the step
(neighbours alike), the text that the step puts there (a character, a word), and, where the classifier has a gradient,
the first-order estimate of the margin's change (`FirstOrder`). The weights have a Gaussian prior, so that each answer
updates them in closed form. Next are always the members whose predicted margin is lowest in units of its standard
deviation around their place. So a place is worth more queries the lower the margins there, and the more they differ.
The search ends at the first misclassified member, when none is within `ENOUGH` standard deviations of it, or when
`SHARE` of the members is scored. Scores that hardly differ say nothing of that; then only the last ends it. Of a long
text it looks at some places, drawn at random (`MOST_PLACES`, and `some_places`).

Bandits with linear pay-offs are those of Li et al. 2010; this one has a goal in place of a regret, a single success.
Constants were chosen on sentences of SST-2's training set that the models were not trained on: 68 of a MiniLM, 89 of a
smaller one, all members of chars-1 scored.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alumbench.attacks.first_order import FirstOrder
from alumbench.attacks.problem import Problem
from alumbench.attacks.ranked_search import some, some_places
from alumbench.attacks.set_search import SearchRecipe
from alumbench.attacks.threat_models.threat_model import Member, Texts

#: Members scored at a time.
BATCH = 16
#: Standard deviations below which a misclassified member must be predicted at least for the search to go on.
ENOUGH = 8.0
#: The most members that are scored, as a share of all; and a number that is always allowed.
SHARE, ALLOWED = 0.3, 512
#: Places of a long text that are looked at, drawn at random: the regression's time grows with their cube.
MOST_PLACES = 1024
#: Every so many places are probed first.
STRIDE = 2
#: Correlation length of places, in places.
LENGTH = 0.6
#: Prior variances of the weights of places, of texts put there and of the estimate, and the variance of the noise, all
#: in units of the squared margin of the original.
PLACE, PUT, ESTIMATE, NOISE = 3.0, 0.05, 1.0, 0.3
#: The least standard deviation, in units of the margin of the original.
FLOOR = 0.1
#: Residuals below which scores say nothing, in the same units.
FLAT = 0.01


def search(problem: Problem) -> None:
    """Scores members one step from the original until one is misclassified, or a success is too unlikely."""
    steps = _Steps(problem)
    if not steps.members or steps.take_known():
        return
    if steps.estimated and steps.score(steps.steepest(BATCH)):
        return
    for at in range(0, len(steps.places), STRIDE * BATCH):
        if steps.probe(range(at, min(at + STRIDE * BATCH, len(steps.places)), STRIDE)):
            return
        if steps.estimated and steps.score(steps.best(BATCH // 2)):
            return
    most = max(SHARE * len(steps.members), ALLOWED)
    while steps.asked < most and (batch := steps.likeliest(BATCH)) and not steps.score(batch):
        pass


class _Steps:
    """The members one step from the original, and what the answers so far make of the others.

    Attributes:
        problem: the problem.
        places: the places of the original.
        members: the members, each text once.
        estimated: whether there is a first-order estimate of each.
        asked: number of members that were scored.
    """

    def __init__(self, problem: Problem) -> None:
        """Makes all members, and the regression's prior."""
        self.problem, start = problem, problem.set.start()
        self.places = some(problem, some_places(problem, start), MOST_PLACES)
        found: dict[Texts, tuple[int, Member]] = {}
        for at, place in enumerate(self.places):
            for member in problem.set.steps(start, place):
                found.setdefault(member.texts, (at, member))
        self.members = [member for _, member in found.values()]
        self._number = {texts: number for number, texts in enumerate(found)}
        self._margin = float(problem.score([start]).margins[0])
        put = [_put(start.texts, member.texts) for member in self.members]
        texts = {text: number for number, text in enumerate(dict.fromkeys(put))}
        at_place = np.array([at for at, _ in found.values()], dtype=int)
        # The weights: of places, of texts put there, of the estimate. A member has one of each kind.
        self._kinds = np.stack([at_place, [len(self.places) + texts[text] for text in put]], axis=1) if put else None
        self._estimate = self._first_order() if put else np.zeros(0)
        self.estimated = bool(self._estimate.any())
        apart = np.abs(np.subtract.outer(np.arange(len(self.places)), np.arange(len(self.places))))
        self._near = np.exp(-apart / LENGTH)
        weights = len(self.places) + len(texts) + 1
        self._precision = np.zeros((weights, weights))
        self._precision[: len(self.places), : len(self.places)] = np.linalg.inv(PLACE * self._near)
        self._precision[len(self.places) :, len(self.places) :] = np.diag([1 / PUT] * len(texts) + [1 / ESTIMATE])
        self._sums = np.zeros(weights)
        self._open = np.ones(len(self.members), dtype=bool)
        self._seen: list[tuple[np.ndarray, np.ndarray, int, float]] = []
        self.asked = 0

    def take_known(self) -> bool:
        """Takes what other searches have scored; whether a misclassified member is among it."""
        known = [self._number[member.texts] for member, _ in self.problem.scored() if member.texts in self._number]
        return self.score(known)

    def score(self, numbers: Sequence[int]) -> bool:
        """Scores members; whether one is misclassified."""
        scored = self.problem.score([self.members[number] for number in numbers])
        self._open[numbers] = False
        self.asked += len(numbers)
        for number, margin in zip(numbers, scored.margins, strict=True):
            if np.isfinite(margin):
                assert self._kinds is not None
                values = np.array([1.0, 1.0, self._estimate[number]])
                self._learn(np.array([*self._kinds[number], len(self._sums) - 1]), values, margin)
        return self.problem.solved

    def probe(self, places: Sequence[int]) -> bool:
        """Scores the probes of places; whether one is a misclassified member."""
        start = self.problem.set.start()
        margins = self.problem.probe([self.problem.set.probe(start, self.places[place]) for place in places])
        for place, margin in zip(places, margins, strict=True):
            self._learn(np.array([place]), np.ones(1), margin)
        return self.problem.solved

    def steepest(self, number: int) -> list[int]:
        """The members of lowest first-order estimate that were not scored."""
        return self._lowest(self._estimate, number)

    def best(self, number: int) -> list[int]:
        """The members of lowest predicted margin that were not scored."""
        return self._lowest(self._predicted(), number)

    def likeliest(self, number: int) -> list[int]:
        """The members that are misclassified most likely, empty if even the first one is too unlikely."""
        weights = self._weights()
        squares, counts = np.zeros(len(self.places)), np.zeros(len(self.places))
        residuals = np.array([target - weights[kinds] @ values for kinds, values, _, target in self._seen])
        at = [place for _, _, place, _ in self._seen]
        np.add.at(squares, at, residuals**2)
        np.add.at(counts, at, 1)
        pooled = np.mean(residuals**2)
        deviation = np.sqrt((self._near @ squares + pooled) / (self._near @ counts + 1)) + FLOOR
        assert self._kinds is not None
        score = self._predicted() / deviation[self._kinds[:, 0]]
        lowest = self._lowest(score, number)
        hopeless = bool(lowest) and score[lowest[0]] > ENOUGH and pooled > FLAT**2
        return [] if hopeless else lowest

    def _lowest(self, values: np.ndarray, number: int) -> list[int]:
        order = np.argsort(np.where(self._open, values, np.inf), kind="stable")[:number]
        return [int(at) for at in order if self._open[at]]

    def _learn(self, kinds: np.ndarray, values: np.ndarray, margin: float) -> None:
        """Adds an answer: its weights' numbers, their values, and the margin."""
        target = (margin - self._margin) / self._margin
        self._precision[np.ix_(kinds, kinds)] += np.outer(values, values) / NOISE
        self._sums[kinds] += values * target / NOISE
        self._seen.append((kinds, values, int(kinds[0]), target))

    def _weights(self) -> np.ndarray:
        weights: np.ndarray = np.linalg.solve(self._precision, self._sums)
        return weights

    def _predicted(self) -> np.ndarray:
        """Predicted margins, (members,), in units of the original's."""
        weights = self._weights()
        assert self._kinds is not None
        predicted: np.ndarray = 1 + weights[self._kinds].sum(1) + weights[-1] * self._estimate
        return predicted

    def _first_order(self) -> np.ndarray:
        """Estimated changes of the margin, (members,), standardized; zeros without a gradient."""
        problem, start = self.problem, self.problem.set.start()
        if not problem.gives("gradient"):
            return np.zeros(len(self.members))
        (at,) = problem.gradients([start.texts])
        rows = problem.wrapper.rows([member.texts for member in self.members])
        changes = FirstOrder(problem.wrapper.victim).changes(at, [row.ids for row in rows])
        spread = float(changes.std())
        standardized: np.ndarray = (changes - changes.mean()) / spread if spread else np.zeros(len(changes))
        return standardized


def _put(old: Texts, new: Texts) -> str:
    """The new text between what is common at the beginning and at the end."""
    before, after = next((pair for pair in zip(old, new, strict=True) if pair[0] != pair[1]), ("", ""))
    shorter, begin, end = min(len(before), len(after)), 0, 0
    while begin < shorter and before[begin] == after[begin]:
        begin += 1
    while end < shorter - begin and before[-1 - end] == after[-1 - end]:
        end += 1
    return after[begin : len(after) - end]


RECIPE = SearchRecipe(
    name="linear-bandit",
    version=1,
    search=search,
    uses_gradient=True,
    source="ours; after Li et al. 2010, https://arxiv.org/abs/1003.0146",
    description="one step: a regression on place, text and gradient says which members to score next; for few queries",
)
