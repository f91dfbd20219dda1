"""Training texts with typos and without some words, drawn anew each epoch: an augmentation that costs no pass.

TextAttack's CharSwapAugmenter makes such typos too, but builds and filters every edit of every word to take one: 50 to
140 ms a sentence here, several times what a training step takes for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from torch.utils.data import Dataset
from transformers import TrainerCallback

from alumbench.tasks import Example

LETTERS = "abcdefghijklmnopqrstuvwxyz"
#: What counts as a word: two letters at least, so that swapping has something to swap.
WORD = re.compile(r"[^\W\d_]{2,}")

Row = dict[str, Any]


@dataclass(frozen=True)
class Augmentation:
    """What is done to training texts.

    Attributes:
        typos: the chance of a typo in each word of a chosen text.
        dropped: the chance that the word is left out instead.
        texts: the chance of each text to be chosen, in each epoch.
    """

    typos: float = 0.0
    dropped: float = 0.0
    texts: float = 0.5

    def __post_init__(self) -> None:
        """Checks the values."""
        for name in (field.name for field in fields(self)):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"augmentation: {name} = {getattr(self, name)}: must be from 0 to 1")
        if self.typos + self.dropped > 1:
            raise ValueError(f"augmentation: typos + dropped = {self.typos + self.dropped}: must be 1 at most")

    def __bool__(self) -> bool:
        """Whether it changes anything."""
        return self.typos + self.dropped > 0 and self.texts > 0


def changed(text: str, augmentation: Augmentation, draw: np.random.Generator) -> str:
    """The text with some words mistyped (two letters swapped, or one replaced, left out or put in) and some left out.

    Args:
        text: any text; what is no word stays, and so does a text that would lose all its words.
        augmentation: how many.
        draw: the random numbers.
    """

    def edited(found: re.Match[str]) -> str:
        word, chance = found.group(), draw.random()
        if chance < augmentation.dropped:
            return ""
        return _mistyped(word, draw) if chance < augmentation.dropped + augmentation.typos else word

    new = WORD.sub(edited, text)
    return new if not augmentation.dropped or WORD.search(new) else text


def _mistyped(word: str, draw: np.random.Generator) -> str:
    at, kind = int(draw.integers(len(word))), int(draw.integers(4))
    letter = LETTERS[int(draw.integers(len(LETTERS)))]
    if kind == 0:
        at = min(at, len(word) - 2)
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return word[:at] + ("", letter, letter + word[at])[kind - 1] + word[at + 1 :]


class AugmentedRows(Dataset[Row]):
    """The training rows, of which an epoch's share is changed.

    The lengths that the order of training goes by are those of the clean rows, whatever the epoch.
    """

    def __init__(
        self,
        clean: Any,
        examples: Sequence[Example],
        tokenize: Callable[[Sequence[Example]], Any],
        augmentation: Augmentation,
        seed: int,
    ) -> None:
        """Takes the clean rows, the examples that they were made of, and what makes rows of examples."""
        self._clean, self._examples, self._tokenize = [dict(row) for row in clean], examples, tokenize
        self._augmentation, self._seed = augmentation, seed
        self._rows = self._clean

    def __len__(self) -> int:
        return len(self._clean)

    def __getitem__(self, at: int | str) -> Any:
        """A row of the epoch; or a column of the clean rows, as the sampler asks for it."""
        return [row[at] for row in self._clean] if isinstance(at, str) else self._rows[at]

    def set_epoch(self, epoch: int) -> None:
        """Changes texts for an epoch: seed and epoch alone decide which and how."""
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
        """Changes texts anew; in the epoch that a resumed run goes on with, as before."""
        self.rows.set_epoch(int((state.epoch or 0) + 1e-6))
