"""Many tests at once: Holm's correction over a table's cells."""

from __future__ import annotations

import gc
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from alumbench.statistics.inputs import share

Cell = TypeVar("Cell", bound=Hashable)


@dataclass(frozen=True)
class HolmAdjusted(Generic[Cell]):
    """Corrected p values.

    Attributes:
        p: the corrected p by cell, None without one; compare it with the uncorrected level.
        tests: number of cells with a p, for which p was corrected.
    """

    p: Mapping[Cell, float | None]
    tests: int


def holm(p: Mapping[Cell, float | None]) -> HolmAdjusted[Cell]:
    """Holm's step-down correction (Holm 1979, Scandinavian Journal of Statistics 6, 65-70).

    If cells with a corrected p of at most .05 are called different, the chance that one or more of those calls is
    wrong is at most 5%, however the tests depend on each other.

    Args:
        p: the p value by cell, None if nothing was tested; this does not count as a test.

    Raises:
        ValueError: A p is NaN or not between 0 and 1.
    """
    from statsmodels.stats.multitest import multipletests  # slow to import, and only tables need it

    tested = {cell: share(f"p[{cell!r}]", value) for cell, value in p.items() if value is not None}
    gc.freeze()  # multipletests collects garbage, which takes a second with a million records in memory
    try:
        corrected = multipletests(list(tested.values()), method="holm")[1] if tested else []
    finally:
        gc.unfreeze()
    found = dict(zip(tested, map(float, corrected), strict=True))
    return HolmAdjusted({cell: found.get(cell) for cell in p}, len(tested))
