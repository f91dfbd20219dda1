"""TextFooler: counter-fitted synonyms of the same part of speech, the most important words first."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def build(wrapper: Any) -> Any:
    """TextAttack's recipe, unchanged; where paper and released code disagree, its settings are the code's."""
    from textattack.attack_recipes import TextFoolerJin2019

    return TextFoolerJin2019.build(wrapper)


RECIPE = Recipe(
    name="textfooler",
    version=1,
    build=build,
    needs=(
        "stopwords",
        "averaged_perceptron_tagger_eng",
        "universal_tagset",
        "counter-fitted-vectors",
        "universal-sentence-encoder",
    ),
    source="Jin et al. 2020, https://arxiv.org/abs/1907.11932",
    description="swap words for counter-fitted neighbours (50; cosine .5; same part of speech) while the encoder's "
    "angular similarity in a window of 15 words is .84; greedy by word importance",
)
