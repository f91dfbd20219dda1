"""Relative drop: by hand, against scipy's bootstrap of a ratio, and its coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from alumbench.statistics import relative_drop
from tests.statistics import populations
from tests.statistics.test_bootstrap import expanded, monte_carlo


def attacked(rng, n, accuracy, broken):
    """Answers before an attack and under it; it breaks a share of those that are right."""
    clean = rng.random(n) < accuracy
    return clean, clean & (rng.random(n) >= broken)


def test_by_hand():
    """Of twenty right, five still are under attack; one more is only in one of the two."""
    clean = {f"{i:02}": i < 20 for i in range(25)}
    found = relative_drop(clean | {"clean only": True}, {i: int(i) < 5 for i in clean})
    assert (found.value, found.n, found.clusters, found.reason) == (0.75, 25, 25, "")
    assert 0.4 < found.low < 0.75 < found.high < 1
    assert relative_drop({"a": True, "b": False}, {"a": True, "b": True}).value == -1.0


@pytest.mark.parametrize(
    ("clean", "adversarial", "value", "reason"),
    [
        ({"a": False, "b": False}, {"a": False, "b": True}, None, "clean accuracy is 0"),
        ({"a": True}, {"b": True}, None, "no example is in both"),
        ({"a": True}, {"a": False}, 1.0, "one cluster"),
        ({"a": True, "b": True}, {"a": False, "b": False}, 1.0, "all 2 clusters are alike"),
        ({"a": True, "b": True, "c": False}, {"a": True, "b": False, "c": False}, 0.5, "not defined in"),
    ],
)
def test_what_is_not_defined_has_a_reason(clean, adversarial, value, reason):
    found = relative_drop(clean, adversarial)
    assert found.value == value
    assert (found.low, found.high) == (None, None)
    assert reason in found.reason


def test_negative_values_are_refused():
    with pytest.raises(ValueError, match="clean\\['b'\\] is negative"):
        relative_drop({"a": 1, "b": -1}, {"a": 1, "b": 1})


def test_equals_scipy_within_monte_carlo_error():
    clean, adversarial = attacked(np.random.default_rng(0), 400, 0.9, 0.6)

    def drop(clean, adversarial, axis=-1):
        return 1 - adversarial.mean(axis=axis) / clean.mean(axis=axis)

    confidence = expanded(0.95, 400)
    theirs = stats.bootstrap(
        (clean.astype(float), adversarial.astype(float)),
        drop,
        paired=True,
        n_resamples=10_000,
        batch=1000,
        confidence_level=confidence,
        method="percentile",
        rng=1,
    )
    found = relative_drop(populations.named(clean), populations.named(adversarial))
    near = monte_carlo(theirs.standard_error, confidence, 10_000)
    assert found.value == pytest.approx(drop(clean, adversarial), abs=1e-12)
    interval = theirs.confidence_interval
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=near)


def test_coverage_at_nominal_95_with_premises_of_four():
    """Whole premises are broken or not, so the examples of one are no independent evidence."""
    rng, rounds, covered = np.random.default_rng(0), 500, np.zeros(2)
    for at in range(rounds):
        clean = rng.random((80, 4)) < 0.85
        adversarial = clean & (rng.random((80, 1)) >= 0.6)
        sides = [populations.named(values.ravel()) for values in (clean, adversarial)]
        of = {i: str(k // 4) for k, i in enumerate(sides[0])}
        for i, clusters in enumerate((of, None)):
            found = relative_drop(*sides, clusters, draws=1000, seed=at)
            covered[i] += found.low <= 0.6 <= found.high
    assert 0.93 <= covered[0] / rounds <= 0.97
    assert covered[1] / rounds < 0.8
