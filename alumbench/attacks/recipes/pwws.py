"""PWWS: WordNet synonyms, ordered by how much a word matters times how much its best synonym does."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """TextAttack's recipe as it is: without the paper's swaps of named entities, which need the training set."""
    from textattack.attack_recipes import PWWSRen2019

    return PWWSRen2019.build(wrapper)


RECIPE = Recipe(
    name="pwws",
    version=1,
    build=build,
    needs=("stopwords", "wordnet"),
    source="Ren et al. 2019, https://aclanthology.org/P19-1103/",
    parts="swap words for WordNet synonyms; greedy by probability-weighted saliency",
)
