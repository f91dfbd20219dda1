"""What a search is given: one example, the set it may move in, and the classifier's answers, counted and limited."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from alumbench.attacks.threat_models.threat_model import Member, PerturbationSet, Texts, ThreatModel
from alumbench.attacks.victim import VictimWrapper

#: What a search needs of the classifier: any label, scores, or a gradient.
Access = Literal["labels", "scores", "gradient"]
#: Members scored per request by searches that stop at the first that is misclassified.
CHUNK = 32


class BudgetSpent(Exception):  # noqa: N818 - ends a search, and is no error
    """The next query would exceed the query budget."""


class Scored(NamedTuple):
    """The classifier's answers to members.

    Attributes:
        margins: logit of the right label minus the largest other, (n,); infinite for members that are not admissible.
            With hard labels 1 or -1.
        broken: whether the member is admissible and misclassified, (n,).
    """

    margins: np.ndarray
    broken: np.ndarray


class Problem:
    """One example to attack.

    A search calls `score` and moves on. The best member that is misclassified is remembered here: the first one of the
    least degree. At the end of the query budget `score` raises `BudgetSpent`, which a search does not catch.

    Attributes:
        set: the set to search.
        threat_model: the family that the set is of; None outside an evaluation.
        label: number of the right label.
        random: the search's own generator.
        found: the best misclassified member so far, None without one.
        by: name of the attack that found it; a search that combines others sets `attack`.
        attack: name of the attack that searches now.
        queries: answers requested so far, the original's included.
        reached: the most steps of a member that was scored.
        exhausted: set by a search that has scored all admissible members up to `largest`.
        hard_labels: whether the classifier answers with labels alone: margins are 1 or -1.
    """

    def __init__(
        self,
        members: PerturbationSet,
        label: int,
        wrapper: VictimWrapper,
        random: np.random.Generator,
        budget: int | None = None,
        attack: str = "",
    ) -> None:
        """Stores the problem; nothing is scored yet."""
        self.set, self.label, self.random, self.attack = members, label, random, attack
        self.wrapper, self.hard_labels = wrapper, wrapper.victim.hard_labels
        self.threat_model: ThreatModel | None = None
        self.found: Member | None = None
        self.found_logits: Tensor | None = None
        self.by = ""
        self.queries, self.reached, self.exhausted = 0, 0, False
        self._budget = budget
        self._known: dict[Texts, Tensor] = {}
        self._admissible: dict[Texts, bool] = {}

    @property
    def left(self) -> float:
        """Queries left, infinite without a budget."""
        return math.inf if self._budget is None else self._budget - self.queries

    def gives(self, access: Access) -> bool:
        """True if the classifier gives a search what it needs."""
        if access == "gradient":
            return not self.wrapper.victim.no_gradient
        return access == "labels" or not self.hard_labels

    def known(self, texts: Texts) -> Tensor:
        """Logits, (labels,), of texts scored before."""
        return self._known[texts]

    def score(self, members: Sequence[Member]) -> Scored:
        """Scores members; those that are not admissible cost nothing, nor does a text that was scored before.

        Raises:
            BudgetSpent: The budget does not cover them all; as many as it covers were scored first.
        """
        kept = self.admissible(members)
        self._ask([member.texts for member, fits in zip(members, kept, strict=True) if fits], members, kept)
        margins, broken = np.full(len(members), np.inf), np.zeros(len(members), dtype=bool)
        for at, (member, fits) in enumerate(zip(members, kept, strict=True)):
            if fits:
                margins[at], broken[at] = self._judged(self._known[member.texts])
        return Scored(margins, broken)

    def probe(self, texts: Sequence[Texts]) -> np.ndarray:
        """Margins, (n,), of texts that need not be in the set; they count as queries and are never a success.

        Raises:
            BudgetSpent: As for `score`.
        """
        self._ask(texts, [], [])
        return np.array([self._judged(self._known[text])[0] for text in texts])

    def first_broken(self, members: Sequence[Member], chunk: int = CHUNK) -> bool:
        """Scores members in their order, `chunk` at a time, until one is misclassified; whether one was."""
        return any(bool(self.score(members[at : at + chunk]).broken.any()) for at in range(0, len(members), chunk))

    def admissible(self, members: Sequence[Member]) -> list[bool]:
        """`PerturbationSet.admissible`, asked once a text."""
        new = list({member.texts: member for member in members if member.texts not in self._admissible}.values())
        if new:
            self._admissible.update(zip([member.texts for member in new], self.set.admissible(new), strict=True))
        return [self._admissible[member.texts] for member in members]

    def _ask(self, texts: Sequence[Texts], members: Sequence[Member], kept: Sequence[bool]) -> None:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        paid = new[: int(min(self.left, len(new)))]
        if paid:
            self.queries += len(paid)
            self._known.update(zip(paid, self.wrapper(paid), strict=True))
        for member, fits in zip(members, kept, strict=True):
            if fits and member.texts in self._known:
                self._remember(member)
        if len(paid) < len(new):
            raise BudgetSpent

    def _remember(self, member: Member) -> None:
        logits = self._known[member.texts]
        self.reached = max(self.reached, member.degree)
        if member.degree and self._judged(logits)[1] and (self.found is None or member.degree < self.found.degree):
            self.found, self.found_logits, self.by = member, logits, self.attack

    def _judged(self, logits: Tensor) -> tuple[float, bool]:
        own = float(logits[self.label])
        others = torch.cat([logits[: self.label], logits[self.label + 1 :]])
        return own - float(others.max()), int(logits.argmax()) != self.label
