"""What a search is given: one example, the set it may move in, and the classifier's answers, counted and limited."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from alumbench.attacks.gradient import MarginGradient, TokenGradient
from alumbench.attacks.threat_models.threat_model import Member, PerturbationSet, Texts, ThreatModel
from alumbench.attacks.victim_wrapper import VictimWrapper
from alumbench.engine.scheduler import query_model

#: What a search needs of the classifier: any label, scores, or a gradient.
Access = Literal["labels", "scores", "gradient"]
#: Members scored per request by searches that stop at the first that is misclassified.
CHUNK = 32
#: Answers that are remembered, and characters of their texts; beyond, all but the original's are forgotten, so that
#: memory stays bounded.
REMEMBERED, REMEMBERED_CHARACTERS = 2**17, 2**26


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
        queries_to_success: `queries` when the first misclassified member was found, None before.
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
        self.queries_to_success: int | None = None
        self._budget = budget
        self._known: dict[Texts, Tensor] = {}
        self._scored: dict[Texts, Member] = {}
        self._admissible: dict[Texts, bool] = {}

    @property
    def left(self) -> float:
        """Queries left, infinite without a budget."""
        return math.inf if self._budget is None else self._budget - self.queries

    @property
    def solved(self) -> bool:
        """True if a misclassified member of the set was found.

        An ensemble lowers `set.largest` to look for a success of a lower degree; then it is false again.
        """
        return self.found is not None and self.found.degree <= self.set.largest

    def gives(self, access: Access) -> bool:
        """True if the classifier gives a search what it needs."""
        if access == "gradient":
            return not self.wrapper.victim.no_gradient
        return access == "labels" or not self.hard_labels

    def scored(self) -> list[tuple[Member, float]]:
        """The members scored so far by whatever search, each with its margin, in order; forgotten ones are left out."""
        return [(member, self._judged(self._known[texts])[0]) for texts, member in self._scored.items()]

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
        """Margins, (n,), of texts that need not be in the set; they count as queries.

        One that is in the set all the same, such as a text with one more space, is found if it is misclassified.

        Raises:
            BudgetSpent: As for `score`.
        """
        try:
            self._ask(texts, [], [])
        finally:
            self._remember_probes([text for text in texts if text in self._known])
        return np.array([self._judged(self._known[text])[0] for text in texts])

    def draw(self, degrees: Sequence[int]) -> list[Member | None]:
        """One random member of each degree, see `PerturbationSet.sample`; None for those that are not admissible."""
        drawn = [self.set.sample(int(degree), self.random) for degree in degrees]
        fits = iter(self.admissible([member for member in drawn if member]))
        return [member if member and next(fits) else None for member in drawn]

    def gradients(self, texts: Sequence[Texts]) -> list[TokenGradient]:
        """For each text, its tokens and the gradient of the margin of the victim's own answer at them.

        Each costs a query: it takes a forward and a backward pass. A text that the victim gets right has the same
        margin as in `score`.

        Raises:
            BudgetSpent: The budget does not cover them all; none was computed.
        """
        if len(texts) > self.left:
            raise BudgetSpent
        rows = self.wrapper.rows(texts)
        self.queries += len(rows)
        self.wrapper.unique += len(rows)
        victim = self.wrapper.victim
        found = query_model(MarginGradient(victim), rows, victim.scorer) if rows else []
        return [TokenGradient(row.ids, gradient) for row, gradient in zip(rows, found, strict=True)]

    def first_broken(self, members: Iterable[Member], chunk: int = CHUNK) -> bool:
        """Scores members in their order, `chunk` at a time, until one is misclassified; whether one was."""
        parts = iter(members)
        while part := list(itertools.islice(parts, chunk)):
            if bool(self.score(part).broken.any()):
                return True
        return False

    def admissible(self, members: Sequence[Member]) -> list[bool]:
        """`PerturbationSet.admissible`, asked once a text."""
        new = list({member.texts: member for member in members if member.texts not in self._admissible}.values())
        if new:
            self._admissible.update(zip([member.texts for member in new], self.set.admissible(new), strict=True))
        return [self._admissible[member.texts] for member in members]

    def _ask(self, texts: Sequence[Texts], members: Sequence[Member], kept: Sequence[bool]) -> None:
        most = min(REMEMBERED, REMEMBERED_CHARACTERS // max(1, sum(map(len, self.set.original))))
        if len(self._known) > 1 and len(self._known) + len(texts) > most:
            self._forget(texts)
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        paid = new[: int(min(self.left, len(new)))]
        if paid:
            self.queries += len(paid)
            self._known.update(zip(paid, self.wrapper(paid), strict=True))
        for member, fits in zip(members, kept, strict=True):
            if fits and member.texts in self._known:
                self._scored.setdefault(member.texts, member)
                self._remember(member)
        if len(paid) < len(new):
            raise BudgetSpent

    def _remember(self, member: Member) -> None:
        logits = self._known[member.texts]
        self.reached = max(self.reached, member.degree)
        if not member.degree or not self._judged(logits)[1]:
            return
        least = self.set.degree_of(member.texts)  # a search may have taken a detour
        member = member if least is None else replace(member, degree=least)
        if self.queries_to_success is None:
            self.queries_to_success = self.queries
        if self.found is None or member.degree < self.found.degree:
            self.found, self.found_logits, self.by = member, logits, self.attack

    def _remember_probes(self, texts: Sequence[Texts]) -> None:
        for text in texts:
            member = self.set.member_of(text) if self._judged(self._known[text])[1] else None
            if member and member.degree and all(self.admissible([member])):
                self._remember(member)

    def _forget(self, texts: Sequence[Texts]) -> None:
        kept = {self.set.original, *texts}
        self._known = {text: logits for text, logits in self._known.items() if text in kept}
        self._scored = {text: member for text, member in self._scored.items() if text in kept}
        self._admissible.clear()
        self.wrapper.forget()

    def _judged(self, logits: Tensor) -> tuple[float, bool]:
        own = float(logits[self.label])
        others = torch.cat([logits[: self.label], logits[self.label + 1 :]])
        return own - float(others.max()), int(logits.argmax()) != self.label
