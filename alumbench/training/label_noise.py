"""Wrong training labels, put in on purpose: what a method does with labels that cannot be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from alumbench.tasks import Example


def flip_labels(examples: Sequence[Example], labels: Sequence[str], share: float) -> list[Example]:
    """The examples, a share of them with another label, drawn uniformly from the others.

    The same call gives the same labels: no training seed is in it, so that seeds differ in training alone. The examples
    flipped at one share are also flipped, to the same labels, at every higher one, so that shares differ in nothing
    else.

    Args:
        examples: of a classification; they keep their ids.
        labels: all label names.
        share: of the examples, from 0 to below 1, rounded to a whole number of them.
    """
    generator = np.random.default_rng(0)
    chosen = generator.permutation(len(examples))[: round(share * len(examples))]
    away = generator.integers(1, len(labels), size=len(examples))  # places after the right label, in a circle
    flipped = list(examples)
    for i in chosen:
        other = (labels.index(str(examples[i].label)) + away[i]) % len(labels)
        flipped[i] = replace(examples[i], label=labels[other])
    return flipped
