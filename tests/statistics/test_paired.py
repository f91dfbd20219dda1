"""R21: exact McNemar by hand and against scipy; what a sample size can show against the published figures."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from alumbench.statistics import detectable_difference, paired_difference


def table(both, only_a, only_b, neither):
    cells = [(True, True)] * both + [(True, False)] * only_a + [(False, True)] * only_b + [(False, False)] * neither
    return {str(i): a for i, (a, _) in enumerate(cells)}, {str(i): b for i, (_, b) in enumerate(cells)}


@pytest.mark.parametrize(
    ("cells", "difference", "p"),
    [
        ((10, 1, 5, 4), 4 / 20, 2 * (1 + 6) / 2**6),
        ((0, 5, 1, 0), -4 / 6, 2 * (1 + 6) / 2**6),
        ((3, 0, 4, 1), 4 / 8, 2 / 2**4),
        ((3, 2, 2, 1), 0.0, 1.0),
        ((5, 0, 0, 2), 0.0, 1.0),
        ((0, 0, 1, 0), 1.0, 1.0),
    ],
)
def test_mcnemar_by_hand(cells, difference, p):
    found = paired_difference(*table(*cells))
    assert (found.n, found.only_a, found.only_b) == (sum(cells), cells[1], cells[2])
    assert found.difference == pytest.approx(difference, abs=1e-12)
    assert found.p == pytest.approx(p, abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_mcnemar_equals_the_binomial_test(seed):
    rng = np.random.default_rng(seed)
    a, b = ({str(i): bool(x) for i, x in enumerate(rng.random(300) < share)} for share in (0.7, 0.78))
    found, swapped = paired_difference(a, b), paired_difference(b, a)
    only_a, only_b = sum(a[i] > b[i] for i in a), sum(b[i] > a[i] for i in a)
    tail = stats.binom.cdf(min(only_a, only_b), only_a + only_b, 0.5)
    assert found.p == pytest.approx(min(1.0, 2 * tail), abs=1e-9)
    assert found.p == pytest.approx(stats.binomtest(only_a, only_a + only_b).pvalue, abs=1e-9)
    assert (swapped.p, swapped.difference) == (pytest.approx(found.p, abs=1e-12), -found.difference)


def test_only_shared_examples_are_compared():
    a, b = {"1": True, "2": False, "only-a": True}, {"1": True, "2": True, "only-b": False}
    found = paired_difference(a, b)
    assert (found.n, found.difference, found.only_a, found.only_b) == (2, 0.5, 0, 1)
    nothing = paired_difference({"1": True}, {"2": True})
    assert (nothing.n, nothing.difference, nothing.p) == (0, None, 1.0)


def test_false_alarms_stay_below_alpha():
    """Two equally good models: the exact test is conservative, so p <= .05 comes up at most five times in a hundred."""
    rng = np.random.default_rng(3)
    alarms = 0
    for _ in range(400):
        sides = rng.integers(0, 2, rng.binomial(148, 0.15))
        alarms += paired_difference(*table(0, int((sides == 0).sum()), int((sides == 1).sum()), 0)).p <= 0.05
    assert 0 < alarms <= 0.06 * 400


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
