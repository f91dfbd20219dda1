"""A Gaussian process over products of choices: what the answers so far make of a member that was not scored."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.spatial.distance import cdist
from scipy.stats import norm
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Hyperparameter, Kernel, NormalizedKernelMixin, StationaryKernelMixin
from threadpoolctl import ThreadpoolController

#: Variance of the noise, as a share of that of the answers: what the kernel cannot explain.
NOISE = 1e-3
#: Standard deviation of the prior of a weight's logarithm. The paper has a gamma prior of its inverse.
SPREAD = 1.0
#: Iterations of each fit, which begins where the last ended; the paper has 3 steps of Adam.
ITERATIONS = 5


class Overlap(StationaryKernelMixin, NormalizedKernelMixin, Kernel):  # type: ignore[misc]
    """exp(-sum of the weights of the places that differ): the paper's categorical kernel (section 3.2).

    A row of its inputs has the number of the choice at each place. Weights are learnt place by place (automatic
    relevance determination), so that those that matter have large ones.

    Attributes:
        weights: one per place; the paper's 1 / (places * length scale).
        weights_bounds: the least and the largest of each.
    """

    def __init__(self, weights: np.ndarray, weights_bounds: tuple[float, float] = (1e-5, 1e5)) -> None:
        """Stores the weights."""
        self.weights, self.weights_bounds = weights, weights_bounds

    @property
    def hyperparameter_weights(self) -> Hyperparameter:
        """The weights, as scikit-learn optimizes them."""
        return Hyperparameter("weights", "numeric", self.weights_bounds, np.size(self.weights))

    def __call__(self, X: np.ndarray, Y: np.ndarray | None = None, eval_gradient: bool = False) -> Any:  # noqa: N803
        """The kernel between the rows of X and Y, (n, m), and its gradient in the weights' logarithms, (n, n, d)."""
        weights = np.atleast_1d(self.weights)  # scikit-learn makes a number of a single one
        other = X if Y is None else Y
        values = np.exp(-cdist(X, other, "hamming", w=weights) * weights.sum())
        if not eval_gradient:
            return values
        differ = X[:, None, :] != X[None, :, :]
        return values, -values[:, :, None] * differ * weights


class Surrogate:
    """A Gaussian process of one quantity, fitted again and again as rows are added.

    Fits and predictions use one thread: sums follow the number of threads, and results must not.
    """

    def __init__(self, places: int) -> None:
        """Starts with weights that say nothing: two rows that differ everywhere correlate by exp(-2)."""
        self._prior = np.full(places, np.log(2 / places))
        self._kernel = Overlap(np.exp(self._prior))
        self._process: Any = None

    @property
    def weights(self) -> np.ndarray:
        """How much each place matters, (places,)."""
        return np.atleast_1d(self._kernel.weights)

    def fit(self, rows: np.ndarray, values: np.ndarray) -> None:
        """Fits weights and process to these rows, (n, places), and their values, (n,)."""
        process = GaussianProcessRegressor(
            self._kernel, alpha=NOISE, optimizer=self._optimize, normalize_y=True, random_state=0
        )
        with _one_thread():
            self._process = process.fit(rows, values)
        self._kernel = self._process.kernel_

    def predict(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Means and standard deviations, (n,) each."""
        with _one_thread():
            mean, deviation = self._process.predict(rows, return_std=True)
        return mean, deviation

    def covariance(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Means, (n,), and covariances, (n, n)."""
        with _one_thread():
            mean, covariance = self._process.predict(rows, return_cov=True)
        return mean, covariance

    def _optimize(
        self, objective: Callable[..., Any], theta: np.ndarray, bounds: np.ndarray
    ) -> tuple[np.ndarray, float]:
        """A few steps towards the most probable weights; scikit-learn's objective is the likelihood alone."""

        def posterior(theta: np.ndarray) -> tuple[float, np.ndarray]:
            loss, gradient = objective(theta)
            away = (theta - self._prior) / SPREAD
            return loss + 0.5 * away @ away, gradient + away / SPREAD

        found = minimize(posterior, theta, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": ITERATIONS})
        return found.x, found.fun


def expected_improvement(mean: np.ndarray, deviation: np.ndarray, best: float) -> np.ndarray:
    """By how much values are expected to be below the best so far, (n,)."""
    deviation = np.maximum(deviation, 1e-9)
    z = (best - mean) / deviation
    improvement: np.ndarray = deviation * (z * norm.cdf(z) + norm.pdf(z))
    return improvement


def probability_above(threshold: float, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """The probability that a value is above the threshold, (n,)."""
    probability: np.ndarray = norm.cdf((mean - threshold) / np.maximum(deviation, 1e-9))
    return probability


def batch_of(number: int, mean: np.ndarray, covariance: np.ndarray, best: float) -> list[int]:
    """Numbers of the candidates to ask together: each is the best after the ones before had their expected answers.

    Args:
        number: how many at most.
        mean: of the candidates, (n,).
        covariance: of the candidates, (n, n).
        best: the best value so far.
    """
    chosen: list[int] = []
    for _ in range(min(number, len(mean))):
        improvement = expected_improvement(mean, np.sqrt(np.maximum(np.diag(covariance), 0)), best)
        improvement[chosen] = -1
        at = int(improvement.argmax())
        chosen.append(at)
        covariance = covariance - np.outer(covariance[at], covariance[at]) / (covariance[at, at] + 1e-9)
    return chosen


def farthest(rows: np.ndarray, number: int, first: int) -> np.ndarray:
    """Numbers of rows that are far from one another: each next one is the farthest from those before.

    Args:
        rows: (n, places).
        number: how many to choose.
        first: the one to begin with.
    """
    if len(rows) <= number:
        return np.arange(len(rows))
    chosen, distance = [first], cdist(rows, rows[[first]], "hamming")[:, 0]
    while len(chosen) < number:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, cdist(rows, rows[chosen[-1:]], "hamming")[:, 0])
    return np.array(sorted(chosen))


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def _one_thread() -> Any:
    return _controller().limit(limits=1)
