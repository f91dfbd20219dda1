"""TextFooler with published neighbour lists for its vectors and MiniLM for its encoder: runs offline."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """TextAttack's recipe but for two parts.

    Neighbours: 50 by counter-fitted vectors, at a cosine of .5 or more, there; the at most 8 of Jia et al. 2019 here.
    Sentences: the same angular similarity (.84, in a window of 15 words, texts shorter than it let through, against the
    text before the swap), of MiniLM's vectors in place of the Universal Sentence Encoder's, which is another scale.
    """
    from textattack.attack_recipes import TextFoolerJin2019

    from alumbench.attacks.substitutes import with_stand_ins

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
    parts="as textfooler, with published neighbour lists (at most 8 a word) and MiniLM sentence similarity",
)
