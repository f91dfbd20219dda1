"""R21: the Wilson interval against its formula, scipy, and its nominal coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from alumbench.statistics import proportion


def wilson(count, n, confidence):
    """Wilson 1927, written out: roots of (p - x)^2 = z^2 x (1 - x) / n."""
    z = stats.norm.ppf(0.5 + confidence / 2)
    p = count / n
    a, b, c = 1 + z**2 / n, -(2 * p + z**2 / n), p**2
    root = np.sqrt(max(0.0, b**2 - 4 * a * c))
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
@pytest.mark.parametrize(("count", "n"), [(0, 1), (1, 1), (0, 78), (78, 78), (1, 148), (61, 148), (997, 1000)])
def test_wilson_equals_formula_and_scipy(count, n, confidence):
    p = proportion(count, n, confidence)
    interval = stats.binomtest(count, n).proportion_ci(confidence, method="wilson")
    assert (p.count, p.n, p.value) == (count, n, count / n)
    assert (p.low, p.high) == pytest.approx((interval.low, interval.high), abs=1e-9)
    assert (p.low, p.high) == pytest.approx(wilson(count, n, confidence), abs=1e-9)
    assert 0 <= p.low <= p.value <= p.high <= 1


def test_wilson_equals_statsmodels():
    for n in (1, 78, 872, 10_000):
        for count in {0, 1, n // 3, n}:
            for confidence in (0.9, 0.95):
                p = proportion(count, n, confidence)
                theirs = proportion_confint(count, n, 1 - confidence, method="wilson")
                assert (p.low, p.high) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize(("count", "n"), [(0.25, 3), (10.5, 20), (2.999999, 3), (871.2, 872), (1e-9, 5)])
def test_fractional_count_follows_the_same_formula(count, n):
    p = proportion(count, n)
    assert (p.low, p.high) == pytest.approx(wilson(count, n, 0.95), abs=1e-9)
    assert 0 <= p.low <= p.high <= 1


def test_a_whole_float_and_its_neighbour_agree():
    whole, beside = proportion(7.0, 20), proportion(7.0 + 1e-12, 20)
    assert (whole.low, whole.high) == pytest.approx((beside.low, beside.high), abs=1e-9)


def test_what_was_asked_before_changes_nothing():
    for first, second in ((5, 5.0), (6.0, 6)):
        proportion(first, 10)
        assert type(proportion(second, 10).count) is type(second)


def test_known_value():
    """Newcombe 1998, table I: 81 of 263, 95%: .2553 to .3662."""
    p = proportion(81, 263)
    assert (round(p.low, 4), round(p.high, 4)) == (0.2553, 0.3662)


def test_no_trials_is_no_number():
    p = proportion(0, 0)
    assert (p.value, p.low, p.high) == (None, None, None)


@pytest.mark.parametrize(("count", "n"), [(-1, 5), (6, 5), (1, 0), (float("nan"), 5)])
def test_what_is_no_proportion_is_refused(count, n):
    with pytest.raises(ValueError, match="not a proportion"):
        proportion(count, n)


@pytest.mark.parametrize("confidence", [0, 1, 95, float("nan")])
def test_what_is_no_confidence_is_refused(confidence):
    with pytest.raises(ValueError, match="confidence is"):
        proportion(1, 2, confidence)


@pytest.mark.parametrize("n", [78, 200, 1000])
@pytest.mark.parametrize("seed", [1, 2])
def test_coverage_at_nominal_95(n, seed):
    rng = np.random.default_rng(seed)
    intervals = np.array([(p.low, p.high) for p in (proportion(count, n) for count in range(n + 1))])
    truth = rng.uniform(0.05, 0.95, 20_000)
    drawn = intervals[rng.binomial(n, truth)]
    covered = np.mean((drawn[:, 0] <= truth) & (truth <= drawn[:, 1]))
    assert 0.93 <= covered <= 0.97
