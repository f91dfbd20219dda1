"""Charmer (Abad Rocamora et al., ICML 2024): greedy character edits at the places that matter most.

For each edit, a space is put at every character and into every gap, the 20 places that lower the margin most are kept,
every character is tried at each, and the best text goes on to the next edit. Written from the paper's description and
read beside the released code, https://github.com/LIONS-EPFL/Charmer at d04a0f8, whose names are given here.

As released: places are 2n + 1 gaps and characters, probed with a space, which is deleted where there is one already
(`get_top_n_locations`); n = 20 of them and the margin loss (`scripts/run_sst.sh`, which also has k = 10; here the
threat model has k); all steps there are scored and none is relaxed (`--pga 0`, `attack_brute_force`).

Other than released:
- Swaps of neighbours are steps too, because they belong to the set.
- The alphabet is the threat model's, without the rarest characters; theirs has every character of the data.
- A search ends at the first misclassified text, also among the probes; theirs scores all steps of an edit first. Text
  and queries differ, the number of edits does not, except where a misclassified probe is not among the best 20.
- A text that was reached before is not scored again. A substituted character may change again; theirs may not.
- With several columns, places of all unprotected ones are ranked together; theirs changes the hypothesis alone.
"""

from __future__ import annotations

from alumbench.attacks.ranked_search import RankedSearch
from alumbench.attacks.set_search import SearchRecipe

RECIPE = SearchRecipe(
    name="charmer",
    version=1,
    search=RankedSearch(places=20),
    source="Abad Rocamora et al. 2024, https://arxiv.org/abs/2405.04346",
    description="greedy: every step at the 20 places whose probe lowers the margin most, the best one kept",
)
