"""TextBugger: typos, look-alikes and synonyms, the most important words first."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """TextAttack's recipe; its homoglyph swap opens a file that the wheel lacks and this attack does not use.

    The paper takes the five neighbours from GloVe vectors, TextAttack from counter-fitted vectors.
    """
    from textattack.attack_recipes import TextBuggerLi2018

    from alumbench.attacks.textattack.homoglyphs import provided

    with provided():
        return TextBuggerLi2018.build(wrapper)


RECIPE = Recipe(
    name="textbugger",
    version=1,
    build=build,
    needs=("stopwords", "counter-fitted-vectors", "universal-sentence-encoder"),
    source="Li et al. 2019, https://arxiv.org/abs/1812.05271",
    description="insert a space, delete or swap inner characters, take a look-alike, or a counter-fitted neighbour "
    "(5), while sentence similarity is .8; greedy by word importance",
)
