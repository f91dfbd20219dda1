"""Bad Characters, homoglyphs: letters replaced by look-alikes from other scripts."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """Homoglyphs from our own table.

    TextAttack's wheel lacks the paper's table; `homoglyphs` has ours and lists the differences. One perturbation per
    text. The goal is any other label; TextAttack's recipe needs a target label.
    """
    from textattack.transformations import WordSwapHomoglyphSwap

    from alumbench.attacks.textattack.bad_characters import imperceptible
    from alumbench.attacks.textattack.homoglyphs import provided

    with provided():
        return imperceptible(wrapper, WordSwapHomoglyphSwap())


RECIPE = Recipe(
    name="bad-characters",
    version=1,
    build=build,
    source="Boucher et al. 2022, https://arxiv.org/abs/2106.09898",
    description="replace a character by one that looks the same, once in a text; differential evolution",
)
