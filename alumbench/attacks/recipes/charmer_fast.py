"""Charmer-Fast (Abad Rocamora et al., ICML 2024): Charmer with one place an edit. `charmer` says what differs."""

from __future__ import annotations

from alumbench.attacks.ranked_search import RankedSearch
from alumbench.attacks.set_search import SearchRecipe

RECIPE = SearchRecipe(
    name="charmer-fast",
    version=1,
    search=RankedSearch(places=1),
    source="Abad Rocamora et al. 2024, https://arxiv.org/abs/2405.04346",
    description="greedy: every step at the one place whose probe lowers the margin most, the best one kept",
)
