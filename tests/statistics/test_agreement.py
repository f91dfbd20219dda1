"""The bound where nothing differs, against scipy's exact interval."""

from __future__ import annotations

import pytest
from scipy import stats

from alumbench.statistics import largest_unseen, p_of_unseen


@pytest.mark.parametrize("n", [1, 78, 872])
def test_it_is_the_exact_interval_of_none_in_n(n: int) -> None:
    exact = stats.binomtest(0, n).proportion_ci(0.95, method="exact")
    assert largest_unseen(n) == pytest.approx(exact.high, abs=1e-12)
    assert p_of_unseen(n, largest_unseen(n)) == pytest.approx(0.05)


def test_p_falls_with_n_and_is_one_for_no_difference() -> None:
    assert p_of_unseen(100, 0.0) == 1.0
    assert p_of_unseen(200, 0.03) < p_of_unseen(100, 0.03) < 0.1
