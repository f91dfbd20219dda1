"""BERT-Attack with any masked LM on disk, and MiniLM for its sentence encoder."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe
from alumbench.attacks.recipes.bert_attack import SENTENCES, assemble


def build(wrapper: Any, masked_lm: str) -> Any:
    """The parts of `bert-attack` but for two: the masked LM that a suite's entry names, and MiniLM's similarity."""
    from alumbench.attacks.masked_lm import named
    from alumbench.attacks.substitutes import MiniLm

    encoder = MiniLm(device=str(wrapper.model.device), **SENTENCES)
    return assemble(wrapper, named(masked_lm, wrapper), encoder)


RECIPE = Recipe(
    name="bert-attack-local",
    version=1,
    build=build,
    needs=("stopwords", "all-MiniLM-L6-v2"),
    parts_needed=("masked_lm",),
    source="Li et al. 2020, https://arxiv.org/abs/2004.09984",
    parts="as bert-attack, with the masked LM that the suite names and MiniLM sentence similarity",
)
