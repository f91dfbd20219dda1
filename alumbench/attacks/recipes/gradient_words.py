"""TextFooler's words and constraints, searched with the victim's gradient, to check black-box results.

A model that withstands `textfooler-jia-minilm` but not this attack only hides its weakness from the search.
"""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """Candidates and constraints of `textfooler-jia-minilm`, with our own search.

    Each step takes the gradient at every text of a beam of 4 and ranks all its swaps by first-order gain (eq. 1 of
    Ebrahimi et al. 2018). The model scores the first 16 that satisfy the constraints.
    """
    from textattack import Attack
    from textattack.attack_recipes import TextFoolerJin2019

    from alumbench.attacks.gradient import WithGradient
    from alumbench.attacks.textattack.gradient_search import GradientSearch, RankedSwap
    from alumbench.attacks.textattack.substitutes import NeighbourSwap, with_stand_ins

    white = WithGradient(wrapper)
    made = with_stand_ins(TextFoolerJin2019, white)
    swap = RankedSwap(white, NeighbourSwap()._get_replacement_words)
    constraints = made.pre_transformation_constraints + made.constraints
    return Attack(made.goal_function, constraints, swap, GradientSearch(swap, beam=4, few=16))


RECIPE = Recipe(
    name="gradient-words",
    version=1,
    build=build,
    needs=(
        *("stopwords", "averaged_perceptron_tagger_eng", "universal_tagset"),
        *("counter-fitted-neighbours", "all-MiniLM-L6-v2"),
    ),
    source="ours; gains of Ebrahimi et al. 2018, https://arxiv.org/abs/1712.06751, words and constraints of Jin et al. "
    "2020, https://arxiv.org/abs/1907.11932",
    description="white-box: the swaps of textfooler-jia-minilm, ranked by the victim's gradient; beam of 4",
)
