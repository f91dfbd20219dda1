"""R21: the paired bootstrap against scipy and brute force, its coverage, and what it refuses."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from alumbench.statistics import paired_bootstrap
from alumbench.statistics.resampling import cluster_sums, percentiles
from tests.statistics import populations

ANSWERS = st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 5)), min_size=2, max_size=30)


def expanded(confidence, units):
    """The confidence whose plain percentile interval is the expanded one, written out."""
    z = -((units / (units - 1)) ** 0.5) * stats.t.ppf(0.5 + confidence / 2, units - 1)
    return 1 - 2 * stats.norm.cdf(z)


def monte_carlo(error, confidence, draws):
    """Four standard deviations of the difference of two ends, each a quantile of its own normal draws."""
    tail = (1 - confidence) / 2
    return 4 * 2**0.5 * error * (tail * (1 - tail) / draws) ** 0.5 / stats.norm.pdf(stats.norm.ppf(tail))


@pytest.mark.parametrize(("n", "difference"), [(148, 0.05), (500, 0.0), (1000, 0.1)])
def test_equals_scipy_within_monte_carlo_error(n, difference):
    a, b = populations.paired_answers(np.random.default_rng(n), n, 0.2, difference)
    found = paired_bootstrap(a, b)
    each = np.array([b[i] - a[i] for i in a])
    confidence = expanded(0.95, n)
    theirs = stats.bootstrap(
        (each,), np.mean, n_resamples=10_000, confidence_level=confidence, method="percentile", batch=1000, rng=1
    ).confidence_interval
    near = monte_carlo(each.std() / n**0.5, confidence, 10_000) + 1 / n  # and one step of the lattice
    assert found.value == pytest.approx(each.mean(), abs=1e-12)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=near)
    assert (found.n, found.clusters, found.draws, found.reason) == (n, n, 10_000, "")


def test_clusters_equal_drawing_them_one_by_one():
    """Clusters of one to nine examples: the sum of differences over the sum of sizes, as drawn."""
    rng = np.random.default_rng(0)
    a, b, of = {}, {}, {}
    for cluster in range(60):
        for at in range(int(rng.integers(1, 10))):
            name = f"{cluster}.{at}"
            of[name], a[name], b[name] = (
                str(cluster),
                bool(rng.random() < 0.7),
                bool(rng.random() < 0.6 + 0.3 * (cluster % 2)),
            )
    names = sorted(set(of.values()))
    total = np.array([sum(b[i] - a[i] for i in a if of[i] == name) for name in names])
    size = np.array([sum(of[i] == name for i in a) for name in names])
    drawn = rng.integers(0, 60, (10_000, 60))
    brute = total[drawn].sum(axis=1) / size[drawn].sum(axis=1)
    found = paired_bootstrap(a, b, of)
    confidence = expanded(0.95, 60)
    low, high = np.quantile(brute, [(1 - confidence) / 2, (1 + confidence) / 2])
    near = monte_carlo(brute.std(), confidence, 10_000)
    assert found.value == pytest.approx(total.sum() / size.sum(), abs=1e-12)
    assert (found.low, found.high) == pytest.approx((low, high), abs=near)
    assert (found.n, found.clusters) == (len(a), 60)


def test_like_clusters_are_told_once_and_any_chunk_gives_the_same(monkeypatch):
    rng = np.random.default_rng(0)
    values = np.stack([rng.integers(-1, 2, 500), np.ones(500)])
    sums = cluster_sums(values, [str(i) for i in range(500)], None)
    assert sums.sums.shape == (2, 3) and sums.counts.sum() == sums.clusters == 500
    assert list(sums.totals()) == [values[0].sum(), 500]
    whole = sums.resample(1000, np.random.default_rng(1))
    monkeypatch.setattr("alumbench.statistics.resampling.HELD", 10)
    assert np.array_equal(whole, sums.resample(1000, np.random.default_rng(1)))
    assert np.all(whole[1] == 500)


@settings(max_examples=40, deadline=None)
@given(ANSWERS, st.randoms(use_true_random=False))
def test_order_and_names_of_clusters_change_nothing(answers, random):
    a = {f"{i:02}": x for i, (x, _, _) in enumerate(answers)}
    b = {f"{i:02}": y for i, (_, y, _) in enumerate(answers)}
    of = {f"{i:02}": str(z) for i, (_, _, z) in enumerate(answers)}
    found = paired_bootstrap(a, b, of, draws=200)
    order = list(a)
    random.shuffle(order)
    shuffled = [{i: m[i] for i in order} for m in (a, b, of)]
    assert paired_bootstrap(*shuffled, draws=200) == found
    assert paired_bootstrap(a, b, {i: f"premise {c}" for i, c in of.items()}, draws=200) == found
    assert found.low is None or -1 <= found.low <= found.high <= 1


def test_the_seed_decides_and_nothing_else():
    a, b = populations.paired_answers(np.random.default_rng(0), 150, 0.3, 0.1)
    assert paired_bootstrap(a, b, seed=1) == paired_bootstrap(a, b, seed=1)
    assert paired_bootstrap(a, b, seed=1, draws=100) != paired_bootstrap(a, b, seed=2, draws=100)


def test_hashes_of_ids_change_nothing():
    """R3: sums of fractions depend on their order, and a set's order on PYTHONHASHSEED."""
    code = (
        "from alumbench.statistics import multi_bootstrap_mean, paired_bootstrap\n"
        "a, b = ({f'{i}': ((i * k) % 97) / 97 for i in range(90)} for k in (31, 41))\n"
        "of = {i: f'premise {int(i) % 9}' for i in a}\n"
        "print(paired_bootstrap(a, b, of, draws=50), multi_bootstrap_mean({1: a, 2: b}, of, draws=50))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(printed) == 1 and b"low=" in printed.pop()


def test_swapping_the_models_mirrors_the_interval():
    a, b = populations.paired_answers(np.random.default_rng(0), 400, 0.3, 0.1)
    one, other = paired_bootstrap(a, b), paired_bootstrap(b, a)
    assert one.value == pytest.approx(-other.value, abs=1e-12)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=2 / 400)


