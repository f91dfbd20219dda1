"""TextFooler with published neighbour lists instead of its vectors and MiniLM as its encoder: runs offline."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """TextAttack's recipe, except two parts.

    Neighbours: up to 8 from Jia et al. 2019, instead of 50 by counter-fitted vectors at a cosine of .5 or more.
    Sentences: the same angular similarity to the text before the swap (.84, in a window of 15 words; shorter texts
    pass), by MiniLM instead of the Universal Sentence Encoder; the two scales differ.
    """
    from textattack.attack_recipes import TextFoolerJin2019

    from alumbench.attacks.textattack.substitutes import with_stand_ins

    return with_stand_ins(TextFoolerJin2019, wrapper)


RECIPE = Recipe(
    name="textfooler-jia-minilm",
    version=1,
    build=build,
    needs=(
        "stopwords",
        "averaged_perceptron_tagger_eng",
        "universal_tagset",
        "counter-fitted-neighbours",
        "all-MiniLM-L6-v2",
    ),
    source="Jin et al. 2020, https://arxiv.org/abs/1907.11932; neighbours of Jia et al. 2019, "
    "https://aclanthology.org/D19-1423/",
    description="as textfooler, with published neighbour lists (at most 8 a word) and MiniLM sentence similarity",
)
