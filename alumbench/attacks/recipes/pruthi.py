"""Pruthi et al.: a single typo inside a word."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """TextAttack's recipe, unchanged, with its default of one changed word (the paper also reports two)."""
    from textattack.attack_recipes import Pruthi2019

    return Pruthi2019.build(wrapper)


RECIPE = Recipe(
    name="pruthi",
    version=1,
    build=build,
    needs=("stopwords",),
    source="Pruthi et al. 2019, https://arxiv.org/abs/1905.11268",
    description="swap, delete, insert or mistype one inner character of one word of four letters or more",
)
