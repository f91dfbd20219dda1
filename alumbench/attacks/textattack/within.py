"""Confines a TextAttack recipe to the set of a threat model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textattack.constraints import Constraint

from alumbench.attacks.threat_models.threat_model import PerturbationSet, Texts

#: Settings of population-based searches that make them hold crossovers and moves against the constraints too.
CHECKED_AFTER = ("post_crossover_check", "post_turn_check")


class Within(Constraint):  # type: ignore[misc]
    """Accepts the candidates that are in the set around the example.

    Attributes:
        members: the set; each search sets its own with `begin`.
    """

    members: PerturbationSet | None = None

    def __init__(self) -> None:
        """Starts without a set."""
        super().__init__(compare_against_original=True)
        self._degrees: dict[Texts, int | None] = {}

    def begin(self, members: PerturbationSet) -> None:
        """Starts another example and forgets what is known of the last one's candidates."""
        self.members, self._degrees = members, {}

    def degree_of(self, texts: Texts) -> int | None:
        """`PerturbationSet.degree_of`, asked once a text."""
        return self._degrees_of([texts])[0]

    def call_many(self, transformed_texts: Sequence[Any], reference_text: Any) -> list[Any]:
        """The candidates in the set; those of any transformation, also of searches that make their own."""
        degrees = self._degrees_of([texts_of(text) for text in transformed_texts])
        return [text for text, degree in zip(transformed_texts, degrees, strict=True) if degree is not None]

    def _check_constraint(self, transformed_text: Any, reference_text: Any) -> bool:
        return self.degree_of(texts_of(transformed_text)) is not None

    def _degrees_of(self, texts: Sequence[Texts]) -> list[int | None]:
        assert self.members is not None  # `begin` comes before the search
        new = [text for text in dict.fromkeys(texts) if text not in self._degrees]
        self._degrees.update(zip(new, self.members.degrees_of(new), strict=True))
        return [self._degrees[text] for text in texts]


def confine(attack: Any) -> None:
    """Makes a TextAttack `Attack` search only the set of its `Within`, before its other constraints, which cost more.

    Crossovers that recipes leave unchecked, as alzantot and iga do, are held against the constraints.
    """
    attack.constraints.insert(0, Within())
    for name in CHECKED_AFTER:
        if hasattr(attack.search_method, name):
            setattr(attack.search_method, name, True)


def within_of(attack: Any) -> Within | None:
    """The attack's `Within`, None if it is not confined."""
    return next((constraint for constraint in attack.constraints if isinstance(constraint, Within)), None)


def texts_of(text: Any) -> Texts:
    """The texts of a TextAttack `AttackedText`, one a column."""
    return tuple(text._text_input.values())
