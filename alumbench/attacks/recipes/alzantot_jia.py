"""Alzantot's genetic algorithm on published neighbour lists, without a language model: runs offline."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """The parts of `alzantot`, except two.

    Neighbours: the up to 8 that Jia et al. 2019 published for this attack, instead of 8 by counter-fitted vectors.
    Language model: none, so the text may read worse; in `alzantot`, Google's One Billion Word model picks the 4
    likeliest of a word's neighbours.
    """
    from textattack import Attack
    from textattack.constraints.overlap import MaxWordsPerturbed
    from textattack.constraints.pre_transformation import RepeatModification, StopwordModification
    from textattack.goal_functions import UntargetedClassification
    from textattack.search_methods import AlzantotGeneticAlgorithm

    from alumbench.attacks.textattack.substitutes import NeighbourSwap

    constraints = [RepeatModification(), StopwordModification(), MaxWordsPerturbed(max_percent=0.2)]
    search = AlzantotGeneticAlgorithm(pop_size=60, max_iters=20, post_crossover_check=False)
    return Attack(UntargetedClassification(wrapper), constraints, NeighbourSwap(), search)


RECIPE = Recipe(
    name="alzantot-jia",
    version=1,
    build=build,
    needs=("stopwords", "counter-fitted-neighbours"),
    source="Alzantot et al. 2018, https://arxiv.org/abs/1804.07998; neighbours of Jia et al. 2019, "
    "https://aclanthology.org/D19-1423/",
    description="as alzantot, with published neighbour lists (at most 8 a word) and no language model",
)
