"""PWWS: WordNet synonyms, ordered by a word's importance times the effect of its best synonym."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """TextAttack's recipe, unchanged: without the paper's swaps of named entities, which need the training set."""
    from textattack.attack_recipes import PWWSRen2019

    return PWWSRen2019.build(wrapper)


RECIPE = Recipe(
    name="pwws",
    version=1,
    build=build,
    needs=("stopwords", "wordnet"),
    source="Ren et al. 2019, https://aclanthology.org/P19-1103/",
    description="swap words for WordNet synonyms; greedy by probability-weighted saliency",
)
