"""The training rows of an epoch, some of their texts changed (`augmentation.py`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from torch.utils.data import Dataset
from transformers import TrainerCallback

from alumbench.data import Example
from alumbench.training.augmentation import Augmentation, changed

Row = dict[str, object]


class AugmentedRows(Dataset[Row]):
    """The training rows, a share of them changed in each epoch.

    The training order depends on the lengths of the clean rows in every epoch.
    """

    def __init__(
        self,
        clean: Any,
        examples: Sequence[Example],
        tokenize: Callable[[Sequence[Example]], Any],
        augmentation: Augmentation,
        seed: int,
    ) -> None:
        """Takes the clean rows, their examples, and the function that turns examples into rows."""
        self._clean, self._examples, self._tokenize = [dict(row) for row in clean], examples, tokenize
        self._augmentation, self._seed = augmentation, seed
        self._rows = self._clean

    def __len__(self) -> int:
        return len(self._clean)

    def __getitem__(self, at: int | str) -> Any:
        """A row of the epoch; or, for the sampler, a column of the clean rows."""
        return [row[at] for row in self._clean] if isinstance(at, str) else self._rows[at]

    def set_epoch(self, epoch: int) -> None:
        """Changes texts for an epoch; the changes depend only on seed and epoch."""
        draw = np.random.default_rng([self._seed, epoch])
        chosen = np.flatnonzero(draw.random(len(self._examples)) < self._augmentation.texts).tolist()
        examples = [
            replace(example, texts=tuple(changed(text, self._augmentation, draw) for text in example.texts))
            for example in (self._examples[i] for i in chosen)
        ]
        self._rows = list(self._clean)
        for i, row in zip(chosen, self._tokenize(examples) if examples else [], strict=True):
            self._rows[i] = dict(row) | {"example": i}


class Augmenting(TrainerCallback):  # type: ignore[misc]
    """Tells the rows which epoch begins."""

    def __init__(self, rows: AugmentedRows) -> None:
        """Takes the rows."""
        self.rows = rows

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Changes the texts for this epoch; a resumed run gets the same texts as before."""
        self.rows.set_epoch(int((state.epoch or 0) + 1e-6))
