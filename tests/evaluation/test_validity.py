"""The validity filter: its grammar proxy and thresholds by hand, its place in records, summaries and tables."""

from __future__ import annotations

import dataclasses
import json
import shutil

import pytest

from alumbench.errors import AlumbenchError
from alumbench.evaluation import grammar, validity
from alumbench.evaluation.document import EVALUATION, RECORDS
from alumbench.evaluation.thresholds import Thresholds
from alumbench.evaluation.validity import is_right_validly, judge, passes, summarize_validity
from alumbench.leaderboard.compare import compare
from alumbench.parsing import read_json
from alumbench.statistics import proportion
from alumbench.storage import read_records
from tests.evaluation.conftest import SMALL, run
from tests.typed import attacked, changed, plain

BOUNDS = Thresholds(0.8, 0.3, 0.75)


@pytest.fixture
def nltk_data(mirror):
    if grammar.absent():
        pytest.skip(grammar.absent())


@pytest.mark.parametrize(
    ("before", "after", "kept", "edits"),
    [
        ("the film was good .", "the film was good .", 0, 0),
        ("the film was good .", "the movie was good .", 1, 1),
        ("the film was good .", "the movie was god .", 1, 2),
        ("the film was good .", "the fillm was good .", 0, 1),
        ("the film was good .", "the film was very good .", 1, 1),
        ("the film was good .", "the film good .", 0, 1),
        ("the film was good .", "the film was gzo odz .", 0, 2),
        ("the film was good .", "the film was gzo\u200bodz .", 0, 3),
        ("he sees the zorg .", "he watches the zorg .", 1, 1),
        ("zorg sees the man .", "zorg sees the zorg .", 1, 1),
        ("", "word", 1, 1),
        ("word", "", 0, 1),
        ("", "", 0, 0),
    ],
)
def test_the_grammar_proxy_by_hand(nltk_data, before, after, kept, edits):
    assert grammar.kept_edits(before, after) == (kept, edits)
    assert grammar.kept_edits(before, after) == grammar.kept_edits(before, after)


def broken(semantic=0.9, grammar=0.8, changed=3, words=10, **values):
    validity = {"semantic": semantic, "grammar": grammar, "passes": None}
    return attacked(
        **{"outcome": "broken", "words": words, "words_changed": changed, "validity": validity, "queries": 3} | values
    )


@pytest.mark.parametrize(
    ("record", "bounds", "verdict"),
    [
        (broken(), BOUNDS, True),
        (broken(semantic=0.8, grammar=0.75, changed=3), BOUNDS, True),
        (broken(semantic=0.7999), BOUNDS, False),
        (broken(grammar=0.74), BOUNDS, False),
        (broken(changed=4), BOUNDS, False),
        (broken(semantic=None), BOUNDS, None),
        (broken(semantic=None, changed=4), BOUNDS, False),
        (broken(semantic=None, grammar=0.1), BOUNDS, False),
        (broken(grammar=None), BOUNDS, None),
        (broken(semantic=None), Thresholds(0.0, 0.3, 0.75), True),
        (broken(grammar=None), Thresholds(0.8, 0.3, 0.0), True),
        (broken(changed=10), Thresholds(0.8, 1.0, 0.0), True),
        (broken(words=0, changed=1), BOUNDS, False),
    ],
)
def test_what_passes(record, bounds, verdict):
    assert passes(record, bounds) is verdict


def others(outcome, count, first=100):
    return [
        broken(outcome=outcome, id=str(first + at), validity=None, prediction="b" if outcome[0] == "a" else "a")
        for at in range(count)
    ]


def test_figures_through_the_filter_by_hand():
    texts = [broken(id="1"), broken(id="2"), broken(id="3", semantic=0.1), broken(id="3", attack_seed=2)]
    records = texts + others("robust", 4) + others("already_wrong", 2, 200)
    found = plain(summarize_validity(records, BOUNDS))
    assert (found["texts"], found["passed"], found["failed"]) == (3, 2, 1)
    p, q = proportion(2, 7), proportion(5, 9)
    assert found["measures"]["valid_success_rate"] == {
        "value": 2 / 7,
        "low": p.low,
        "high": p.high,
        "count": 2,
        "n": 7,
    }
    assert found["measures"]["accuracy_under_valid_attack"]["count"] == 5
    assert found["measures"]["accuracy_under_valid_attack"]["low"] == q.low
    assert found["semantic"] == 0.9 and found["thresholds"] == dataclasses.asdict(BOUNDS)
    json.dumps(found, allow_nan=False)


