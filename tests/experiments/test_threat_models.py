"""How `standard` is held against other attacks."""

from __future__ import annotations

import pytest

from experiments.threat_models.compare import Try, beside_standard, query_ratio, tries
from tests.typed import attacked, changed


def made(*queries: int | None, words: int = 10) -> dict[tuple[str, str], Try]:
    """One try an example: the queries of its success, None for none in 100."""
    return {("m", str(at)): Try(one is not None, one or 100, words) for at, one in enumerate(queries)}


def test_an_attack_is_paired_with_standard_by_example() -> None:
    attacks = {"standard": made(5, 5, 5, None), "a": made(None, None, 7, 7), "b": made(None, None, None)}
    a, b = beside_standard(attacks)
    assert (a.attack, a.n, a.only, a.only_standard, a.difference) == ("a", 4, 1, 2, 0.25)
    assert (b.n, b.only, b.only_standard, b.difference) == (3, 0, 3, 1.0)
    assert a.p == 1.0 and b.p == pytest.approx(0.5), "exact McNemar, twice 2^-3, and Holm's factor of two"


def test_queries_are_compared_at_equal_success() -> None:
    theirs = made(40, 60, None, None)
    assert query_ratio(made(10, 20, 30, None), theirs) == pytest.approx((10 + 20 + 20 + 20) / 300)
    assert query_ratio(made(10, None, None, None), theirs) is None, "it never has as many"
    assert query_ratio(made(10), made(None)) is None, "there is nothing to reach"


def test_the_limit_is_the_same_per_word() -> None:
    short, long = made(10, words=5), {("m", "1"): Try(True, 30, 30)}
    assert query_ratio(short | long, made(10) | {("m", "1"): Try(False, 100, 30)}) == pytest.approx((5 + 30) / 110)


def test_what_a_success_costs_leaves_out_the_search_for_a_lower_degree() -> None:
    broken = attacked(outcome="broken", queries=90, searched={"degree": 1, "largest": 2, "queries_to_success": 9})
    records = [broken, changed(broken, id="y", searched=None), attacked(id="z", outcome="timeout", queries=7)]
    assert tries(records, "m") == {("m", "x"): Try(True, 9, 10), ("m", "y"): Try(True, 90, 10)}
