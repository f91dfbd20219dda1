"""Robustness beyond what clean accuracy predicts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from alumbench.statistics.inputs import Floats, finite, in_order

#: With fewer reference models the line is not reliable.
LEAST_MODELS = 8
#: Minimum share of the spread of clean accuracies that is not sampling error; below, the slope is too flat by a fifth.
LEAST_RELIABILITY = 0.8


@dataclass(frozen=True)
class Line:
    """logit(shifted accuracy) = intercept + slope * logit(clean accuracy), over reference models.

    Attributes:
        intercept: on the logit scale.
        slope: the same.
        r: Pearson correlation of the logits.
        models: reference models.
    """

    intercept: float
    slope: float
    r: float
    models: int


@dataclass(frozen=True)
class Residual:
    """One model's distance from the line.

    Attributes:
        value: its shifted accuracy minus the line's at its clean accuracy, as a share.
        low: lower end of its prediction interval; None for reference models, to which the line was fitted.
        high: upper end.
        p: two-sided p of the hypothesis that the model is on the line; None for reference models.
    """

    value: float
    low: float | None
    high: float | None
    p: float | None


@dataclass(frozen=True)
class EffectiveRobustness:
    """The line and each model's residual, or why they are withheld.

    Attributes:
        line: None if withheld.
        residuals: by model, empty if withheld.
        reason: why they are withheld, '' if they are not.
    """

    line: Line | None
    residuals: Mapping[str, Residual]
    reason: str = ""


def effective_robustness(
    clean: Mapping[str, float],
    shifted: Mapping[str, float],
    reference: Collection[str],
    n_clean: int,
    n_shifted: int,
    confidence: float = 0.95,
) -> EffectiveRobustness:
    """rho(f) = acc_shifted(f) - beta(acc_clean(f)), beta linear on the logit scale (Taori et al. 2020, section 2).

    Measuring Robustness to Natural Distribution Shifts in Image Classification, arXiv:2007.00644; least squares over
    the reference models as in the authors' `imagenet-testbed`. Accuracies of 0 and 1 have no logit: their code
    leaves them infinite (and fits ImageNet-A, where one is 0 by construction, in two pieces); here accuracies are
    kept half an example away from 0 and 1. The intervals are the line's prediction intervals for one more model.
    They are ours, not the paper's, and assume independent models with equal variance about the line.

    Args:
        clean: accuracy on clean examples, by model.
        shifted: accuracy under shift or attack, by model.
        reference: models to fit the line to: trained as usual, without an intervention.
        n_clean: examples behind each clean accuracy.
        n_shifted: examples behind each shifted accuracy.
        confidence: of the prediction intervals.

    Returns:
        For the models that have both accuracies. Withheld with fewer than 8 reference models, or if sampling error is
        more than a fifth of the variance of their clean logits, which makes the line too flat by as much
        (Fuller 1987, Measurement Error Models, chapter 1).

    Raises:
        ValueError: An accuracy is not between 0 and 1 or NaN, a size is below 1, or a reference has no accuracies.
    """
    names = sorted(clean.keys() & shifted.keys())
    for name in reference:
        if name not in names:
            raise ValueError(f"reference {name!r} lacks an accuracy")
    if not 0 < finite("confidence", confidence) < 1:
        raise ValueError(f"confidence is {confidence!r}, which is not strictly between 0 and 1")
    x, y = _logits("clean", clean, names, n_clean), _logits("shifted", shifted, names, n_shifted)
    draws_line = np.isin(names, sorted(reference))
    reason = _too_little(x[draws_line], n_clean)
    if reason:
        return EffectiveRobustness(None, {}, reason)
    fit = stats.linregress(x[draws_line], y[draws_line])
    line = Line(float(fit.intercept), float(fit.slope), float(fit.rvalue), int(draws_line.sum()))
    at = line.intercept + line.slope * x
    spread = _prediction_spread(x[draws_line], y[draws_line] - at[draws_line], x)
    student = stats.t(line.models - 2)
    half = student.ppf(0.5 + confidence / 2) * spread
    values = in_order("shifted", shifted, names)
    residuals = {}
    for i, name in enumerate(names):
        ends = p = None
        if not draws_line[i] and spread[i] > 0:
            ends = [float(values[i] - special.expit(at[i] + sign * half[i])) for sign in (1, -1)]
            p = float(2 * student.sf(abs(y[i] - at[i]) / spread[i]))
        low, high = ends or (None, None)
        residuals[name] = Residual(float(values[i] - special.expit(at[i])), low, high, p)
    return EffectiveRobustness(line, residuals)


def _logits(what: str, accuracies: Mapping[str, float], names: list[str], n: int) -> Floats:
    """Logits of the accuracies, each kept half an example away from 0 and 1, shape (models,)."""
    if finite(f"n_{what}", n) < 1:
        raise ValueError(f"n_{what} is {n!r}, which is less than 1")
    values = in_order(what, accuracies, names)
    for name, value in zip(names, values, strict=True):
        if not 0 <= value <= 1:
            raise ValueError(f"{what}[{name!r}] is {value!r}, which is not between 0 and 1")
    return np.asarray(special.logit(np.clip(values, 0.5 / n, 1 - 0.5 / n)), dtype=np.float64)


def _too_little(x: Floats, n: int) -> str:
    """The reason why no line can be fitted to these clean logits, '' if it can."""
    if len(x) < LEAST_MODELS:
        return f"{len(x)} reference models, and a reliable line needs {LEAST_MODELS}"
    accuracy = special.expit(x)
    error = float(np.mean(1 / (n * accuracy * (1 - accuracy))))  # variance of a logit, by the delta method
    variance = float(np.var(x, ddof=1))
    reliability = max(0.0, 1 - error / variance) if variance > 0 else 0.0
    if reliability < LEAST_RELIABILITY:
        return (
            f"clean accuracies of the reference models are too similar: {reliability:.0%} of their spread is more than "
            f"sampling error at n={n}, and a line needs {LEAST_RELIABILITY:.0%}"
        )
    return ""


def _prediction_spread(x: Floats, residuals: Floats, at: Floats) -> Floats:
    """Standard error of one more model's logit about a least-squares line, shape of `at`."""
    variance = float(residuals @ residuals) / (len(x) - 2)
    centred = x - x.mean()
    spread = np.sqrt(variance * (1 + 1 / len(x) + (at - x.mean()) ** 2 / (centred @ centred)))
    return np.asarray(spread, dtype=np.float64)
