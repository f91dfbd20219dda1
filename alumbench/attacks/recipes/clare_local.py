"""CLARE with any masked LM on disk, and MiniLM for its sentence encoder."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe
from alumbench.attacks.recipes.clare import SENTENCES, assemble


def build(wrapper: Any, masked_lm: str) -> Any:
    """The parts of `clare` but for two: the masked LM that a suite's entry names, and MiniLM's scale of similarity."""
    from alumbench.attacks.masked_lm import named
    from alumbench.attacks.substitutes import MiniLm

    encoder = MiniLm(device=str(wrapper.model.device), **SENTENCES)
    return assemble(wrapper, named(masked_lm, wrapper), encoder)


RECIPE = Recipe(
    name="clare-local",
    version=1,
    build=build,
    needs=("stopwords", "averaged_perceptron_tagger_eng", "universal_tagset", "all-MiniLM-L6-v2"),
    parts_needed=("masked_lm",),
    source="Li et al. 2021, https://arxiv.org/abs/2009.07502",
    parts="as clare, with the masked LM that the suite names and MiniLM sentence similarity",
)
