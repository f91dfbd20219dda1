"""Bad Characters, deletions: a character and the backspace that deletes it."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """Inserts a character and a backspace."""
    from textattack.transformations import WordSwapDeletions

    from alumbench.attacks.textattack.bad_characters import imperceptible

    return imperceptible(wrapper, WordSwapDeletions())


RECIPE = Recipe(
    name="bad-characters-deletions",
    version=1,
    build=build,
    source="Boucher et al. 2022, https://arxiv.org/abs/2106.09898",
    description="inject a character and a backspace, once in a text; differential evolution",
)
