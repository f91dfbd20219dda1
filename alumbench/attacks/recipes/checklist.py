"""CheckList: names, places and numbers changed, contractions expanded or made."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """TextAttack's recipe, unchanged; flair's tagger finds names and places."""
    from textattack.attack_recipes import CheckList2020

    return CheckList2020.build(wrapper)


RECIPE = Recipe(
    name="checklist",
    version=1,
    build=build,
    needs=("flair-ner", "num2words", "word2number"),
    source="Ribeiro et al. 2020, https://arxiv.org/abs/2005.04118",
    description="change names, places and numbers, contract and expand; greedy",
)
