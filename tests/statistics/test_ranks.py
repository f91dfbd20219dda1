"""Tied ranks: by hand, their properties, and their error by simulation."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumbench.statistics import holm, paired_difference, tied_ranks
from tests.statistics import populations

ROWS = "abcdef"


@st.composite
def tables(draw):
    """Values of up to six rows, and p of some of their pairs, either way around."""
    rows = draw(st.lists(st.sampled_from(ROWS), min_size=1, unique=True))
    values = {row: draw(st.integers(0, 4)) / 4 for row in rows}
    p = {}
    for one, other in combinations(rows, 2):
        pair = (one, other) if draw(st.booleans()) else (other, one)
        p[pair] = draw(st.sampled_from([None, 0.001, 0.05, 0.051, 1.0]))
    return values, {pair: value for pair, value in p.items() if value is not None or draw(st.booleans())}


def places(found):
    return {rank.row: (rank.best, rank.worst) for rank in found}


def test_by_hand():
    """A and B both beat D; C is told apart from none."""
    values = {"D": 0.6, "C": 0.7, "A": 0.9, "B": 0.85}
    found = tied_ranks(values, {("A", "D"): 0.001, ("D", "B"): 0.04, ("A", "B"): 0.6, ("C", "D"): None})
    assert [rank.row for rank in found] == ["A", "B", "C", "D"]
    assert places(found) == {"A": (1, 3), "B": (1, 3), "C": (1, 4), "D": (3, 4)}
    assert [rank.tied for rank in found] == [("B", "C"), ("A", "C"), ("A", "B", "D"), ("C",)]


def test_a_row_never_ranks_behind_one_it_beats():
    """A and B beat C and C beats D, but no test tells A or B from D: counting tests alone would put D before C."""
    found = tied_ranks(
        {"A": 0.9, "B": 0.88, "C": 0.8, "D": 0.7},
        {("A", "C"): 0.01, ("B", "C"): 0.01, ("C", "D"): 0.01, ("A", "D"): 0.2, ("B", "D"): 0.3},
    )
    assert places(found) == {"A": (1, 2), "B": (1, 2), "C": (3, 3), "D": (4, 4)}


@given(tables())
def test_properties(table):
    values, p = table
    found = {rank.row: rank for rank in tied_ranks(values, p)}
    assert [rank.value for rank in found.values()] == sorted(values.values(), reverse=True)
    for (one, other), value in p.items():
        if value is not None and value <= 0.05 and values[one] != values[other]:
            better, worse = sorted((one, other), key=values.get, reverse=True)
            assert found[better].best < found[worse].best
            assert found[better].worst < found[worse].worst
            assert worse not in found[better].tied
    for row, rank in found.items():
        assert 1 <= rank.best <= rank.worst <= len(values)
        assert all(row in found[other].tied for other in rank.tied)
        assert {other for other in values if other != row and found[other].best == rank.best} <= set(rank.tied)
        assert rank.worst - rank.best == len(rank.tied)


@given(tables(), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_pairs_changes_nothing(table, random):
    values, p = table
    rows, pairs = list(values), list(p)
    random.shuffle(rows)
    random.shuffle(pairs)
    turned = {(pair if random.random() < 0.5 else pair[::-1]): p[pair] for pair in pairs}
    assert tied_ranks({row: values[row] for row in rows}, turned) == tied_ranks(values, p)


def test_nothing_told_apart_is_one_group():
    found = tied_ranks(dict.fromkeys(ROWS, 0.5), dict.fromkeys(combinations(ROWS, 2), 0.0))  # equal values: no better
    assert {(rank.best, rank.worst) for rank in found} == {(1, 6)}
    assert tied_ranks({}, {}) == []


@pytest.mark.parametrize(
    ("p", "message"),
    [
        ({("a", "a"): 0.5}, "is not of two of the rows"),
        ({("a", "z"): 0.5}, "is not of two of the rows"),
        ({("a", "b"): 0.5, ("b", "a"): 0.4}, "the other way around"),
        ({("a", "b"): 1.5}, "is not between 0 and 1"),
    ],
)
def test_pairs_that_make_no_sense_are_refused(p, message):
    with pytest.raises(ValueError, match=message):
        tied_ranks({"a": 1, "b": 2}, p)


def test_true_ranks_lie_between_best_and_worst():
    """Five models in two true groups, McNemar on 200 shared examples, Holm: all ranks right in 19 tables of 20."""
    rng, rounds, right, told = np.random.default_rng(0), 300, 0, 0
    truth = {"a": 0.9, "b": 0.9, "c": 0.75, "d": 0.75, "e": 0.75}
    for _ in range(rounds):
        answers = {row: populations.named(rng.random(200) < share) for row, share in truth.items()}
        p = {pair: paired_difference(*(answers[row] for row in pair)).p for pair in combinations(truth, 2)}
        found = places(tied_ranks({row: np.mean([*a.values()]) for row, a in answers.items()}, holm(p).p))
        # Equal rows may take any rank of their group.
        right += all(found[row][0] <= 1 and found[row][1] >= 2 for row in "ab") and all(
            found[row][0] <= 3 and found[row][1] >= 5 for row in "cde"
        )
        told += found["a"][1] < 5
    assert right / rounds >= 0.95 - 2 * (0.05 * 0.95 / rounds) ** 0.5
    assert told / rounds > 0.5  # and not because nothing is ever told apart
