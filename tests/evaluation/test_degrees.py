"""Accuracy by degree, and how close an attack comes to enumeration, counted by hand."""

from __future__ import annotations

import pytest

from alumbench.evaluation.degrees import degrees, is_right_within, parse_degree, summarize_within
from alumbench.evaluation.optimality import enumeration_of, optimality
from alumbench.evaluation.results import Summary
from alumbench.leaderboard.measures import is_measure, paired_by, words_of_measure
from tests.typed import attacked, changed, entry_result


def searched(outcome, degree=None, largest=4, exhausted=False, words=0, queries=10, identity="x"):
    told = {"degree": degree, "largest": largest, "exhausted": exhausted, "words": words}
    return attacked(outcome=outcome, searched=told, queries=queries, id=identity)


RECORDS = [
    searched("broken", 1),
    searched("broken", 1),
    searched("broken", 3),
    searched("broken", 4),
    searched("robust", exhausted=True),
    searched("robust", largest=0),
    searched("already_wrong"),
    attacked(outcome="error"),
]


def values(figures):
    return {degree: measure.value for degree, measure in figures.accuracy_by_degree.items()}


def test_a_text_counts_from_its_degree_on():
    found = summarize_within(RECORDS, "chars-4@1")
    assert values(found) == {"1": 4 / 8, "2": 4 / 8, "3": 3 / 8, "4": 2 / 8}
    assert (found.median_degree, found.empty_sets, found.exhausted) == (2.0, 1, 1)
    last = found.accuracy_by_degree["4"]
    assert (last.count, last.n) == (2, 8), "an error is not robust, at any degree"


def test_a_percentage_counts_the_words_that_it_allows():
    """Of 12 words, 10% are one, 20% two, 30% three; of 9 words, none, one and two."""
    long, short = (searched("broken", 2, words=words) for words in (12, 9))
    assert values(summarize_within([long], "synonyms-30%@1")) == {"10%": 1.0, "20%": 0.0, "30%": 0.0}
    assert values(summarize_within([short], "synonyms-30%@1")) == {"10%": 1.0, "20%": 1.0, "30%": 0.0}
    assert is_right_within(short, 20, True) and not is_right_within(short, 23, True)


def test_without_a_text_there_is_no_median_and_without_an_attack_no_share():
    found = summarize_within([searched("robust")], "chars-1@1")
    assert found.median_degree is None and values(found) == {"1": 1.0}
    skipped = summarize_within([attacked(outcome="skipped"), searched("robust")], "chars-1@1")
    assert skipped.accuracy_by_degree["1"].reason.startswith("--skip-broken: 1 examples")
    assert summarize_within([], "no degree").accuracy_by_degree == {}
    assert summarize_within([], "chars-1@1").accuracy_by_degree["1"].reason == "no example"


def test_degrees_of_a_curve():
    assert degrees(1, False) == [1] and degrees(4, False) == [1, 2, 3, 4]
    assert degrees(100, True) == list(range(10, 101, 10)) and degrees(5, True) == [5]
    assert len(degrees(999_999, False)) <= 21 and degrees(999_999, False)[-1] == 999_999


def test_measures_by_degree_have_names_words_and_pairs():
    within = summarize_within(RECORDS, "chars-4@1")
    names = [name for name in Summary(measures={}, within=within).all_measures]
    assert names == ["accuracy_within_1", "accuracy_within_2", "accuracy_within_3"], "the last is accuracy under attack"
    assert all(is_measure(name) for name in names)
    assert words_of_measure("accuracy_within_1") == "accuracy under attack, at most 1 step"
    assert words_of_measure("accuracy_within_30%") == "accuracy under attack, at most 30% of the words"
    right = paired_by("accuracy_within_2")
    assert [right(record) for record in RECORDS] == [False, False, True, True, True, True, False, False]


@pytest.mark.parametrize("name", ["accuracy", "accuracy_within_", "accuracy_within_x", "accuracy_within_²", "within_1"])
def test_other_names_are_no_measure_by_degree(name):
    assert parse_degree(name) is None and is_measure(name) == (name == "accuracy")


EXACT = [
    searched("broken", 1, queries=100, identity="a"),
    searched("broken", 1, queries=300, identity="b"),
    searched("broken", 1, queries=200, identity="c"),
    searched("robust", queries=400, exhausted=True, identity="d"),
    searched("already_wrong", identity="e"),
]


def test_optimality_counts_what_enumeration_breaks():
    mine = [
        searched("broken", 1, queries=10, identity="a"),
        searched("robust", queries=30, identity="b"),
        attacked(outcome="timeout", queries=999, id="c"),
        searched("robust", queries=40, identity="d"),
        searched("already_wrong", identity="e"),
    ]
    found = optimality(mine, EXACT)
    assert (found.optimality.count, found.optimality.n) == (1, 3), "a timeout breaks nothing"
    assert found.optimality.low < 1 / 3 < found.optimality.high
    assert (found.query_share.value, found.query_share.n) == (80 / 800, 3), "on what both attacked"


def test_without_a_break_there_is_no_optimality():
    found = optimality(EXACT[3:], EXACT[3:])
    assert found.optimality.reason == "enumeration breaks no example" and found.query_share.value == 1.0
    assert optimality([], EXACT).query_share.reason == "no example that both attacked"


def test_enumeration_is_of_the_same_set_and_examples():
    at = {"signature": "chars-1@1", "facts": {"alphabet": "ab"}}
    exact = entry_result(goal="untargeted", signature="s@1|exact|atk:exhaustive@1|q:inf", threat_model=at)
    mine = entry_result(goal="untargeted", signature="s@1|mine|atk:beam@1|q:inf", threat_model=at)
    assert enumeration_of("mine", {"exact": exact, "mine": mine}) == "exact"
    assert enumeration_of("exact", {"exact": exact, "mine": mine}) is None
    for other in (
        {"data_sha256": "e" * 64},
        {"threat_model": None},
        {"protected": ["premise"]},
        {"complete": False},
        {"signature": "s@1|exact|atk:exhaustively@1"},
    ):
        assert enumeration_of("mine", {"exact": changed(exact, **other), "mine": mine}) is None
