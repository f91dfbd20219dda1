"""Checks of inputs; error messages name the value that is not a finite number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def finite(name: str, value: Any) -> float:
    """The value as a float.

    Raises:
        ValueError: It is NaN, infinite or not a number; the message has its name.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{name} is {value!r}, which is not a finite number")
    return number


def share(name: str, value: Any) -> float:
    """The value as a float between 0 and 1.

    Raises:
        ValueError: It is not; the message has its name.
    """
    number = finite(name, value)
    if not 0 <= number <= 1:
        raise ValueError(f"{name} is {value!r}, which is not between 0 and 1")
    return number


def check_draws(draws: int, confidence: float) -> None:
    """Raises ValueError unless draws is at least 1 and the confidence is strictly between 0 and 1."""
    if finite("draws", draws) < 1:
        raise ValueError(f"draws is {draws!r}, which is less than 1")
    if not 0 < finite("confidence", confidence) < 1:
        raise ValueError(f"confidence is {confidence!r}, which is not strictly between 0 and 1")


def in_order(name: str, values: Mapping[str, float], ids: Sequence[str]) -> Floats:
    """The values of `ids` in their order, shape (ids,).

    Raises:
        ValueError: One is NaN, infinite or not a number; the message has its name and id.
    """
    try:
        found = np.fromiter((values[i] for i in ids), np.float64, len(ids))
    except (TypeError, ValueError):
        found = np.full(len(ids), np.nan)
    if not np.all(np.isfinite(found)):
        for i in ids:  # names the first
            finite(f"{name}[{i!r}]", values[i])
    return found


def shared_ids(runs: Iterable[Mapping[str, object]]) -> list[str]:
    """The ids that all runs have, sorted, so that results do not depend on the order or the hashes of the ids."""
    every = [set(run) for run in runs]
    return sorted(set.intersection(*every)) if every else []
