"""Rows that a method adds to a training set and makes again during training."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from alumbench.data import Example

#: Logits of texts from the current model in evaluation mode, (texts, labels) in the task's order; each text is one
#: string a column.
Score = Callable[[Sequence[Sequence[str]]], Tensor]
#: Other texts for an example, one string a column, or None if there are none. The generator is seeded for the example,
#: by the run's seed, the epoch and the example's id.
Change = Callable[[Example, Score, np.random.Generator], "tuple[str, ...] | None"]


@dataclass(frozen=True)
class TrainingData:
    """A share of the training examples with other texts, under their own labels.

    A fixed number of rows is reserved for them, so that the order of training does not depend on how many are found. An
    empty row repeats a clean example at weight 0. The method's loss takes the rows' weights from
    `StepContext.weights`.

    Attributes:
        share: rows added, as a share of the training examples.
        weight: weight of such a row; a clean one has 1.
        attack: the recipe that changes the texts: a name or a path; '' if `change` does.
        change: the method's own function to change them; None if a recipe does.
        first: epochs before the first rows are made.
        every: number of epochs for which rows are kept.
        query_budget: model answers that an attack on one example may cost; 0 for no limit.
    """

    share: float
    weight: float = 1.0
    attack: str = ""
    change: Change | None = None
    first: int = 0
    every: int = 1
    query_budget: int = 0

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ValueError: Neither or both of `attack` and `change` are given, or a number is out of its range.
        """
        if bool(self.attack) == (self.change is not None):
            raise ValueError("training data: give an attack or a change, and not both")
        if not (0 < self.share <= 1 and self.weight >= 0 and self.first >= 0 and self.every >= 1):
            raise ValueError("training data: share is above 0 to 1, weight and first 0 or more, every 1 or more")

    def count(self, examples: int) -> int:
        """Number of rows added to a training set of `examples` examples."""
        return math.ceil(self.share * examples)

    def made_in(self, epoch: int) -> int | None:
        """The epoch at whose start the rows of `epoch` were made, both counted from 0; None before there are any."""
        since = epoch - self.first
        return epoch - since % self.every if since >= 0 else None
