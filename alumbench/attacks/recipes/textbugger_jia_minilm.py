"""TextBugger with published neighbour lists for its vectors and MiniLM for its encoder: runs offline."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """TextAttack's recipe but for two parts.

    Neighbours: the nearest 5 by counter-fitted vectors there, the first 5 of the lists of Jia et al. 2019 here.
    Sentences: angular similarity .8 by the Universal Sentence Encoder there, by MiniLM here, which is another scale.
    """
    from textattack.attack_recipes import TextBuggerLi2018

    from alumbench.attacks.homoglyphs import provided
    from alumbench.attacks.substitutes import with_stand_ins

    with provided():
        return with_stand_ins(TextBuggerLi2018, wrapper)


RECIPE = Recipe(
    name="textbugger-jia-minilm",
    version=1,
    build=build,
    needs=("stopwords", "counter-fitted-neighbours", "all-MiniLM-L6-v2"),
    source="Li et al. 2019, https://arxiv.org/abs/1812.05271; neighbours of Jia et al. 2019, "
    "https://aclanthology.org/D19-1423/",
    parts="as textbugger, with published neighbour lists (5 a word) and MiniLM sentence similarity",
)
