"""TextAttack's recipe for Spanish: WordNet synonyms, names and places."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe
from alumbench.attacks.recipes.french import assemble


def build(wrapper: Any) -> Any:
    """TextAttack's recipe with two fixes.

    TextAttack passes "spanish" as the list of stopwords, which protects the letters of that word and no stopword. It
    also asks WordNet for "esp", where Spanish is "spa", so its recipe cannot be built.
    """
    return assemble(wrapper, stopwords="spanish", wordnet="spa", names="esp")


RECIPE = Recipe(
    name="spanish",
    version=1,
    build=build,
    needs=("stopwords", "wordnet", "omw-1.4", "flair-ner-multi"),
    source="TextAttack 0.3.11, https://github.com/QData/TextAttack",
    description="swap Spanish words for WordNet synonyms, change names and places; greedy by word importance",
)