@pytest.mark.parametrize(
    ("a", "b", "clusters", "value", "reason"),
    [
        ({"1": True}, {"2": True}, None, None, "no example is in both"),
        ({"1": True}, {"1": False}, None, -1.0, "one cluster"),
        ({"1": True, "2": False}, {"1": False, "2": True}, {"1": "p", "2": "p"}, 0.0, "one cluster"),
        ({"1": True, "2": True}, {"1": True, "2": True}, None, 0.0, "all 2 clusters are alike"),
        ({"1": 0.1, "2": 0.1, "3": 0.1}, {"1": 0.3, "2": 0.3, "3": 0.3}, {"1": "p", "2": "p", "3": "q"}, 0.2, "alike"),
    ],
)
def test_without_spread_there_is_a_reason_in_place_of_an_interval(a, b, clusters, value, reason):
    found = paired_bootstrap(a, b, clusters)
    assert found.value == (None if value is None else pytest.approx(value, abs=1e-12))
    assert (found.low, found.high) == (None, None)
    assert reason in found.reason


def test_ten_thousand_examples_and_draws_are_quick():
    a, b = populations.paired_answers(np.random.default_rng(0), 10_000, 0.15, 0.01)
    start = time.process_time()
    assert paired_bootstrap(a, b).low is not None
    assert time.process_time() - start < 2  # hundredths of a second


def test_values_that_all_differ_stay_in_bounded_memory():
    """The worst case: as many kinds of cluster as clusters; counts for all draws at once would be 160 MB."""
    values = populations.named(np.random.default_rng(0).random(5000))
    tracemalloc.start()
    paired_bootstrap(values, dict.fromkeys(values, 0.0), draws=4000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6


def test_percentiles_are_draws():
    draws = np.arange(1, 101) / 100
    assert percentiles(draws, 0.9) == (0.05, 0.95)
    assert percentiles(draws, 0.9, units=5)[0] < 0.05


@pytest.mark.parametrize(("n", "discordance", "difference"), [(148, 0.15, 0.05), (500, 0.1, 0.0), (500, 0.15, 0.135)])
def test_coverage_at_nominal_95(n, discordance, difference):
    rng, rounds = np.random.default_rng(7), 1000
    covered = 0
    for at in range(rounds):
        a, b = populations.paired_answers(rng, n, discordance, difference)
        found = paired_bootstrap(a, b, draws=1000, seed=at)
        covered += found.low - 1e-12 <= difference <= found.high + 1e-12
    assert 0.93 <= covered / rounds <= 0.97


@pytest.mark.parametrize(("clusters", "difference"), [(40, 0.0), (100, 0.05)])
def test_coverage_with_clusters_and_without_them(clusters, difference):
    """Five near copies a premise: taken for independent examples, they make intervals far too narrow."""
    rng, rounds = np.random.default_rng(7), 500
    covered = np.zeros(2)
    for at in range(rounds):
        a, b, of = populations.clustered_answers(rng, clusters, 5, 0.9, 0.3, difference)
        for i, found in enumerate(
            (paired_bootstrap(a, b, of, draws=1000, seed=at), paired_bootstrap(a, b, draws=1000, seed=at))
        ):
            covered[i] += found.low - 1e-12 <= difference <= found.high + 1e-12
    assert 0.93 <= covered[0] / rounds <= 0.97
    assert covered[1] / rounds < 0.8
