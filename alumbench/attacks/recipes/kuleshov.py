"""Kuleshov et al.: counter-fitted synonyms, constrained by GPT-2 and a bound on the mean word vector."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """TextAttack's recipe, except the goal.

    It ends when the label changes, like all attacks whose success is counted. TextAttack's ends, as in the paper, when
    the right label's probability is below .7.
    """
    from textattack.attack_recipes import Kuleshov2017

    attack = Kuleshov2017.build(wrapper)
    attack.goal_function.target_max_score = None
    return attack


RECIPE = Recipe(
    name="kuleshov",
    version=1,
    build=build,
    needs=("stopwords", "counter-fitted-vectors", "gpt2"),
    source="Kuleshov et al. 2018, https://openreview.net/forum?id=r1QZ3zbAZ",
    description="swap words for counter-fitted neighbours (15) under a language model, at most half of them; greedy",
)
