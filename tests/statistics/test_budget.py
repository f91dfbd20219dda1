"""Success against budget: by hand, its denominators, and that it never falls."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumbench.statistics import Attempt, proportion, success_within

ATTEMPTS = st.lists(st.builds(Attempt, st.sampled_from([True, False, None]), st.integers(0, 1200)), max_size=40)


def test_by_hand():
    attempts = [Attempt(True, 40), Attempt(True, 50), Attempt(True, 51), Attempt(False, 12), Attempt(None, 7)]
    found = success_within(attempts, [100, 50, 49, 0])
    assert [point.budget for point in found] == [0, 49, 50, 100]
    assert [point.rate for point in found] == [proportion(count, 5) for count in (0, 1, 2, 3)]
    assert {point.unknown for point in found} == {1}


@given(ATTEMPTS, st.lists(st.integers(0, 1500), min_size=1, max_size=6))
def test_it_never_falls_and_order_changes_nothing(attempts, budgets):
    found = success_within(attempts, budgets)
    assert success_within(attempts[::-1], budgets[::-1]) == found
    if not attempts:
        assert {(point.rate, point.reason) for point in found} == {(None, "no example was attacked")}
        return
    counts = [point.rate.count for point in found]
    assert counts == sorted(counts)
    assert {point.rate.n for point in found} == {len(attempts)}
    assert success_within(attempts, [1200])[0].rate.count == sum(attempt.broken is True for attempt in attempts)


def test_beyond_the_attacks_own_limit_nothing_was_measured():
    found = success_within([Attempt(True, 30), Attempt(False, 500)], limit=500)
    assert [point.budget for point in found] == [50, 100, 500, 1000]
    assert [point.rate is None for point in found] == [False, False, False, True]
    assert found[-1].reason == "the attack stopped at 500 queries"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: success_within([], [-1]), "budget is -1"),
        (lambda: success_within([Attempt(True, -3)]), "attempts\\[0\\].queries is -3"),
        (lambda: success_within([], limit=-5), "limit is -5"),
    ],
)
def test_negative_counts_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
