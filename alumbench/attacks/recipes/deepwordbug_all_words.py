"""DeepWordBug on all words, stopwords included: needs no download."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """TextAttack's parts of DeepWordBug without its stopword constraint, which the paper does not have either."""
    from textattack import Attack
    from textattack.constraints.overlap import LevenshteinEditDistance
    from textattack.constraints.pre_transformation import RepeatModification
    from textattack.goal_functions import UntargetedClassification
    from textattack.search_methods import GreedyWordSwapWIR
    from textattack.transformations import (
        CompositeTransformation,
        WordSwapNeighboringCharacterSwap,
        WordSwapRandomCharacterDeletion,
        WordSwapRandomCharacterInsertion,
        WordSwapRandomCharacterSubstitution,
    )

    typos = CompositeTransformation(
        [
            WordSwapNeighboringCharacterSwap(),
            WordSwapRandomCharacterSubstitution(),
            WordSwapRandomCharacterDeletion(),
            WordSwapRandomCharacterInsertion(),
        ]
    )
    constraints = [RepeatModification(), LevenshteinEditDistance(30)]
    return Attack(UntargetedClassification(wrapper), constraints, typos, GreedyWordSwapWIR())


RECIPE = Recipe(
    name="deepwordbug-all-words",
    version=1,
    build=build,
    source="Gao et al. 2018, https://arxiv.org/abs/1801.04354, stopwords not protected",
    description="as deepwordbug, stopwords may change too",
)
