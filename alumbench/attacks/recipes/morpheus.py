"""Morpheus: inflections that make a translation worse."""

from __future__ import annotations

from alumbench.attacks.recipe import Recipe

RECIPE = Recipe(
    name="morpheus",
    version=1,
    build=None,
    source="Tan et al. 2020, https://aclanthology.org/2020.acl-main.263/",
    parts="swap words for other inflections of theirs until a translation's BLEU falls",
    refused="it wants a translation model: "
    "its goal is a low BLEU of the output text against a reference, and a classifier gives label scores",
)
