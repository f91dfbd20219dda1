"""Input reduction: finds how few words suffice for the same answer."""

from __future__ import annotations

from types import MethodType
from typing import Any

from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """TextAttack's recipe, unchanged: greedy instead of the paper's beam of five."""
    from textattack.attack_recipes import InputReductionFeng2018

    attack = InputReductionFeng2018.build(wrapper)
    goal = attack.goal_function
    goal.score_words, goal._get_score = goal._get_score, MethodType(_score, goal)
    return attack


def _score(goal: Any, output: Any, text: Any) -> Any:
    """TextAttack's score, but 0 for a text without words, where it would divide by the number of words."""
    return goal.score_words(output, text) if goal.initial_attacked_text.num_words else 0.0


RECIPE = Recipe(
    name="input-reduction",
    version=1,
    build=build,
    needs=("stopwords",),
    source="Feng et al. 2018, https://arxiv.org/abs/1804.07781",
    description="delete words while the predicted label stays the same",
    goal="reduction",
)
