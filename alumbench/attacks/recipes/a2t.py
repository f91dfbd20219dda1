"""A2T: synonyms from counter-fitted vectors, words ranked by their gradient: few queries, intended for training."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.gradient import with_word_gradient
from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """TextAttack's recipe, with gradients taken without dropout."""
    from textattack.attack_recipes import A2TYoo2021

    return A2TYoo2021.build(with_word_gradient(wrapper))


RECIPE = Recipe(
    name="a2t",
    version=1,
    build=build,
    needs=(
        *("stopwords", "averaged_perceptron_tagger_eng", "universal_tagset"),
        *("counter-fitted-vectors", "stsb-distilbert-base"),
    ),
    source="Yoo and Qi 2021, https://arxiv.org/abs/2109.00544",
    description="swap words for counter-fitted neighbours (cosine .8, same part of speech) while sentence similarity "
    "is .9; at most 10% of the words (or 4); greedy by gradient",
)