def test_errors_and_timeouts_are_not_withstood():
    found = plain(summarize_validity(others("error", 1) + others("timeout", 1) + others("robust", 2, 300), BOUNDS))
    assert found["measures"]["accuracy_under_valid_attack"]["count"] == 2
    assert found["semantic"] is None and found["measures"]["valid_success_rate"]["count"] == 0


def test_what_was_not_measured_is_null_and_says_why():
    found = plain(summarize_validity([broken(id="1"), broken(id="2", grammar=None)], BOUNDS))
    for measure in found["measures"].values():
        assert measure["value"] is None and "grammar was not measured, for want of NLTK's wordnet" in measure["reason"]
    assert found["grammar"] is None and found["semantic"] == 0.9
    spared = plain(summarize_validity([broken(id="1"), *others("skipped", 3)], BOUNDS))
    assert "--skip-broken: 3 examples" in spared["measures"]["valid_success_rate"]["reason"]


@pytest.mark.parametrize(
    ("record", "right"),
    [
        (attacked(outcome="robust"), True),
        (attacked(outcome="broken", validity={"semantic": None, "grammar": 0.1, "passes": False}), True),
        (attacked(outcome="broken", validity={"semantic": None, "grammar": 0.1, "passes": True}), False),
        (attacked(outcome="broken", validity={"semantic": None, "grammar": 0.1, "passes": None}), False),
        (attacked(outcome="broken"), False),
        (attacked(outcome="error"), False),
    ],
)
def test_what_counts_as_right_through_the_filter(record, right):
    assert is_right_validly(record) is right


@pytest.fixture
def measured(monkeypatch):
    """Both means at hand, of figures that need neither model nor data."""
    monkeypatch.setattr(validity.RESOURCES[validity.ENCODER].__class__, "problem", lambda self: "")
    monkeypatch.setattr(grammar, "absent", lambda: "")
    monkeypatch.setattr(grammar, "kept_edits", lambda before, after: (3, 4) if before != after else (0, 0))
    asked = []

    def similarities(records, device):
        asked.append(len(records))
        return [round(int(record.id[:4], 16) / 65535, 4) for record in records]

    monkeypatch.setattr(validity, "_similarities", similarities)
    return asked


def test_records_summary_and_tables_have_it(pair_checkpoint, write_suite, tmp_path, measured):
    suite = write_suite(text=SMALL + "[validity]\nmin_similarity = 0.5\nmax_words_changed = 1.0\nmin_grammar = 0.75\n")
    document = run(pair_checkpoint, tmp_path / "out", suite)
    records = [r for r in read_records(tmp_path / "out" / RECORDS)[0] if r["outcome"] == "broken"]
    assert measured == [len(records)] and len(records) >= 5, "one batch an entry"
    for record in records:
        assert list(record["validity"]) == ["semantic", "grammar", "passes"] and record["validity"]["grammar"] == 0.75
        assert record["validity"]["passes"] == (record["validity"]["semantic"] >= 0.5)
    summary = document["entries"]["attack"]["summary"]
    passed = sum(record["validity"]["passes"] for record in records)
    measures = summary["validity"]["measures"]
    assert 0 < passed < len(records) and measures["valid_success_rate"]["count"] == passed
    assert summary["measures"]["attack_success_rate"]["count"] == len(records)
    withstood = summary["measures"]["accuracy_under_attack"]["count"] + len(records) - passed
    assert measures["accuracy_under_valid_attack"]["count"] == withstood
    assert "valid:sim0.5,words1,gram0.75" in document["entries"]["attack"]["signature"].split("|")
    other = shutil.copytree(tmp_path / "out", tmp_path / "other")
    figures = [f for f in compare([tmp_path / "out", other]).data if "valid" in f["measure"]]
    assert [f["measure"] for f in figures] == ["valid_success_rate"] * 2 + ["accuracy_under_valid_attack"] * 2
    assert figures[3]["difference"] == 0 and figures[3]["count"] == withstood


