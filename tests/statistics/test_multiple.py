"""Holm's correction by hand, and its family-wise error by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from alumbench.statistics import holm

PS = st.dictionaries(st.text(max_size=3), st.none() | st.floats(0, 1), max_size=12)


def by_hand(p):
    """Holm 1979: the k-th least of m times m - k + 1, never less than the one before, at most 1."""
    order, corrected, least = sorted(p, key=p.get), {}, 0.0
    for k, cell in enumerate(order):
        least = max(least, min(1.0, p[cell] * (len(p) - k)))
        corrected[cell] = least
    return corrected


def test_holm_by_hand():
    found = holm({"a": 0.01, "b": 0.04, "c": None, "d": 0.03, "e": 0.005})
    assert found.p == pytest.approx({"a": 0.03, "b": 0.06, "c": None, "d": 0.06, "e": 0.02}, abs=1e-12)
    assert found.tests == 4


@given(PS)
def test_holm_is_its_definition_and_keeps_none_out(p):
    found, tested = holm(p), {cell: value for cell, value in p.items() if value is not None}
    assert list(found.p) == list(p)
    assert found.tests == len(tested)
    assert {cell: value for cell, value in found.p.items() if value is not None} == pytest.approx(
        by_hand(tested), abs=1e-9
    )
    assert holm(dict(reversed(p.items()))).p == pytest.approx(found.p, abs=1e-12)


def test_nothing_tested_is_nothing_corrected():
    assert holm({}).tests == 0
    assert holm({("row", "column"): None}).p == {("row", "column"): None}


@pytest.mark.parametrize("bad", [-0.01, 1.01, "p"])
def test_what_is_no_p_is_refused(bad):
    with pytest.raises(ValueError, match="p\\['cell'\\] is"):
        holm({"cell": bad})


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_family_wise_error_is_kept(correlation):
    """Ten cells without a difference and two with one; of 1,000 tables, how many call one of the ten different."""
    rng, rounds, alarms, careless = np.random.default_rng(0), 1000, 0, 0
    for _ in range(rounds):
        z = correlation**0.5 * rng.normal() + (1 - correlation) ** 0.5 * rng.normal(size=12)
        z[10:] += 4
        p = dict(enumerate(2 * stats.norm.sf(np.abs(z))))
        alarms += any(holm(p).p[cell] <= 0.05 for cell in range(10))
        careless += any(p[cell] <= 0.05 for cell in range(10))
    assert alarms / rounds <= 0.05 + 2 * (0.05 * 0.95 / rounds) ** 0.5
    assert careless / rounds > 0.1  # without the correction
