"""TextAttack's recipe for Spanish: WordNet synonyms, names and places."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe
from alumbench.attacks.recipes.french import assemble


def build(wrapper: Any) -> Any:
    """TextAttack's recipe with two repairs.

    It hands "spanish" over as the stopwords themselves, so that the letters of that word are protected and no stopword
    is; and it asks WordNet for "esp", which has Spanish as "spa", so that it cannot be built.
    """
    return assemble(wrapper, stopwords="spanish", wordnet="spa", names="esp")


RECIPE = Recipe(
    name="spanish",
    version=1,
    build=build,
    needs=("stopwords", "wordnet", "omw-1.4", "flair-ner-multi"),
    source="TextAttack 0.3.11, https://github.com/QData/TextAttack",
    parts="swap Spanish words for WordNet synonyms, change names and places; greedy by word importance",
)
