"""What a record claims of the set that it was searched in, held against itself, its entry and other attacks."""

from __future__ import annotations

import pytest

from alumbench.evaluation.contradictions import contradictions
from alumbench.evaluation.membership import claims, claims_of_entry, disagreements
from alumbench.records import Searched
from tests.typed import attacked, changed, entry_result

LABELS = ["a", "b"]
FACTS = {"alphabet": "ab"}
SET = {"signature": "chars-2@1", "facts": FACTS}
SAID = "set:chars-2@1:alphabet:fb8e20fc"
ENTRY = entry_result(goal="untargeted", signature=f"s@1|e|{SAID}", threat_model=SET, query_budget=100)
SHARES = entry_result(goal="untargeted", signature="s@1|e", threat_model={"signature": "synonyms-30%@1"})
ROBUST = attacked(scores=[0.9, 0.1], searched={"degree": None, "largest": 2})
BROKEN = attacked(
    outcome="broken",
    scores=[0.9, 0.1],
    adversarial={"text": "x"},
    adversarial_scores=[0.1, 0.9],
    searched={"degree": 2, "largest": 2, "reached": 2, "queries_to_success": 2},
)


def said(record, described=ENTRY, **searched):
    values = {name: getattr(record.searched, name) for name in Searched.__struct_fields__} | searched
    return list(claims(changed(record, searched=Searched(**values)), described))


@pytest.mark.parametrize("record", [ROBUST, BROKEN, attacked(outcome="timeout"), attacked(outcome="skipped")])
def test_what_is_possible_is_accepted(record):
    assert list(claims(record, ENTRY)) == []
    assert list(contradictions(record, ENTRY, LABELS)) == ([] if record.scores else [])


