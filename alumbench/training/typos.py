"""Typos in training texts, drawn anew each epoch: an augmentation that costs no pass.

TextAttack's CharSwapAugmenter does the same, but makes and filters every edit of every word to take one of them: 50 to
140 ms a sentence here, several times what a training step takes for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch.utils.data import Dataset
from transformers import TrainerCallback

from alumbench.tasks import Example

LETTERS = "abcdefghijklmnopqrstuvwxyz"
#: Words that get typos: two letters at least, so that swapping has something to swap.
WORD = re.compile(r"[^\W\d_]{2,}")

Row = dict[str, Any]


@dataclass(frozen=True)
class Typos:
    """How much is mistyped.

    Attributes:
        words: the chance of each word of a chosen text; 0 for none.
        texts: the chance of each text in each epoch.
    """

    words: float = 0.0
    texts: float = 0.5

    def __post_init__(self) -> None:
        """Checks the values."""
        for name in ("words", "texts"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"typos: {name} = {getattr(self, name)}: must be from 0 to 1")


def mistyped(text: str, words: float, draw: np.random.Generator) -> str:
    """The text with one typo in each word that is drawn: two letters swapped, or one replaced, left out or put in.

    Args:
        text: any text; what is no word stays as it is.
        words: the chance of each word.
        draw: the random numbers.
    """

    def edited(found: re.Match[str]) -> str:
        word = found.group()
        if draw.random() >= words:
            return word
        at, kind = int(draw.integers(len(word))), int(draw.integers(4))
        letter = LETTERS[int(draw.integers(len(LETTERS)))]
        if kind == 0:
            at = min(at, len(word) - 2)
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        return word[:at] + ("", letter, letter + word[at])[kind - 1] + word[at + 1 :]

    return WORD.sub(edited, text)


class MistypedRows(Dataset[Row]):
    """The training rows, of which an epoch's share is mistyped.

    The lengths that the order of training goes by are those of the clean rows, whatever the epoch.
    """

    def __init__(
        self,
        clean: Any,
        examples: Sequence[Example],
        tokenize: Callable[[Sequence[Example]], Any],
        typos: Typos,
        seed: int,
    ) -> None:
        """Takes the clean rows, the examples that they were made of, and what makes rows of examples."""
        self._clean, self._examples, self._tokenize = [dict(row) for row in clean], examples, tokenize
        self._typos, self._seed = typos, seed
        self._rows = self._clean

    def __len__(self) -> int:
        return len(self._clean)

    def __getitem__(self, at: int | str) -> Any:
        """A row of the epoch; or a column of the clean rows, as the sampler asks for it."""
        return [row[at] for row in self._clean] if isinstance(at, str) else self._rows[at]

    def set_epoch(self, epoch: int) -> None:
        """Mistypes for an epoch: seed and epoch alone decide what."""
        draw = np.random.default_rng([self._seed, epoch])
        chosen = np.flatnonzero(draw.random(len(self._examples)) < self._typos.texts).tolist()
        examples = [
            replace(example, texts=tuple(mistyped(text, self._typos.words, draw) for text in example.texts))
            for example in (self._examples[i] for i in chosen)
        ]
        self._rows = list(self._clean)
        for i, row in zip(chosen, self._tokenize(examples) if examples else [], strict=True):
            self._rows[i] = dict(row) | {"example": i}


class Mistyping(TrainerCallback):  # type: ignore[misc]
    """Tells the rows which epoch begins."""

    def __init__(self, rows: MistypedRows) -> None:
        """Takes the rows."""
        self.rows = rows

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Mistypes anew; in the epoch that a resumed run goes on with, the same as before."""
        self.rows.set_epoch(int((state.epoch or 0) + 1e-6))
