"""TextAttack's recipe for French: WordNet synonyms, names and places."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def assemble(wrapper: Any, stopwords: str, wordnet: str, names: str) -> Any:
    """TextAttack's recipe for a language.

    Args:
        wrapper: the victim.
        stopwords: the language's name in NLTK's stopword lists.
        wordnet: its name in WordNet.
        names: its name in TextAttack's lists of names and places.
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
        [WordSwapWordNet(language=wordnet), WordSwapChangeLocation(language=names), WordSwapChangeName(language=names)]
    )
    constraints = [RepeatModification(), StopwordModification(language=stopwords)]
    return Attack(UntargetedClassification(wrapper), constraints, swaps, GreedyWordSwapWIR())


def build(wrapper: Any) -> Any:
    """TextAttack's recipe with one fix.

    TextAttack passes "french" as the list of stopwords, which protects the letters of that word and no stopword.
    """
    return assemble(wrapper, stopwords="french", wordnet="fra", names="fra")


RECIPE = Recipe(
    name="french",
    version=1,
    build=build,
    needs=("stopwords", "wordnet", "omw-1.4", "flair-ner-french"),
    source="TextAttack 0.3.11, https://github.com/QData/TextAttack",
    description="swap French words for WordNet synonyms, change names and places; greedy by word importance",
)