@pytest.mark.parametrize(
    ("record", "searched", "message"),
    [
        (BROKEN, {"degree": None}, "outcome broken without a degree"),
        (ROBUST, {"degree": 1}, "outcome robust with a degree"),
        (BROKEN, {"degree": 0}, "degree 0, the largest of its set is 2"),
        (BROKEN, {"largest": 1, "reached": None}, "degree 2, the largest of its set is 1"),
        (ROBUST, {"largest": 3}, "largest degree 3, chars-2@1 allows 2"),
        (BROKEN, {"queries_to_success": None}, "does not say how many queries the success took"),
        (BROKEN, {"queries_to_success": 1}, "outcome broken after 2 queries, with a success after 1"),
        (BROKEN, {"by": "beam"}, "outcome broken, found by beam"),
        (ROBUST, {"by": "beam"}, "outcome robust, found by beam"),
        (BROKEN, {"queries_to_success": 10**6}, "outcome broken after 2 queries, with a success after 1000000"),
        (ROBUST, {"queries_to_success": 1}, "outcome robust after 2 queries, with a success after 1"),
        (BROKEN, {"exhausted": True}, "outcome broken with all members of the set scored and none misclassified"),
        (BROKEN, {"reached": 1}, "texts of up to 1 steps were scored, with degree 2 and largest degree 2"),
        (ROBUST, {"reached": 3}, "texts of up to 3 steps were scored, with degree None and largest degree 2"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_a_record_that_contradicts_itself(record, searched, message):
    assert said(record, **searched) == [message]
    forged = changed(record, searched=changed(record.searched, **searched))
    assert message in list(contradictions(forged, ENTRY, LABELS))


def test_an_ensemble_says_which_of_its_searches_it_was():
    both = changed(ENTRY, signature=ENTRY.signature.replace("|e|", "|e|atk:standard@1(beam@1+hard-label@1)|"))
    assert said(BROKEN, both, by="beam") == said(ROBUST, both, reached=1) == []
    assert said(BROKEN, both) == ["outcome broken, found by no member of its attack"]
    assert said(BROKEN, both, by="charmer") == ["outcome broken, found by charmer"]
    assert said(ROBUST, both) == ["does not say how many steps it tried"]


def test_a_percentage_allows_so_many_of_the_words():
    assert said(ROBUST, SHARES, largest=3, words=10) == []
    assert said(ROBUST, SHARES, largest=4, words=10) == ["largest degree 4, synonyms-30%@1 allows 3"]
    assert said(ROBUST, SHARES, largest=1, words=3) == ["largest degree 1, synonyms-30%@1 allows 0"]


def test_an_entry_within_a_set_says_what_was_searched_and_others_do_not():
    bare = changed(ROBUST, searched=None)
    assert list(claims(bare, ENTRY)) == ["outcome robust without what was searched of chars-2@1"]
    assert list(claims(bare, changed(ENTRY, threat_model=None))) == []
    assert list(claims(ROBUST, changed(ENTRY, threat_model=None))) == [
        "searched within a threat model, and its entry has none"
    ]


def test_a_name_without_a_degree_is_no_threat_model():
    strange = changed(ENTRY, threat_model=changed(ENTRY.threat_model, signature="chars@1"))
    assert list(claims(ROBUST, strange)) == ["chars@1 is not a threat model at a degree"]


def test_the_budget_of_an_example_is_by_its_words():
    entry = changed(ENTRY, queries_per_word=5)
    for queries, per_word, message in (
        (50, entry, None),
        (51, entry, "51 queries, the budget is 50"),
        (101, ENTRY, "101 queries, the budget is 100"),
        (51, ENTRY, None),
        (31, changed(entry, query_budget=30), "31 queries, the budget is 30"),
    ):
        found = list(contradictions(changed(ROBUST, queries=queries), per_word, LABELS))
        assert found == ([message] if message else [])


def test_an_entry_is_that_of_its_signature():
    assert list(claims_of_entry(ENTRY)) == []
    assert list(claims_of_entry(entry_result())) == []
    other = changed(ENTRY.threat_model, facts={"alphabet": "abc"})
    for forged in (
        changed(ENTRY, threat_model=other),
        changed(ENTRY, threat_model=None),
        changed(ENTRY, threat_model=changed(ENTRY.threat_model, signature="chars-1@1")),
        changed(ENTRY, signature="s@1|e"),
    ):
        assert list(claims_of_entry(forged)) == [
            "its threat model and the facts of the data in it are not those of its signature"
        ]
    for per_word, signature, wrong in ((50, f"{ENTRY.signature}|qpw:50", 0), (40, f"{ENTRY.signature}|qpw:50", 1)):
        found = list(claims_of_entry(changed(ENTRY, queries_per_word=per_word, signature=signature)))
        assert len(found) == wrong


EXHAUSTED = changed(ROBUST, searched=Searched(None, 2, exhausted=True))


def test_attacks_on_the_same_set_exclude_each_other():
    entries = {"exact": ENTRY, "other": ENTRY}
    assert list(disagreements(entries, {"exact": [EXHAUSTED], "other": [ROBUST]}, 1e-6)) == []
    assert list(disagreements(entries, {"exact": [EXHAUSTED], "other": [BROKEN]}, 1e-6)) == [
        ("exact", "x: all members of its set scored and none misclassified, and other breaks it")
    ]
    close = changed(BROKEN, adversarial_scores=[0.4999999, 0.5000001])
    assert list(disagreements(entries, {"exact": [EXHAUSTED], "other": [close]}, 1e-6)) == [], "a near tie"
    smaller = changed(ROBUST, searched=Searched(None, 1))
    assert list(disagreements(entries, {"exact": [ROBUST], "other": [smaller]}, 1e-6)) == [
        ("other", "x: its set has 1 steps, in entry exact 2")
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"threat_model": changed(ENTRY.threat_model, facts={"alphabet": "abc"})},
        {"threat_model": changed(ENTRY.threat_model, signature="chars-1@1")},
        {"data_sha256": "e" * 64},
        {"protected": ["premise"]},
        {"threat_model": None},
    ],
    ids=lambda values: next(iter(values)),
)
def test_attacks_on_other_sets_do_not(other):
    entries = {"exact": ENTRY, "other": changed(ENTRY, **other)}
    assert list(disagreements(entries, {"exact": [EXHAUSTED], "other": [BROKEN]}, 1e-6)) == []
