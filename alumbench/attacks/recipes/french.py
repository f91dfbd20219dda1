"""TextAttack's recipe for French: WordNet synonyms, names and places."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """TextAttack's parts, with two repairs.

    It hands "french" over as the stopwords themselves, so that the letters of that word are protected and no stopword
    is.
    """
    from textattack import Attack
    from textattack.constraints.pre_transformation import RepeatModification, StopwordModification
    from textattack.goal_functions import UntargetedClassification
    from textattack.search_methods import GreedyWordSwapWIR
    from textattack.transformations import (
        CompositeTransformation,
        WordSwapChangeLocation,
        WordSwapChangeName,
        WordSwapWordNet,
    )

    swaps = CompositeTransformation(
        [WordSwapWordNet(language="fra"), WordSwapChangeLocation(language="fra"), WordSwapChangeName(language="fra")]
    )
    constraints = [RepeatModification(), StopwordModification(language="french")]
    return Attack(UntargetedClassification(wrapper), constraints, swaps, GreedyWordSwapWIR())


RECIPE = Recipe(
    name="french",
    version=1,
    build=build,
    needs=("stopwords", "wordnet", "omw-1.4", "flair-ner-french"),
    source="TextAttack 0.3.11, https://github.com/QData/TextAttack",
    parts="swap French words for WordNet synonyms, change names and places; greedy by word importance",
)
