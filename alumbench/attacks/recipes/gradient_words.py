"""TextFooler's words under its constraints, found with the victim's gradient, to check black-box results.

A model that withstands `textfooler-jia-minilm` and not this one has hidden its weakness from the search, not mended it.
"""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """Candidates and constraints of `textfooler-jia-minilm`; the search is ours.

    At each step every text of a beam of 4 is differentiated, all swaps of it are ranked by first-order gain (eq. 1 of
    Ebrahimi et al. 2018), and the model scores the first 16 that keep to the constraints.
    """
    from textattack import Attack
    from textattack.attack_recipes import TextFoolerJin2019

    from alumbench.attacks.gradient import WithGradient
    from alumbench.attacks.gradient_search import GradientSearch, RankedSwap
    from alumbench.attacks.substitutes import NeighbourSwap, with_stand_ins

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
    parts="white-box: the swaps of textfooler-jia-minilm, ranked by the victim's gradient; beam of 4",
)
