"""A recipe: a letter of a word becomes its neighbour on the keyboard."""

from alumbench import Recipe


def build(wrapper):
    """Builds the attack from TextAttack's parts; `wrapper` wraps the model."""
    from textattack import Attack
    from textattack.constraints.pre_transformation import RepeatModification
    from textattack.goal_functions import UntargetedClassification
    from textattack.search_methods import GreedyWordSwapWIR
    from textattack.transformations import WordSwapQWERTY

    goal, search = UntargetedClassification(wrapper), GreedyWordSwapWIR()
    return Attack(goal, [RepeatModification()], WordSwapQWERTY(), search)


RECIPE = Recipe(
    name="key-typos",
    version=1,
    build=build,
    source="Pruthi et al. 2019, https://arxiv.org/abs/1905.11268, keyboard typos alone",
    description="swap a letter for its neighbour on the keyboard, the most important words first",
)
