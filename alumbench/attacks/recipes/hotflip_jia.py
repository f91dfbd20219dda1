"""HotFlip with published neighbour lists instead of the vectors that preserve meaning: runs offline."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe
from alumbench.attacks.recipes.hotflip import flips


def build(wrapper: Any) -> Any:
    """The parts of `hotflip`, except one: up to 8 neighbours from Jia et al. 2019 instead of a cosine of .8."""
    from alumbench.attacks.textattack.substitutes import NeighbourSwap

    return flips(wrapper, NeighbourSwap()._get_replacement_words)


RECIPE = Recipe(
    name="hotflip-jia",
    version=1,
    build=build,
    needs=("stopwords", "averaged_perceptron_tagger_eng", "universal_tagset", "counter-fitted-neighbours"),
    source="Ebrahimi et al. 2018, https://arxiv.org/abs/1712.06751; neighbours of Jia et al. 2019, "
    "https://aclanthology.org/D19-1423/",
    description="as hotflip, with published neighbour lists (at most 8 a word)",
)
