"""Alzantot et al.: counter-fitted synonyms that a language model finds likely, by a genetic algorithm."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """TextAttack's recipe, unchanged."""
    from textattack.attack_recipes import GeneticAlgorithmAlzantot2018

    return GeneticAlgorithmAlzantot2018.build(wrapper)


RECIPE = Recipe(
    name="alzantot",
    version=1,
    build=build,
    needs=("stopwords", "counter-fitted-vectors", "google-language-model"),
    source="Alzantot et al. 2018, https://arxiv.org/abs/1804.07998",
    description="swap words for counter-fitted neighbours (8; squared distance .5) that a language model prefers, at "
    "most 20% of them; genetic algorithm",
)
