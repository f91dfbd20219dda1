"""DeepWordBug: one typo per word, the most important words first."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """TextAttack's recipe, unchanged; unlike the paper, it does not change stopwords."""
    from textattack.attack_recipes import DeepWordBugGao2018

    return DeepWordBugGao2018.build(wrapper)


RECIPE = Recipe(
    name="deepwordbug",
    version=1,
    build=build,
    needs=("stopwords",),
    source="Gao et al. 2018, https://arxiv.org/abs/1801.04354",
    description="swap, substitute, delete or insert one character of a word; at most 30 edits; greedy by word "
    "importance",
)
