"""Attack success rate by query budget."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from alumbench.statistics.inputs import finite
from alumbench.statistics.proportion import Proportion, proportion

#: The protocol's budgets, in queries an example.
BUDGETS = (50, 100, 500, 1000)


@dataclass(frozen=True)
class Attempt:
    """The result of attacking one example.

    Attributes:
        broken: True if it was broken, None if an error or a timeout left that open.
        queries: queries to the model; for a broken example, until it was broken.
    """

    broken: bool | None
    queries: int


@dataclass(frozen=True)
class SuccessWithin:
    """The attack success rate with a budget.

    Attributes:
        budget: queries an example.
        rate: share of all attempts broken within the budget; None if `reason` says why.
        unknown: attempts that an error or a timeout cut short; they count as not broken, so the rate is a lower
            bound.
        reason: why there is no rate, '' if there is one.
    """

    budget: int
    rate: Proportion | None
    unknown: int
    reason: str = ""


def success_within(
    attempts: Iterable[Attempt], budgets: Sequence[int] = BUDGETS, limit: int | None = None, confidence: float = 0.95
) -> list[SuccessWithin]:
    """The share of attacked examples that are broken within each budget, with Wilson intervals.

    The denominator is the same at each budget: all examples attacked, that is, those that the model answers right at
    first, whatever the result. The curve never falls.

    Args:
        attempts: one for each example attacked.
        budgets: queries an example.
        limit: queries at which the attack stopped, None without a limit; nothing was measured beyond.
        confidence: nominal coverage.

    Returns:
        One a budget, in increasing order.

    Raises:
        ValueError: A budget, the limit or a number of queries is negative, NaN or infinite, or `broken` is
            not one of its three values.
    """
    attempts = list(attempts)
    for at, attempt in enumerate(attempts):
        _count(f"attempts[{at}].queries", attempt.queries)
        if attempt.broken not in (True, False, None):
            raise ValueError(f"attempts[{at}].broken is {attempt.broken!r}, which is neither true, false nor None")
    if limit is not None:
        _count("limit", limit)
    unknown = sum(attempt.broken is None for attempt in attempts)
    found = []
    for budget in sorted(set(budgets)):
        _count("budget", budget)
        if limit is not None and budget > limit:
            found.append(SuccessWithin(budget, None, unknown, f"the attack stopped at {limit} queries"))
        elif not attempts:
            found.append(SuccessWithin(budget, None, unknown, "no example was attacked"))
        else:
            broken = sum(bool(attempt.broken) and attempt.queries <= budget for attempt in attempts)
            found.append(SuccessWithin(budget, proportion(broken, len(attempts), confidence), unknown))
    return found


def _count(name: str, value: float) -> None:
    if finite(name, value) < 0:
        raise ValueError(f"{name} is {value!r}, which is negative")
