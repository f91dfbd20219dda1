"""Beam search over the best-ranked places: Charmer's scheme with eight texts a level in place of one.

The most expensive member of an ensemble. At the first step it costs what `charmer` does, at each further one about
eight times as much, for texts that only steps together can break.
"""

from __future__ import annotations

from alumbench.attacks.ranked_search import RankedSearch
from alumbench.attacks.set_search import SearchRecipe

RECIPE = SearchRecipe(
    name="beam",
    version=1,
    search=RankedSearch(places=20, width=8),
    source="ours; beam search for adversarial texts as in Ebrahimi et al. 2018, https://arxiv.org/abs/1712.06751",
    description="beam search: every step at the 20 best-ranked places of 8 texts a level; expensive",
)
