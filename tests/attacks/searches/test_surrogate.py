"""The Gaussian process of Bayesian optimization: its kernel, what it proposes, and which rows it keeps."""

from __future__ import annotations

import numpy as np
import pytest

from alumbench.attacks.surrogate import (
    Overlap,
    Surrogate,
    batch_of,
    expected_improvement,
    farthest,
    probability_above,
)


def rows_of(number: int, places: int, choices: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, choices, (number, places))


@pytest.mark.parametrize("places", [1, 2, 6])
def test_the_kernel_is_the_papers_and_its_gradient_is_that_of_finite_differences(places: int) -> None:
    rows, weights = rows_of(8, places), np.linspace(0.2, 1.7, places)
    values, gradient = Overlap(weights)(rows, eval_gradient=True)
    for one in range(8):
        for other in range(8):
            differ = sum(weight for weight, a, b in zip(weights, rows[one], rows[other], strict=True) if a != b)
            assert values[one, other] == pytest.approx(np.exp(-differ))
    assert np.linalg.eigvalsh(values).min() > -1e-10
    for place in range(places):
        step = np.where(np.arange(places) == place, 1e-5, 0)
        after, before = (Overlap(weights * np.exp(sign * step))(rows) for sign in (1, -1))
        assert gradient[:, :, place] == pytest.approx((after - before) / 2e-5, abs=1e-8)
    assert Overlap(weights)(rows, rows[:3]) == pytest.approx(values[:, :3])


def test_places_that_matter_get_large_weights_and_predictions_follow_them() -> None:
    rows = rows_of(60, 8)
    values = 3.0 * (rows[:, 2] == 1) + 1.5 * (rows[:, 5] == 2)
    process = Surrogate(8)
    for number in (20, 40, 60):
        process.fit(rows[:number], values[:number])
    assert set(process.weights.argsort()[-2:]) == {2, 5}
    new = rows_of(200, 8, seed=1)
    mean, deviation = process.predict(new)
    truth = 3.0 * (new[:, 2] == 1) + 1.5 * (new[:, 5] == 2)
    assert np.corrcoef(mean, truth)[0, 1] > 0.95
    assert np.mean(np.abs(mean - truth) < 3 * deviation) > 0.9
    again, spread = process.covariance(new[:5])
    assert again == pytest.approx(mean[:5]) and np.sqrt(np.diag(spread)) == pytest.approx(deviation[:5])
    assert process.predict(rows)[0] == pytest.approx(values, abs=0.2)


@pytest.mark.parametrize(("mean", "deviation", "best"), [(0.0, 1.0, 0.0), (1.0, 0.5, 0.3), (-2.0, 0.1, 0.0)])
def test_expected_improvement_and_probability_are_those_of_draws(mean: float, deviation: float, best: float) -> None:
    draws = np.random.default_rng(0).normal(mean, deviation, 400_000)
    at = np.array([mean]), np.array([deviation])
    error = 5 * deviation / np.sqrt(len(draws))
    assert expected_improvement(*at, best)[0] == pytest.approx(np.maximum(best - draws, 0).mean(), abs=error)
    assert probability_above(best, *at)[0] == pytest.approx((draws > best).mean(), abs=0.005)


def test_what_is_certain_improves_by_its_difference() -> None:
    assert expected_improvement(np.array([1.0, 3.0]), np.zeros(2), 2.0) == pytest.approx([1.0, 0.0])


def test_a_batch_has_no_two_that_say_the_same() -> None:
    """The first two are nearly one; the third promises a little less and is independent."""
    mean = np.array([0.0, 0.0, 0.1])
    covariance = np.array([[1.0, 0.999, 0.0], [0.999, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert batch_of(2, mean, covariance, 0.0) == [0, 2]
    assert batch_of(9, mean, covariance, 0.0) == [0, 2, 1]
    assert batch_of(2, mean[:1], covariance[:1, :1], 0.0) == [0]


def test_rows_kept_are_far_apart_and_have_the_first() -> None:
    rows = np.vstack([np.zeros((5, 4)), np.ones((5, 4)), np.full((1, 4), 2), [[0, 0, 0, 1]]]).astype(int)
    assert farthest(rows, 3, 1).tolist() == [1, 5, 10]
    assert farthest(rows, 4, 1).tolist() == [1, 5, 10, 11]
    assert farthest(rows, 12, 4).tolist() == list(range(12))
