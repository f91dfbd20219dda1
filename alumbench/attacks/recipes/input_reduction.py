"""Input reduction: how few words are enough for the same answer."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """TextAttack's recipe as it is: greedy instead of the paper's beam of five."""
    from textattack.attack_recipes import InputReductionFeng2018

    return InputReductionFeng2018.build(wrapper)


RECIPE = Recipe(
    name="input-reduction",
    version=1,
    build=build,
    needs=("stopwords",),
    source="Feng et al. 2018, https://arxiv.org/abs/1804.07781",
    parts="delete words while the predicted label stays",
    goal="reduction",
)
