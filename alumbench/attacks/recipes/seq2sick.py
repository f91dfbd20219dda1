"""Seq2Sick: texts whose output shares no word with the original's."""

from __future__ import annotations

from alumbench.attacks.recipe import Recipe

RECIPE = Recipe(
    name="seq2sick",
    version=1,
    build=None,
    source="Cheng et al. 2018, https://arxiv.org/abs/1803.01128",
    description="swap words for counter-fitted neighbours until a generated text shares no word with the first one",
    unsupported_reason="it needs a sequence-to-sequence model: "
    "its goal is an output text that shares no word with the original output, and a classifier gives label scores",
)
