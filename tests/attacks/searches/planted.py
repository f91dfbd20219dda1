"""Classifiers that only some combination of words makes wrong, and searches of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from alumbench.attacks import load_recipe
from alumbench.attacks.outcome import Outcome
from alumbench.attacks.search import Searcher
from alumbench.attacks.single_search import Limits
from alumbench.attacks.text_victim import TextVictim
from alumbench.attacks.threat_models.references import load_threat_model
from alumbench.data import Example, load_task
from alumbench.models.classifier import Identity

TASK = load_task("mini-sentiment")
SWAPS = str(Path(__file__).parent / "swaps.py")
ALPHABET = {"alphabet": "abqz "}


class Planted:
    """Positive unless a text has all of `wrong`, each as a word of its own; every one of them lowers the margin.

    Attributes:
        asked: number of texts that it has read.
    """

    labels = TASK.labels

    def __init__(self, *wrong: str) -> None:
        self.wrong, self.asked = wrong, 0
        self.identity = Identity("example", "planted", {"version": " ".join(wrong)})

    def predict(self, texts: Sequence[tuple[str, ...]]) -> torch.Tensor:
        self.asked += len(texts)
        shares = [sum(word in text.split() for word in self.wrong) / len(self.wrong) for (text,) in texts]
        return torch.tensor([[share, 0.95] if TASK.labels[1] == "positive" else [0.95, share] for share in shares])


def example(text: str, label: str = "positive") -> Example:
    return Example(f"{sum(map(ord, text)) % 10**6:06d}{len(text):06d}", (text,), label)


def attack(recipe: str, classifier: Any, text: str, at: str = f"{SWAPS}-3", seed: int = 1, **options: Any) -> Outcome:
    victim = TextVictim(classifier, TASK, "cpu", hard_labels=options.pop("hard_labels", False))
    limits = Limits(load_threat_model(at), ALPHABET)
    return Searcher(load_recipe(recipe), victim, seed, limits=limits, **options).run(example(text))


def told(outcome: Outcome) -> dict[str, Any]:
    """All that an outcome says but its duration and the scores."""
    return {
        name: value for name, value in vars(outcome).items() if name not in ("seconds", "scores", "adversarial_scores")
    }
