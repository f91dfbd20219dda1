"""The interface of threat models: for each text a set of texts, with a degree that says how far they may be from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from alumbench.attacks.threat_models.edits import undone
from alumbench.registry import THREAT_MODELS, find

if TYPE_CHECKING:
    import numpy as np

    from alumbench.data import Example
    from alumbench.origins import Origin

Texts = tuple[str, ...]
#: Begin and end, in characters, of the part of each text that may change; (0, 0) for a text that may not.
Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Member:
    """A text of the set.

    Attributes:
        texts: one string per column.
        degree: steps from the original.
        path: what was changed, in the set's own terms; () for the original.
    """

    texts: Texts
    degree: int = 0
    path: tuple[Hashable, ...] = ()


class PerturbationSet(ABC):
    """The set around one example. Searches move in it by steps, each one degree further from the original.

    Attributes:
        original: the example's texts.
        largest: the most steps; 0 if the set holds only the original.
        words: the words of which a percentage is taken, 0 for a set whose degree is a number of steps.
    """

    original: Texts
    largest: int
    words: int = 0

    @abstractmethod
    def positions(self, member: Member) -> Sequence[Hashable]:
        """The places at which one more step can be made, in the order of the text; none at `largest` steps."""

    @abstractmethod
    def steps(self, member: Member, position: Hashable) -> Sequence[Member]:
        """The members one step further at that place. Which of them are admissible, `admissible` says."""

    @abstractmethod
    def probe(self, member: Member, position: Hashable) -> Texts:
        """The text without what is at that place, to rank places by. It need not be in the set."""

    @abstractmethod
    def degree_of(self, texts: Texts) -> int | None:
        """The least number of steps in which the texts can be reached, None if they are not in the set.

        It looks only at the texts, so that it can judge texts of any origin.
        """

    def admissible(self, members: Sequence[Member]) -> list[bool]:
        """For each member, whether it satisfies what holds for whole texts, such as a sentence similarity."""
        return [True] * len(members)

    def degrees_of(self, texts: Sequence[Texts]) -> list[int | None]:
        """`degree_of` for several texts; a set that asks a model about whole texts asks once for all of them."""
        return [self.degree_of(text) for text in texts]

    def contains(self, texts: Texts) -> bool:
        """True if the texts are in the set."""
        return self.degree_of(texts) is not None

    def member_of(self, texts: Texts) -> Member | None:
        """The member with these texts, of the least degree; None if there is none. Its path may be empty.

        A set whose members satisfy a condition on whole texts need not test it here: `admissible` does.
        """
        degree = self.degree_of(texts)
        return None if degree is None else Member(texts, degree)

    def nearer(self, member: Member) -> list[Member]:
        """Members of a lower degree, each without one of the changes of this one, in the order of the text.

        Here the changes are short stretches of character edits; a set whose steps are longer strings has its own.
        """
        found = [self.member_of(texts) for texts in undone(self.original, member.texts)]
        return [one for one in found if one is not None and one.degree < member.degree]

    def sample(self, degree: int, random: np.random.Generator) -> Member | None:
        """A random member: `degree` steps, each at a place and to a text drawn uniformly.

        Returns:
            The member, of a lower degree where steps undo one another; None where they lead back to the original.
        """
        member = self.start()
        for _ in range(degree):
            positions = self.positions(member)
            if not positions:
                break
            steps = self.steps(member, positions[int(random.integers(len(positions)))])
            if steps:
                member = steps[int(random.integers(len(steps)))]
        found = self.member_of(member.texts)
        return found if found and found.degree else None

    def start(self) -> Member:
        """The original."""
        return Member(self.original)


@dataclass(frozen=True)
class Setting:
    """All that a set depends on besides the example and the degree.

    Attributes:
        facts: properties of the data that are part of the set, such as its alphabet, by name.
        models: models that the set uses, by name: folders or hub ids.
        device: the device of those models.
    """

    facts: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    device: str = "cpu"


class Family:
    """What all threat models have: a name, a degree, and what is said of them. A file has one `THREAT_MODEL = …`.

    Attributes:
        name: its name without a degree.
        version: increased whenever a set could change.
        description: what the attacker may do, in one line.
        unit: what a degree counts: `character`, `word`, …
        symbol: the letter that stands for a degree.
        percent: whether a degree is a percentage of the words of the text.
        source: paper and link.
        not_promised: what the set does not promise, in one sentence.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    description: ClassVar[str]
    unit: ClassVar[str]
    symbol: ClassVar[str] = "k"
    percent: ClassVar[bool] = False
    source: ClassVar[str]
    not_promised: ClassVar[str]

    def at(self, degree: float | str) -> str:
        """The name of the family at a degree, or at a letter that stands for any: `chars-2`, `chars-k`."""
        return f"{self.name}-{degree}{'%' if self.percent else ''}"

    @property
    def signature(self) -> str:
        """The name with its letter, and the version: `chars-k@1`, `synonyms-r%@1`."""
        return f"{self.at('r' if self.percent else self.symbol)}@{self.version}"


