"""Deliberately wrong training labels, to test how a method copes with unreliable labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from alumbench.data import Example


def flip_labels(examples: Sequence[Example], labels: Sequence[str], share: float) -> list[Example]:
    """The examples, a share of them with another label, drawn uniformly from the others.

    The labels do not depend on the training seed, so that seeds differ only in training. Examples flipped at one share
    are flipped to the same labels at every higher share, so that shares differ in nothing else.

    Args:
        examples: of a classification task; they keep their ids.
        labels: all label names.
        share: share of the examples, from 0 to below 1, rounded to a whole number of examples.
    """
    generator = np.random.default_rng(0)
    chosen = generator.permutation(len(examples))[: round(share * len(examples))]
    away = generator.integers(1, len(labels), size=len(examples))  # positions after the right label, cyclically
    flipped = list(examples)
    for i in chosen:
        other = (labels.index(str(examples[i].label)) + away[i]) % len(labels)
        flipped[i] = replace(examples[i], label=labels[other])
    return flipped
