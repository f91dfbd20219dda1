"""Training texts with typos and dropped words, redrawn each epoch: an augmentation that needs no model pass.

TextAttack's CharSwapAugmenter makes such typos too, but builds and filters every edit of every word to take one: 50 to
140 ms per sentence here, several times its share of a training step.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from alumbench.fields import From0To1, option

if TYPE_CHECKING:  # its fields are a command's options, and --help must be fast
    import numpy as np

LETTERS = "abcdefghijklmnopqrstuvwxyz"
#: A word has at least two letters, so that two can be swapped.
WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True)
class Augmentation:
    """Changes to training texts.

    Attributes:
        typos: the probability of a typo in each word of a chosen text.
        dropped: the probability that the word is left out instead.
        texts: the probability that a text is chosen, in each epoch.
    """

    typos: From0To1 = option(
        0.0, unit="SHARE", help="Augmentation: share of an augmented text's words that get a typo.", show_default=False
    )
    dropped: From0To1 = option(
        0.0,
        name="drop_words",
        unit="SHARE",
        help="Augmentation: share of an augmented text's words that are left out.",
        show_default=False,
    )
    texts: From0To1 = option(
        0.5,
        name="augmented_texts",
        unit="SHARE",
        help="Augmentation: share of the training texts that is augmented, redrawn each epoch.",
    )

    def __post_init__(self) -> None:
        """Checks the values."""
        for name in (field.name for field in fields(self)):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"augmentation: {name} = {getattr(self, name)}: must be from 0 to 1")
        if self.typos + self.dropped > 1:
            raise ValueError(f"augmentation: typos + dropped = {self.typos + self.dropped}: must be 1 at most")

    def __bool__(self) -> bool:
        """True if it changes anything."""
        return self.typos + self.dropped > 0 and self.texts > 0


def changed(text: str, augmentation: Augmentation, draw: np.random.Generator) -> str:
    """The text with some words mistyped (two letters swapped, or one replaced, left out or put in) and some left out.

    Args:
        text: any text; non-words stay, and so does a text that would lose all its words.
        augmentation: the probabilities.
        draw: the random generator.
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
