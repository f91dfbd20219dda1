"""R21: what a sample size can show, against the published figures, an exact sum and simulation."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import stats

from alumbench.statistics import detectable_difference


@pytest.mark.parametrize(
    ("n", "low", "high"),
    [
        (78, 12.4, 17.6),
        (148, 9.2, 13.0),
        (200, 7.9, 11.0),
        (500, 5.0, 7.1),
        (1000, 3.5, 4.9),
        (1200, 3.2, 4.4),
        (3200, 1.9, 2.7),
    ],
)
def test_detectable_difference_is_the_published_figure(n, low, high):
    """EVALUATION.md, 'A against B': 80% power, discordance .15 and .30."""
    assert 100 * detectable_difference(n, 0.15) == pytest.approx(low, abs=0.3)
    assert 100 * detectable_difference(n, 0.30) == pytest.approx(high, abs=0.3)


@pytest.mark.parametrize("n", [148, 500])
def test_detectable_difference_is_found_four_times_in_five(n):
    rng = np.random.default_rng(0)
    difference = detectable_difference(n, 0.15)
    pairs = rng.binomial(n, 0.15, 20_000)
    better = rng.binomial(pairs, (0.15 + difference) / 0.30)
    p = np.minimum(1.0, 2 * stats.binom.cdf(np.minimum(better, pairs - better), pairs, 0.5))
    assert np.mean(p <= 0.05) == pytest.approx(0.8, abs=0.02)


def test_too_few_examples_show_nothing():
    assert detectable_difference(10, 0.15) is None
    assert detectable_difference(0, 0.15) is None


@pytest.mark.parametrize(
    ("n", "low", "high"),
    [
        (78, 0.12323181776651033, 0.17820594763996975),
        (148, 0.0914794353177371, 0.12930596242291698),
        (200, 0.07940370926080671, 0.1112390666646074),
        (500, 0.049858407795351736, 0.0701277977099175),
        (872, 0.03759806439163866, 0.052872871808903016),
        (1000, 0.03507901885910466, 0.04934525319710012),
        (1200, 0.031963739251518936, 0.04500847537008398),
        (3200, 0.0194607262359769, 0.02742477392951222),
    ],
)
def test_the_fast_sum_gives_what_the_slow_one_gave(n, low, high):
    """Computed term by term with scipy 1.17.1 before the sum was vectorised."""
    assert detectable_difference(n, 0.15) == pytest.approx(low, abs=1e-6)
    assert detectable_difference(n, 0.30) == pytest.approx(high, abs=1e-6)


@pytest.mark.parametrize(("n", "alpha", "power"), [(30, 1 / 32, 0.5), (60, 0.05, 0.8)])
def test_power_is_the_chance_of_all_tables_that_the_test_rejects(n, alpha, power):
    """At 1/32 a table of six against none is rejected with p exactly alpha."""
    difference = detectable_difference(n, 0.3, power, alpha)
    reached = sum(
        stats.multinomial.pmf([a, b, n - a - b], n, [(0.3 - difference) / 2, (0.3 + difference) / 2, 0.7])
        for a in range(n + 1)
        for b in range(n + 1 - a)
        if a + b and stats.binomtest(a, a + b).pvalue <= alpha
    )
    assert reached == pytest.approx(power, abs=1e-3)  # the difference is found to 1e-4


def test_large_sizes_are_fast_and_follow_the_root_of_n():
    detectable_difference.cache_clear()
    start = time.process_time()
    found = {n: detectable_difference(n) for n in (10_000, 40_000, 1_000_000)}
    assert time.process_time() - start < 5  # a tenth of a second; term by term it took minutes
    assert found[10_000] / found[40_000] == pytest.approx(2, rel=0.02)
    assert found[1_000_000] == pytest.approx(2.8016 * (0.15 / 1_000_000) ** 0.5, rel=0.02)  # z.975 + z.8


def test_power_grows_with_n():
    found = [detectable_difference(n, 0.2) for n in range(60, 400, 20)]
    assert all(later <= earlier + 0.005 for earlier, later in zip(found, found[1:], strict=False))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n": -1}, "n is -1"),
        ({"n": float("nan")}, "n is nan"),
        ({"discordance": float("nan")}, "discordance is nan"),
        ({"discordance": 1.5}, "discordance is 1.5"),
        ({"power": float("inf")}, "power is inf"),
        ({"power": 0.05}, "power is 0.05"),
        ({"alpha": -0.1}, "alpha is -0.1"),
    ],
)
def test_what_is_no_share_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        detectable_difference(**({"n": 100} | change))
