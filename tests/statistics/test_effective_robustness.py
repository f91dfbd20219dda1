"""Effective robustness: exact on a known line, its intervals against statsmodels, and when it is withheld."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from scipy.special import expit, logit

from alumbench.statistics import effective_robustness

CLEAN = {f"m{i}": 0.7 + 0.025 * i for i in range(10)}
N = 5000


def on_the_line(clean, intercept=-1.2, slope=0.8):
    return {name: float(expit(intercept + slope * logit(value))) for name, value in clean.items()}


def scattered(seed, spread=0.1):
    rng = np.random.default_rng(seed)
    return {name: float(expit(logit(value) + rng.normal(0, spread))) for name, value in on_the_line(CLEAN).items()}


def test_a_model_above_a_known_line():
    shifted = on_the_line(CLEAN) | {"robust": 0.55}
    clean = CLEAN | {"robust": 0.8, "only clean": 0.9}
    found = effective_robustness(clean, shifted, CLEAN, N, N)
    assert (found.line.intercept, found.line.slope, found.line.r) == pytest.approx((-1.2, 0.8, 1.0), abs=1e-9)
    assert found.line.models == 10
    assert set(found.residuals) == {*CLEAN, "robust"}
    assert found.residuals["robust"].value == pytest.approx(0.55 - expit(-1.2 + 0.8 * logit(0.8)), abs=1e-9)
    assert found.residuals["m3"].value == pytest.approx(0, abs=1e-9)
    assert found.residuals["m3"].low is found.residuals["m3"].p is None


def test_intervals_equal_statsmodels():
    clean, shifted = CLEAN | {"x": 0.85}, scattered(0) | {"x": 0.7}
    found = effective_robustness(clean, shifted, list(CLEAN), N, N)
    names = sorted(CLEAN)
    x, y = (logit([side[name] for name in names]) for side in (clean, shifted))
    fit = sm.OLS(y, sm.add_constant(x)).fit()
    at = fit.get_prediction([[1.0, logit(0.85)]])
    low, high = at.conf_int(obs=True, alpha=0.05)[0]
    residual = found.residuals["x"]
    assert (found.line.intercept, found.line.slope) == pytest.approx(tuple(fit.params), abs=1e-9)
    assert residual.value == pytest.approx(0.7 - expit(at.predicted[0]), abs=1e-9)
    assert (residual.low, residual.high) == pytest.approx((0.7 - expit(high), 0.7 - expit(low)), abs=1e-9)
    assert residual.low < residual.value < residual.high
    assert (residual.p <= 0.05) == (residual.low > 0 or residual.high < 0)


def test_one_more_model_of_the_line_is_inside_nineteen_times_in_twenty():
    rng, rounds, inside, surprising = np.random.default_rng(1), 600, 0, 0
    for seed in range(rounds):
        clean = float(rng.uniform(0.7, 0.92))
        shifted = float(expit(logit(on_the_line({"x": clean})["x"]) + rng.normal(0, 0.1)))
        found = effective_robustness(CLEAN | {"x": clean}, scattered(seed) | {"x": shifted}, CLEAN, N, N).residuals["x"]
        inside += found.low <= 0 <= found.high
        surprising += found.p <= 0.05
    assert 0.93 <= inside / rounds <= 0.97
    assert surprising == rounds - inside


def test_an_accuracy_of_0_or_1_is_half_an_example_from_it():
    clean, shifted = CLEAN | {"sure": 1.0}, scattered(0) | {"sure": 0.0}
    found = effective_robustness(clean, shifted, clean, N, 2 * N).line
    names = sorted(clean)
    by_hand = stats.linregress(
        logit([min(clean[name], 1 - 0.5 / N) for name in names]),
        logit([max(shifted[name], 0.25 / N) for name in names]),
    )
    assert (found.intercept, found.slope) == pytest.approx((by_hand.intercept, by_hand.slope), abs=1e-9)


@pytest.mark.parametrize(
    ("clean", "reference", "n", "reason"),
    [
        (CLEAN, sorted(CLEAN)[:7], N, "7 reference models, and a reliable line needs 8"),
        (CLEAN, [], N, "0 reference models"),
        (dict.fromkeys(CLEAN, 0.9), CLEAN, N, "too similar: 0%"),
        ({name: 0.9 + value / 100 for name, value in CLEAN.items()}, CLEAN, 872, "too similar: 0%"),
        (CLEAN, CLEAN, 40, "too similar"),
    ],
)
def test_too_little_to_draw_a_line_is_withheld(clean, reference, n, reason):
    found = effective_robustness(clean, scattered(0), reference, n, N)
    assert (found.line, found.residuals) == (None, {})
    assert reason in found.reason


def test_order_changes_nothing():
    clean, shifted = CLEAN | {"x": 0.85}, scattered(0) | {"x": 0.7}
    backwards = (dict(reversed(side.items())) for side in (clean, shifted))
    assert effective_robustness(*backwards, sorted(CLEAN)[::-1], N, N) == effective_robustness(
        clean, shifted, CLEAN, N, N
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clean": CLEAN | {"m2": 1.2}}, "clean\\['m2'\\] is"),
        ({"shifted": CLEAN | {"m2": -0.1}}, "shifted\\['m2'\\] is"),
        ({"reference": ["nobody"]}, "reference 'nobody' lacks an accuracy"),
        ({"n_shifted": 0}, "n_shifted is 0"),
        ({"confidence": 95}, "confidence is 95"),
    ],
)
def test_what_makes_no_sense_is_refused(change, message):
    arguments = {"clean": CLEAN, "shifted": CLEAN, "reference": CLEAN, "n_clean": N, "n_shifted": N} | change
    with pytest.raises(ValueError, match=message):
        effective_robustness(**arguments)
