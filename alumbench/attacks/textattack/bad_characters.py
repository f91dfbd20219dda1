"""Imperceptible perturbations found by differential evolution (Boucher et al. 2021).

TextAttack's attack does not work for classifiers: it returns texts without their columns, changes protected columns,
raises an IndexError when the query budget ends, and has only targeted goals. We keep its perturbations and replace the
search: only in the open columns, one generation per batch, until the label flips or the budget ends.
"""

from __future__ import annotations

import contextlib
import re
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import differential_evolution
from textattack import Attack
from textattack.goal_function_results import GoalFunctionResultStatus
from textattack.goal_functions import UntargetedClassification
from textattack.search_methods import SearchMethod
from textattack.shared import AttackedText
from textattack.shared.validators import transformation_consists_of_word_swaps_differential_evolution

#: Separates columns, from Unicode's private use area; reorderings may not touch it.
SEAM = "\ue000"
_TORN = re.compile(f"[\u202a-\u202e\u2066-\u2069]{SEAM}|{SEAM}[\u202a-\u202e\u2066-\u2069]")


class _EndOfSearch(Exception):
    """The label has flipped or the budget is spent."""


class ImperceptibleSearch(SearchMethod):  # type: ignore[misc]
    """Differential evolution over positions and characters: best1bin, Latin hypercube, no polishing."""

    def __init__(self, perturbations: int = 1, population: int = 32, generations: int = 10) -> None:
        """Sets the size of the search. Defaults are TextAttack's, and the paper's except for the perturbations.

        Args:
            perturbations: characters injected, replaced or swapped per text; the paper reports 1 to 5.
            population: members for each number that describes a perturbation.
            generations: maximum number of generations.
        """
        self.perturbations, self.population, self.generations = perturbations, population, generations
        self.transformation: Any = None

    def perform_search(self, initial_result: Any) -> Any:
        """The best text found, or the original if there is nothing to perturb."""
        original = initial_result.attacked_text
        columns = self._open_columns(original)
        text = AttackedText(SEAM.join(original._text_input[column] for column in columns))
        bounds, precomputed = self.transformation.get_bounds_and_precomputed(text, self.perturbations)
        if not columns or not text.text.strip(SEAM) or any(high < low or high < 0 for low, high in bounds):
            return initial_result
        best = initial_result

        def losses(members: NDArray[np.float64]) -> NDArray[np.float64]:  # (numbers, members)
            nonlocal best
            found = np.full(members.shape[1], np.inf)
            changed = [self._changed(original, columns, text, member, precomputed) for member in members.T]
            whole = [one for one in changed if one is not None]
            kept = {one.text for one in self.filter_transformations(whole, original, original)} | {original.text}
            asked = [number for number, one in enumerate(changed) if one is not None and one.text in kept]
            results, over = self.get_goal_results([changed[number] for number in asked])
            for number, result in zip(asked, results, strict=False):
                found[number] = -result.score
            best = max([best, *results], key=lambda result: result.score)
            if over or best.goal_status == GoalFunctionResultStatus.SUCCEEDED:
                raise _EndOfSearch
            return found

        with contextlib.suppress(_EndOfSearch):
            differential_evolution(
                losses,
                bounds,
                maxiter=self.generations,
                popsize=self.population,
                polish=False,
                updating="deferred",
                vectorized=True,
                seed=np.random.RandomState(np.random.randint(2**31)),
            )
        return best

    def _open_columns(self, text: Any) -> list[str]:
        """Columns with a word that may change."""
        _, indices = self.get_indices_to_order(text)
        open_columns, first = [], 0
        for column, words in zip(text.column_labels, text.words_per_input, strict=True):
            if any(first <= index < first + len(words) for index in indices):
                open_columns.append(column)
            first += len(words)
        return open_columns

    def _changed(
        self, original: Any, columns: Sequence[str], text: Any, member: NDArray[np.float64], precomputed: Any
    ) -> Any:
        """The original with a member's perturbation in its open columns; None if it would break column boundaries."""
        perturbed = self.transformation.apply_perturbation(text, member.tolist(), precomputed).text
        pieces = perturbed.split(SEAM)
        if len(pieces) != len(columns) or _TORN.search(perturbed):
            return None
        return AttackedText(OrderedDict(original._text_input) | dict(zip(columns, pieces, strict=True)))

    def check_transformation_compatibility(self, transformation: Any) -> bool:
        """Accepts TextAttack's four imperceptible perturbations, and stores the one to search with."""
        self.transformation = transformation
        return bool(transformation_consists_of_word_swaps_differential_evolution(transformation))

    @property
    def is_black_box(self) -> bool:
        """True: it needs only scores."""
        return True

    def extra_repr_keys(self) -> list[str]:
        """Names of the attributes that an attack prints."""
        return ["perturbations", "population", "generations"]


def imperceptible(wrapper: Any, perturbation: Any) -> Attack:
    """The attack with one kind of perturbation."""
    return Attack(UntargetedClassification(wrapper), [], perturbation, ImperceptibleSearch())
