"""PSO: words that share HowNet sememes, found by a particle swarm."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """TextAttack's recipe, unchanged."""
    from textattack.attack_recipes import PSOZang2020

    return PSOZang2020.build(wrapper)


RECIPE = Recipe(
    name="pso",
    version=1,
    build=build,
    needs=("stopwords", "hownet-candidates", "flair-upos"),
    source="Zang et al. 2020, https://aclanthology.org/2020.acl-main.540/",
    description="swap words for others with the same HowNet sememes; particle swarm",
)