def test_it_is_added_where_it_was_missing_and_only_there(pair_checkpoint, write_suite, tmp_path, monkeypatch, request):
    monkeypatch.setattr(grammar, "absent", lambda: "no data")
    monkeypatch.setattr(validity.RESOURCES[validity.ENCODER].__class__, "problem", lambda self: "no model")
    suite, out = write_suite(), tmp_path / "out"
    document = run(pair_checkpoint, out, suite)
    measures = document["entries"]["attack"]["summary"]["validity"]["measures"]
    assert all("meaning was not measured, for want of all-MiniLM" in m["reason"] for m in measures.values())
    assert "no model" not in json.dumps(measures), "what this machine lacks is no result"
    assert not [f for f in compare([out]).data if "valid" in f["measure"]], "no row without a figure"
    asked = request.getfixturevalue("measured")
    document = run(pair_checkpoint, out, suite)
    assert len(asked) == 1
    assert document["entries"]["attack"]["summary"]["validity"]["measures"]["valid_success_rate"]["value"] is not None
    before = (out / RECORDS).read_bytes()
    run(pair_checkpoint, out, suite)
    assert len(asked) == 1 and (out / RECORDS).read_bytes() == before
    assert read_json(out / EVALUATION)["entries"] == document["entries"]


def test_similarity_is_of_the_column_that_lost_most(mirror):
    if validity.RESOURCES[validity.ENCODER].problem():
        pytest.skip("no MiniLM here")
    texts = {"premise": "a dog runs in the park", "hypothesis": "an animal is outside"}
    other = texts | {"hypothesis": "the stock market fell"}
    near = texts | {"hypothesis": "an animal is outdoors"}
    records = [attacked(texts=texts, adversarial=changed) for changed in (texts, near, other, texts | {"premise": ""})]
    same, close, far, empty = validity._similarities(records, "cpu")
    assert same == 1.0 > close > 0.8 > 0.4 > far and empty < 0.5
    assert validity._similarities(records[2:3], "cpu") == [far]


def test_real_means_on_real_words(mirror, nltk_data):
    if validity.RESOURCES[validity.ENCODER].problem():
        pytest.skip("no MiniLM here")
    text = "the movie was a touching and gentle story about two brothers ."
    records = [
        broken(texts={"sentence": text}, adversarial={"sentence": text.replace(old, new)}, changed=1, words=11)
        for old, new in (("story", "tale"), ("story", "sotry"))
    ]
    records = [changed(record, validity=None) for record in records]
    judged = judge(records, Thresholds(), "cpu")
    assert all(a is b for a, b in zip(judge(judged, Thresholds(), "cpu"), judged, strict=True))
    assert [record.validity.passes for record in judged] == [True, False]
    assert judged[1].validity.grammar == 0.0


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            "min_similarity = 1.5",
            r"toml: validity.min_similarity: expected a number from 0 to 1, found a",
        ),
        (
            "max_words_changed = -0.1",
            r"validity.max_words_changed: expected a number from 0 to 1",
        ),
        ("min_gramar = 0.5", "validity: unknown key 'min_gramar'. Did you mean 'min_grammar'"),
        ('min_grammar = "0.5"', r"validity.min_grammar: expected a number from 0 to 1, found text \('0.5'\)"),
    ],
)
def test_thresholds_that_make_no_sense_are_refused(write_suite, table, message):
    with pytest.raises(AlumbenchError, match=message):
        write_suite(text=SMALL + f"[validity]\n{table}\n")


def test_the_default_thresholds_said_aloud_are_the_same_suite(write_suite):
    said = "[validity]\nmin_similarity = 0.8\nmax_words_changed = 0.3\nmin_grammar = 0.8\n"
    assert write_suite(text=SMALL + said).digest() == write_suite().digest()
    assert write_suite(text=SMALL + said.replace("0.3", "0.4")).digest() != write_suite().digest()
