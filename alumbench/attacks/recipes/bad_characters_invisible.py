"""Bad Characters, invisible: zero-width characters inside the text."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """Inserts zero-width characters.

    Many tokenizers drop them (BERT's does); this attack then changes nothing.
    """
    from textattack.transformations import WordSwapInvisibleCharacters

    from alumbench.attacks.textattack.bad_characters import imperceptible

    return imperceptible(wrapper, WordSwapInvisibleCharacters())


RECIPE = Recipe(
    name="bad-characters-invisible",
    version=1,
    build=build,
    source="Boucher et al. 2022, https://arxiv.org/abs/2106.09898",
    description="inject an invisible character, once in a text; differential evolution",
)
