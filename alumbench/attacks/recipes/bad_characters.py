"""Bad Characters, homoglyphs: letters replaced by look-alikes of other scripts."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """Homoglyphs with a table of our own.

    TextAttack's wheel leaves the paper's table out; `homoglyphs` has ours, and says what differs. One perturbation a
    text; any other label is the goal, where TextAttack's recipe wants its user to name one.
    """
    from textattack.transformations import WordSwapHomoglyphSwap

    from alumbench.attacks.bad_characters import imperceptible
    from alumbench.attacks.homoglyphs import provided

    with provided():
        return imperceptible(wrapper, WordSwapHomoglyphSwap())


RECIPE = Recipe(
    name="bad-characters",
    version=1,
    build=build,
    source="Boucher et al. 2022, https://arxiv.org/abs/2106.09898",
    parts="replace a character by one that looks the same, once in a text; differential evolution",
)
