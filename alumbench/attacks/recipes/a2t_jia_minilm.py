"""A2T with published neighbour lists for its vectors and MiniLM for its sentence encoder: runs offline."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.gradient import with_word_gradient
from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """The parts of `a2t`, except two.

    Neighbours: up to 8 from Jia et al. 2019, instead of 20 by counter-fitted vectors at a cosine of .8 or more.
    Sentences: .9 by all-MiniLM-L6-v2, instead of .9 by stsb-distilbert-base; the two scales differ.
    """
    from textattack import Attack
    from textattack.constraints.grammaticality import PartOfSpeech
    from textattack.constraints.pre_transformation import (
        MaxModificationRate,
        RepeatModification,
        StopwordModification,
    )
    from textattack.goal_functions import UntargetedClassification
    from textattack.search_methods import GreedyWordSwapWIR

    from alumbench.attacks.textattack.substitutes import MiniLm, NeighbourSwap

    constraints = [
        RepeatModification(),
        StopwordModification(),
        PartOfSpeech(allow_verb_noun_swap=False),
        MaxModificationRate(max_rate=0.1, min_threshold=4),
        MiniLm(threshold=0.9),
    ]
    goal = UntargetedClassification(with_word_gradient(wrapper), model_batch_size=32)
    return Attack(goal, constraints, NeighbourSwap(), GreedyWordSwapWIR(wir_method="gradient"))


RECIPE = Recipe(
    name="a2t-jia-minilm",
    version=1,
    build=build,
    needs=(
        *("stopwords", "averaged_perceptron_tagger_eng", "universal_tagset"),
        *("counter-fitted-neighbours", "all-MiniLM-L6-v2"),
    ),
    source="Yoo and Qi 2021, https://arxiv.org/abs/2109.00544; neighbours of Jia et al. 2019, "
    "https://aclanthology.org/D19-1423/",
    description="as a2t, with published neighbour lists (at most 8 a word) and MiniLM sentence similarity",
)
