"""TextBugger with published neighbour lists instead of its vectors and MiniLM as its encoder: runs offline."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """TextAttack's recipe, except two parts.

    Neighbours: the first 5 in the lists of Jia et al. 2019, instead of the nearest 5 by counter-fitted vectors.
    Sentences: angular similarity .8 by MiniLM, instead of the Universal Sentence Encoder; the two scales differ.
    """
    from textattack.attack_recipes import TextBuggerLi2018

    from alumbench.attacks.textattack.homoglyphs import provided
    from alumbench.attacks.textattack.substitutes import with_stand_ins

    with provided():
        return with_stand_ins(TextBuggerLi2018, wrapper)


RECIPE = Recipe(
    name="textbugger-jia-minilm",
    version=1,
    build=build,
    needs=("stopwords", "counter-fitted-neighbours", "all-MiniLM-L6-v2"),
    source="Li et al. 2019, https://arxiv.org/abs/1812.05271; neighbours of Jia et al. 2019, "
    "https://aclanthology.org/D19-1423/",
    description="as textbugger, with published neighbour lists (5 a word) and MiniLM sentence similarity",
)
