"""Morpheus: inflections that make a translation worse."""

from __future__ import annotations

from alumbench.attacks.recipe import Recipe

RECIPE = Recipe(
    name="morpheus",
    version=1,
    build=None,
    source="Tan et al. 2020, https://aclanthology.org/2020.acl-main.263/",
    description="swap words for their other inflections until a translation's BLEU falls",
    unsupported_reason="it needs a translation model: "
    "its goal is a low BLEU of the output text against a reference, and a classifier gives label scores",
)
