"""CLARE with any masked LM on disk, and MiniLM as its sentence encoder."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe
from alumbench.attacks.recipes.clare import SENTENCES, assemble


def build(wrapper: Any, masked_lm: str) -> Any:
    """The parts of `clare`, except two: the masked LM is the one a suite's entry names, and similarity is MiniLM's."""
    from alumbench.attacks.textattack.masked_lm import named
    from alumbench.attacks.textattack.substitutes import MiniLm

    encoder = MiniLm(device=str(wrapper.model.device), **SENTENCES)
    return assemble(wrapper, named(masked_lm, wrapper), encoder)


RECIPE = Recipe(
    name="clare-local",
    version=1,
    build=build,
    needs=("stopwords", "averaged_perceptron_tagger_eng", "universal_tagset", "all-MiniLM-L6-v2"),
    required_models=("masked_lm",),
    source="Li et al. 2021, https://arxiv.org/abs/2009.07502",
    description="as clare, with the masked LM that the suite names and MiniLM sentence similarity",
)
