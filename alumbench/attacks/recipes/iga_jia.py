"""IGA with published neighbour lists instead of its vectors: runs offline."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """TextAttack's recipe, except one part: up to 8 neighbours from Jia et al. 2019 instead of 50 by vectors."""
    from textattack.attack_recipes import IGAWang2019

    from alumbench.attacks.textattack.substitutes import with_stand_ins

    return with_stand_ins(IGAWang2019, wrapper)


RECIPE = Recipe(
    name="iga-jia",
    version=1,
    build=build,
    needs=("stopwords", "counter-fitted-neighbours"),
    source="Wang et al. 2019, https://arxiv.org/abs/1909.06723; neighbours of Jia et al. 2019, "
    "https://aclanthology.org/D19-1423/",
    description="as iga, with published neighbour lists (at most 8 a word)",
)
