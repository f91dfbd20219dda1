"""From any misclassified member of a set back towards the original, by labels alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np

from alumbench.attacks.problem import Problem
from alumbench.attacks.threat_models.choices import ChoiceSet
from alumbench.attacks.threat_models.threat_model import Member

#: TextHacker's base reward; what keeps a text misclassified gains it, what does not loses it.
REWARD = 0.5
#: TextHacker's floor under the probability of each change.
FLOOR = 0.01


class Weights:
    """What labels have told of single changes: TextHacker's weight table (Yu et al. 2022, section 3.3).

    The weight of a change or of a position grows when a text was no longer misclassified without it, or became so with
    it, and falls otherwise. In a product of choices the position of a change is the first of its two numbers; in other
    sets it is the change itself.
    """

    def __init__(self, problem: Problem) -> None:
        """Starts with equal weights, and draws from the problem's generator."""
        self._of: dict[Hashable, float] = defaultdict(float)
        self._random, self._pairs = problem.random, isinstance(problem.set, ChoiceSet)

    def learn(self, member: Member, other: Member, matters: bool) -> None:
        """Changes the weights of what a member has and another does not."""
        for change in set(member.path) - set(other.path):
            for key in {change, self._position(change)}:
                self._of[key] += REWARD if matters else -REWARD

    def draw(self, keys: Sequence[Hashable], opposite: bool = False) -> int:
        """The number of one of these changes or positions; the larger its weight, the more likely, or the less."""
        weights = np.array([self._of[key] for key in keys])
        chances = 1 / (1 + np.exp(weights if opposite else -weights)) + FLOOR
        return int(self._random.choice(len(keys), p=chances / chances.sum()))

    def of(self, key: Hashable) -> float:
        """The weight of a change or a position."""
        return self._of[key]

    def position(self, positions: Sequence[Hashable]) -> Hashable:
        """One of these positions."""
        return positions[self.draw(positions)]

    def step(self, start: Member, steps: Sequence[Member]) -> Member:
        """One of these steps from a member."""
        return steps[self.draw([_new(step, start) for step in steps])]

    def undo(self, problem: Problem, member: Member, times: int) -> Member:
        """The member with changes undone, those of little weight first; the original if there is nothing else."""
        for _ in range(times):
            nearer = problem.set.nearer(member)
            if not nearer:
                return problem.set.start()
            member = nearer[self.draw([_new(member, other) for other in nearer], opposite=True)]
        return member

    def _position(self, change: Hashable) -> Hashable:
        return change[0] if self._pairs and isinstance(change, tuple) else change


def _new(member: Member, other: Member) -> Hashable:
    """The change that a member has and the other does not; None if that cannot be told."""
    return next(iter(set(member.path) - set(other.path)), None)


def walk_back(problem: Problem, member: Member, weights: Weights) -> Member:
    """Undoes changes of a misclassified member as long as it stays misclassified.

    First half of the changes at a time, then fewer: a member far away needs about as many queries as it has changes
    that matter, times the logarithm of all. Then one by one.

    Returns:
        A misclassified member that is right as soon as any single change is undone.

    Raises:
        BudgetSpent: As for `Problem.score`; the best so far is in `problem.found`.
    """
    several = member.degree // 2
    while several > 1:
        shorter = weights.undo(problem, member, several)
        if _stays(problem, member, shorter, weights):
            member = shorter
        else:
            several //= 2
        several = min(several, member.degree // 2)
    while member.degree > 1:
        nearer = [other for other in problem.set.nearer(member) if other.degree]
        keys = [_new(member, other) for other in nearer]
        for at in sorted(range(len(nearer)), key=lambda at: weights.of(keys[at])):
            if _stays(problem, member, nearer[at], weights):
                member = nearer[at]
                break
        else:
            break
    return member


def _stays(problem: Problem, member: Member, shorter: Member, weights: Weights) -> bool:
    """Whether a member stays misclassified without some of its changes."""
    stays = bool(problem.score([shorter]).broken[0])
    weights.learn(member, shorter, matters=not stays)
    return stays