class ThreatModel(Family, ABC):
    """A family of sets of texts with a degree. A file of this folder or a plug-in has one `THREAT_MODEL = …`.

    All else is as in `Family`.

    Attributes:
        needs: names in `resources.RESOURCES`.
        required_models: names in `resources.REQUIRED_MODELS` that a suite's entry has to give.
        standard: names of the searches of the `standard` attack within it, cheapest first.
        one_step: the searches of `standard` in sets of one step, the first that the classifier's answers allow; () for
            `standard`'s own.
        quick: names of the searches of the `quick` attack, cheapest first.
        can_enumerate: whether short texts have few enough members to score them all.
        is_product: whether its sets are products of choices, `choices.ChoiceSet`.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    required_models: ClassVar[tuple[str, ...]] = ()
    standard: ClassVar[tuple[str, ...]] = (
        *("coordinate-gradient-fast", "charmer-fast", "coordinate-gradient", "charmer", "beam", "hard-label"),
    )
    one_step: ClassVar[tuple[str, ...]] = ()
    quick: ClassVar[tuple[str, ...]] = ("coordinate-gradient-fast", "charmer-fast", "hard-label")
    can_enumerate: ClassVar[bool] = True
    is_product: ClassVar[bool] = False

    def facts(self, examples: Sequence[Example]) -> dict[str, str]:
        """Properties of the data that are part of the set; they are recorded and part of the signature."""
        return {}

    @abstractmethod
    def around(self, texts: Texts, spans: Spans, degree: int, setting: Setting) -> PerturbationSet:
        """The set around one example.

        Args:
            texts: the original, one string per column.
            spans: the part of each text that may change.
            degree: the most steps, or a percentage of the words if `percent`.
            setting: all else.

        Raises:
            AlumbenchError: Something that it needs is missing.
        """

    def missing(self) -> list[str]:
        """A remedy for each resource that is missing or damaged here."""
        from alumbench.attacks.resources import RESOURCES

        problems = {name: RESOURCES[name].problem() for name in self.needs}
        return [f"{name}: {problem}" for name, problem in problems.items() if problem]


@dataclass(frozen=True)
class ThreatModelAt:
    """A threat model at a degree: `chars-2@1`.

    Attributes:
        reference: the name or path of the family, without degree and version.
        degree: the most steps, or the percentage of words.
        version: the version asked for, None for the installed one.
        model: the family.
    """

    reference: str
    degree: int
    version: int | None
    model: ThreatModel

    @property
    def name(self) -> str:
        """Family and degree, without the version: `chars-2`, `chars-2-readable`, `synonyms-30%`."""
        return self.model.at(self.degree)

    @property
    def signature(self) -> str:
        """`chars-2@1`."""
        return f"{self.name}@{self.model.version}"

    def origin(self) -> Origin:
        """The origin of its file; empty if it is part of this package."""
        return find(THREAT_MODELS, self.reference).origin()

    def around(self, texts: Texts, spans: Spans, setting: Setting) -> PerturbationSet:
        """The set around one example; see `ThreatModel.around`."""
        return self.model.around(texts, spans, self.degree, setting)


def most_steps(degree: int, percent: bool, words: int) -> int:
    """The most steps that a degree allows; a percentage of the words is rounded down."""
    return degree * words // 100 if percent else degree


def digest(facts: Mapping[str, str]) -> str:
    """The facts' part of a signature: `alphabet:1a2b3c4d`, '' without facts."""
    import hashlib

    return ",".join(f"{name}:{hashlib.sha256(value.encode()).hexdigest()[:8]}" for name, value in sorted(facts.items()))
