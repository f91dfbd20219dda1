"""Bad Characters, reorderings: characters swapped, and control characters that display them in order."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """Swaps characters with bidirectional control characters."""
    from textattack.transformations import WordSwapReorderings

    from alumbench.attacks.textattack.bad_characters import imperceptible

    return imperceptible(wrapper, WordSwapReorderings())


RECIPE = Recipe(
    name="bad-characters-reorderings",
    version=1,
    build=build,
    source="Boucher et al. 2022, https://arxiv.org/abs/2106.09898",
    description="swap two characters and display them in the original order, once in a text; differential evolution",
)
