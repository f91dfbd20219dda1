"""The faster version of Alzantot's attack by Jia et al.: another language model, each word changed once."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """TextAttack's recipe, unchanged."""
    from textattack.attack_recipes import FasterGeneticAlgorithmJia2019

    return FasterGeneticAlgorithmJia2019.build(wrapper)


RECIPE = Recipe(
    name="faster-alzantot",
    version=1,
    build=build,
    needs=("stopwords", "counter-fitted-vectors", "learning-to-write"),
    source="Jia et al. 2019, https://arxiv.org/abs/1909.00986",
    description="swap words for counter-fitted neighbours (8; squared distance .5) that a language model accepts, at "
    "most 20% of them; genetic algorithm",
)
