"""HotFlip to any word of the victim's vocabulary: an upper bound, for what it finds may mean something else."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe
from alumbench.attacks.recipes.hotflip import flips


def build(wrapper: Any) -> Any:
    """The parts of `hotflip` without a bound on meaning: only part of speech and two words at most hold it.

    `good` may become `bad`, and the right label with it, so that its success is not a mistake of the victim's.
    """
    return flips(wrapper, None)


RECIPE = Recipe(
    name="hotflip-vocabulary",
    version=1,
    build=build,
    needs=("stopwords", "averaged_perceptron_tagger_eng", "universal_tagset"),
    source="Ebrahimi et al. 2018, https://arxiv.org/abs/1712.06751",
    parts="white-box: flip at most two words to any of the victim's vocabulary with the same part of speech, of "
    "whatever "
    "meaning; beam of 10",
)
