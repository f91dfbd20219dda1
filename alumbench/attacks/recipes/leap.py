"""LEAP: WordNet synonyms found by a particle swarm with Lévy flights."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """TextAttack's recipe, unchanged: 60 particles, 20 rounds; 16% of the words is the paper's rate for AG's News."""
    from textattack.attack_recipes import LEAP2023

    return LEAP2023.build(wrapper)


RECIPE = Recipe(
    name="leap",
    version=1,
    build=build,
    needs=("stopwords", "wordnet"),
    source="Xiao et al. 2023, https://arxiv.org/abs/2308.11284",
    description="swap words for WordNet synonyms, at most 16% of them; particle swarm",
)
