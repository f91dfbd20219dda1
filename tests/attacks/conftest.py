"""Victims to attack, and examples of their dev sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from alumbench.attacks.victim import Victim
from alumbench.data import Example, load_task
from alumbench.data.dataset import load_examples_from
from alumbench.models.checkpoint import checkpoint_task, find_model


def open_victim(folder: Path, **kwargs: object) -> Victim:
    files = find_model(str(folder))
    return Victim(files, checkpoint_task(files), "cpu", **kwargs)


def dev(task: str) -> list[Example]:
    task = load_task(task)
    return load_examples_from(task.dev, task.columns, task.labels)[0]


@pytest.fixture
def victim(checkpoint: Path) -> Victim:
    return open_victim(checkpoint)


@pytest.fixture
def pair_victim(pair_checkpoint: Path) -> Victim:
    """The one whose answers attacks do change."""
    return open_victim(pair_checkpoint)


@pytest.fixture
def right(pair_victim: Victim) -> list[Example]:
    """Dev pairs that the pair victim answers right, so that there is something to attack."""
    examples = dev("mini-nli")[:80]
    predicted = pair_victim.scores([example.texts for example in examples]).argmax(-1).tolist()
    labels = pair_victim.task.labels
    return [example for example, i in zip(examples, predicted, strict=True) if labels[i] == example.label]


@pytest.fixture
def nltk_data(mirror: Path) -> Path:
    """Stopwords and WordNet of the mirror."""
    folder = mirror / "nltk_data" / "corpora"
    if not any(folder.glob("stopwords*")) or not any(folder.glob("wordnet*")):
        pytest.skip(f"{folder} has no stopwords and wordnet")
    return folder


@pytest.fixture
def recipe_ready(request: pytest.FixtureRequest) -> Callable[[str], object]:
    """Loads a recipe; skips where it needs NLTK data that is not here."""
    from alumbench.attacks import load_recipe

    def ready(name: str) -> object:
        recipe = load_recipe(name)
        if recipe.needs:
            request.getfixturevalue("nltk_data")
        return recipe

    return ready
