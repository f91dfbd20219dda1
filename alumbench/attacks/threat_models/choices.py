"""Sets that are products: at each place of a text stands what stood there, or one of a list of other strings."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, cast

from alumbench.attacks.threat_models.threat_model import Member, PerturbationSet, Texts

if TYPE_CHECKING:
    import numpy as np

#: Pairs of a slot's number and the number of its choice, in the order of the text.
Path = tuple[tuple[int, int], ...]


class Slot(NamedTuple):
    """A part of a text that can be replaced; empty for a place where something can be inserted.

    Attributes:
        column: the text.
        begin: its first character.
        end: the character after its last.
    """

    column: int
    begin: int
    end: int


class ChoiceSet(PerturbationSet):
    """All texts that differ from the original in at most `largest` slots, each with one of the slot's choices.

    A position is the number of a slot. The path of a member has a pair (position, number of the choice) for each slot
    that differs, in the order of the text, so that equal choices give equal members whatever the order of the steps.

    Attributes:
        slots: the slots that have choices, in the order of the text.
        choices: for each slot the strings that can replace it, without its own and without repetitions.
    """

    slots: tuple[Slot, ...]
    choices: tuple[tuple[str, ...], ...]

    def __init__(self, texts: Texts, slots: Sequence[Slot], choices: Sequence[Sequence[str]], largest: int) -> None:
        """Stores the set.

        Args:
            texts: the original, one string per column.
            slots: disjoint, in the order of the text; those that have no choices are left out.
            choices: the strings that can replace each slot, in the order in which searches should try them.
            largest: the most slots that may differ.
        """
        own = [texts[slot.column][slot.begin : slot.end] for slot in slots]
        others = [
            tuple(string for string in dict.fromkeys(strings) if string != before)
            for before, strings in zip(own, choices, strict=True)
        ]
        found = list(zip(slots, others, strict=True))
        self.original = texts
        self.slots = tuple(slot for slot, strings in found if strings)
        self.choices = tuple(strings for _, strings in found if strings)
        self.largest = min(largest, len(self.slots))

    def member(self, choice: Mapping[int, int]) -> Member:
        """The member with these choices.

        Args:
            choice: the number of the choice by position, for the slots that differ; at most `largest`.
        """
        path = tuple(sorted(choice.items()))
        return Member(self._with({at: self.choices[at][number] for at, number in path}), len(path), path)

    def choice(self, member: Member) -> dict[int, int]:
        """The choices of a member, by position: the inverse of `member`."""
        return dict(cast(tuple[tuple[int, int], ...], member.path))

    def positions(self, member: Member) -> Sequence[Hashable]:
        """Numbers of the slots that do not differ yet."""
        if member.degree >= self.largest:
            return []
        changed = self.choice(member)
        return [at for at in range(len(self.slots)) if at not in changed]

    def steps(self, member: Member, position: Hashable) -> Sequence[Member]:
        """One member per choice of the slot."""
        at, changed = cast(int, position), self.choice(member)
        return [self.member({**changed, at: number}) for number in range(len(self.choices[at]))]

    def probe(self, member: Member, position: Hashable) -> Texts:
        """The text without the slot and the space before it, as TextFooler ranks words (Jin et al. 2020, equation 2).

        For an empty slot, the text with its first choice.
        """
        at = cast(int, position)
        slot = self.slots[at]
        new = {other: self.choices[other][number] for other, number in self.choice(member).items()}
        if slot.begin == slot.end:
            return self._with({**new, at: self.choices[at][0]})
        texts = list(self._with({**new, at: ""}))
        earlier = [(self.slots[other], string) for other, string in new.items() if other < at]
        moved = sum(len(string) - end + begin for (column, begin, end), string in earlier if column == slot.column)
        before, after = texts[slot.column][: slot.begin + moved], texts[slot.column][slot.begin + moved :]
        if before.endswith(" "):
            before = before[:-1]
        elif not before:
            after = after.removeprefix(" ")
        texts[slot.column] = before + after
        return tuple(texts)

    def degree_of(self, texts: Texts) -> int | None:
        """The least number of slots in which they can differ, None if they are not in the set."""
        choice = self.choice_of(texts)
        if choice is None:
            return None
        if choice and not self.admissible([self.member(choice)])[0]:
            return None
        return len(choice)

    def member_of(self, texts: Texts) -> Member | None:
        """The member with these texts and the fewest choices, admissible or not; None if there is none."""
        choice = self.choice_of(texts)
        return None if choice is None else self.member(choice)

    def nearer(self, member: Member) -> list[Member]:
        """One member per choice, without it."""
        choice = self.choice(member)
        return [self.member({at: choice[at] for at in choice if at != undone}) for undone in choice]

    def sample(self, degree: int, random: np.random.Generator) -> Member | None:
        """A random member: slots without repetition and a choice for each, both drawn uniformly."""
        drawn = random.permutation(len(self.slots))[: min(degree, self.largest)].tolist()
        return self.member({at: int(random.integers(len(self.choices[at]))) for at in drawn}) if drawn else None

    def choice_of(self, texts: Texts) -> dict[int, int] | None:
        """The fewest choices that make these texts, by position; None if none do, or only more than `largest`."""
        if len(texts) != len(self.original):
            return None
        choice: dict[int, int] = {}
        for column, text in enumerate(texts):
            found = self._choice_in(column, text)
            if found is None:
                return None
            choice |= found
        return choice if len(choice) <= self.largest else None

    def _choice_in(self, column: int, text: str) -> dict[int, int] | None:
        """The fewest choices that make this text of one column, None if none do; all ways to read it are tried."""
        original, begun = self.original[column], 0
        #: By characters of `text` read so far, the fewest choices that read them.
        reached: dict[int, Path] = {0: ()}
        for at, slot in enumerate(self.slots):
            if slot.column != column:
                continue
            between, own = original[begun : slot.begin], original[slot.begin : slot.end]
            further: dict[int, Path] = {}
            for offset, path in reached.items():
                if not text.startswith(between, offset):
                    continue
                begin = offset + len(between)
                if text.startswith(own, begin):
                    _keep(further, begin + len(own), path)
                for length, numbers in self._numbers[at].items():
                    number = numbers.get(text[begin : begin + length])
                    if number is not None:
                        _keep(further, begin + length, (*path, (at, number)))
            reached, begun = further, slot.end
        whole = [path for offset, path in reached.items() if text[offset:] == original[begun:]]
        fewest = min(whole, key=len, default=None)
        return None if fewest is None else dict(fewest)

    @cached_property
    def _numbers(self) -> list[dict[int, dict[str, int]]]:
        """For each slot and length, the numbers of the choices of that length."""
        found: list[dict[int, dict[str, int]]] = []
        for strings in self.choices:
            by_length: dict[int, dict[str, int]] = {}
            for number, string in enumerate(strings):
                by_length.setdefault(len(string), {})[string] = number
            found.append(by_length)
        return found

    def _with(self, new: Mapping[int, str]) -> Texts:
        """The original with strings in the place of slots, by position."""
        texts = list(self.original)
        for at in sorted(new, reverse=True):
            column, begin, end = self.slots[at]
            texts[column] = texts[column][:begin] + new[at] + texts[column][end:]
        return tuple(texts)


def _keep(reached: dict[int, Path], end: int, path: Path) -> None:
    """Keeps the shorter of the ways to read a text up to a character, of equal ones the first."""
    if end not in reached or len(path) < len(reached[end]):
        reached[end] = path
