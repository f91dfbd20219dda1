"""CheckList with names and places found by lists, not by a tagger: runs offline."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """The parts of `checklist`, except two.

    Names and places: capitalized words in the lists that TextAttack takes new ones from, instead of those that flair's
    tagger finds; so lowercase texts have none. Contractions: see `listed_names.Contraction`.
    """
    from textattack import Attack
    from textattack.constraints.pre_transformation import RepeatModification
    from textattack.goal_functions import UntargetedClassification
    from textattack.search_methods import GreedySearch
    from textattack.transformations import CompositeTransformation, WordSwapChangeNumber, WordSwapExtend

    from alumbench.attacks.textattack.listed_names import Contraction, NameSwap, PlaceSwap

    changes = [WordSwapExtend(), Contraction(), NameSwap(), WordSwapChangeNumber(), PlaceSwap()]
    goal = UntargetedClassification(wrapper)
    return Attack(goal, [RepeatModification()], CompositeTransformation(changes), GreedySearch())


RECIPE = Recipe(
    name="checklist-lists",
    version=1,
    build=build,
    needs=("num2words", "word2number"),
    source="Ribeiro et al. 2020, https://arxiv.org/abs/2005.04118",
    description="as checklist, with names and places known by lists",
)
