"""IGA: counter-fitted synonyms found by an improved genetic algorithm."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """TextAttack's recipe, unchanged: a population of 60, 20 generations, each word replaced at most 5 times."""
    from textattack.attack_recipes import IGAWang2019

    return IGAWang2019.build(wrapper)


RECIPE = Recipe(
    name="iga",
    version=1,
    build=build,
    needs=("stopwords", "counter-fitted-vectors"),
    source="Wang et al. 2019, https://arxiv.org/abs/1909.06723",
    description="swap words for counter-fitted neighbours (50; squared distance .5), at most 20% of them; genetic "
    "algorithm",
)
