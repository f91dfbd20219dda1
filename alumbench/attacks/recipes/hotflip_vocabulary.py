"""HotFlip to any word of the victim's vocabulary: an upper bound, as the texts it finds may change meaning."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe
from alumbench.attacks.recipes.hotflip import flips


def build(wrapper: Any) -> Any:
    """The parts of `hotflip` without a constraint on meaning: only the same part of speech and at most two words.

    `good` may become `bad`, which changes the right label too, so a success need not be a mistake of the victim.
    """
    return flips(wrapper, None)


RECIPE = Recipe(
    name="hotflip-vocabulary",
    version=1,
    build=build,
    needs=("stopwords", "averaged_perceptron_tagger_eng", "universal_tagset"),
    source="Ebrahimi et al. 2018, https://arxiv.org/abs/1712.06751",
    description="white-box: flip at most two words to any of the victim's vocabulary with the same part of speech, of "
    "whatever meaning; beam of 10",
)
