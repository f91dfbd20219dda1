"""What records add up to, counted by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from alumbench.data import Task
from alumbench.evaluation import summary as summaries
from alumbench.evaluation.summary import is_right
from alumbench.statistics import proportion
from tests import typed
from tests.typed import answered, plain


def summarize(*args, **kwargs):
    return plain(summaries.summarize(*args, **kwargs))


def number(value, n):
    return plain(summaries.number(value, n))


def share(count, n):
    return plain(summaries.proportion_with_ci(count, n))


TASK = Task("t", "two labels", ("sentence",), ("no", "yes"))
#: outcome, queries asked, unique queries, words, words changed
ATTACKED = [
    ("robust", 100, 90, 10, 0),
    ("robust", 40, 40, 10, 0),
    ("robust", 2000, 1900, 10, 0),
    ("broken", 50, 45, 10, 2),
    ("broken", 51, 45, 4, 1),
    ("broken", 900, 800, 0, 0),
    ("already_wrong", 1, 1, 10, 0),
    ("already_wrong", 1, 1, 10, 0),
    ("error", 7, 5, 0, 0),
    ("timeout", 70, 60, 0, 0),
]


def attacked(rows):
    names = ("outcome", "queries", "queries_unique", "words", "words_changed")
    return [typed.attacked(**dict(zip(names, row, strict=True)), **answer(row[0])) for row in rows]


def answer(outcome):
    """Gold label and first answer: an error that stops the model too leaves none, a timeout's text was asked after."""
    first = {"already_wrong": "no", "error": None}.get(outcome, "yes")
    return {"label": "yes", "prediction": first, "similarity": 0.75 if outcome == "broken" else None}


def same_share(found, count, n):
    p = proportion(count, n)
    assert found == {"value": count / n, "low": p.low, "high": p.high, "count": count, "n": n}


def test_an_attacks_figures_by_hand():
    summary = summarize("attack", TASK, attacked(ATTACKED))
    assert set(summary["measures"]) == {"clean_accuracy", "accuracy_under_attack", "attack_success_rate"}
    assert summary["outcomes"] == {"robust": 3, "broken": 3, "already_wrong": 2, "error": 1, "timeout": 1}
    same_share(summary["measures"]["clean_accuracy"], 7, 9)
    same_share(summary["measures"]["accuracy_under_attack"], 3, 10)
    same_share(summary["measures"]["attack_success_rate"], 3, 7)
    queries = summary["queries"]
    assert (queries["asked"], queries["unique"]) == (3220, 2987)
    assert queries["median"] == (51 + 100) / 2 and queries["p95"] == np.quantile([40, 50, 51, 100, 900, 2000], 0.95)
    assert {name: one["count"] for name, one in queries["success_within"].items()} == {
        "50": 1,
        "100": 2,
        "500": 2,
        "1000": 3,
    }
    assert {one["n"] for one in queries["success_within"].values()} == {7}
    assert summary["similarity"] == 0.75
    assert summary["words_changed_share"] == pytest.approx((2 / 10 + 1 / 4) / 2)


@pytest.mark.parametrize("outcome", ["error", "timeout"])
def test_errors_and_timeouts_are_never_robust(outcome):
    records = attacked([("robust", 9, 9, 3, 0), (outcome, 9, 9, 0, 0), (outcome, 9, 9, 0, 0)])
    summary = summarize("attack", TASK, records)
    assert [is_right(record) for record in records] == [True, False, False]
    same_share(summary["measures"]["accuracy_under_attack"], 1, 3)
    known = 3 if outcome == "timeout" else 1
    same_share(summary["measures"]["clean_accuracy"], known, known)
    same_share(summary["measures"]["attack_success_rate"], 0, known)
    assert summary["outcomes"][outcome] == 2 and summary["outcomes"]["robust"] == 1
    assert summarize("attack", TASK, records[1:])["measures"]["accuracy_under_attack"]["value"] == 0
    unknown = summarize("attack", TASK, attacked([("error", 9, 9, 0, 0)]))["measures"]["clean_accuracy"]
    assert unknown == {"value": None, "reason": "no example", "n": 0}


def test_a_reduction_has_no_accuracy_under_attack():
    measures = summarize("attack", TASK, attacked(ATTACKED), goal="reduction")["measures"]
    assert set(measures) == {"clean_accuracy", "reduced_rate"}
    same_share(measures["reduced_rate"], 3, 7)


def test_no_records_are_no_numbers():
    summary = summarize("attack", TASK, [])
    assert all(one == {"value": None, "reason": "no example", "n": 0} for one in summary["measures"].values())
    assert summary["queries"]["median"] is summary["queries"]["p95"] is summary["words_changed_share"] is None
    assert summarize("fixed", TASK, [])["measures"]["accuracy"]["value"] is None


def scored(pairs, **extra):
    return [
        answered(label=gold, prediction=predicted, outcome="correct" if gold == predicted else "wrong", **extra)
        for gold, predicted in pairs
    ]


def test_a_fixed_sets_accuracy_and_groups():
    records = scored([("no", "no"), ("no", "yes")], group="a") + scored([("yes", "yes")] * 3, group="b")
    summary = summarize("fixed", TASK, records)
    same_share(summary["measures"]["accuracy"], 4, 5)
    assert list(summary["groups"]) == ["a", "b"]
    same_share(summary["groups"]["a"], 1, 2)
    same_share(summary["groups"]["b"], 3, 3)


def test_f1_and_matthews_by_hand():
    task = Task("t", "", ("sentence",), ("no", "yes"), metrics=("f1", "accuracy", "matthews_correlation"))
    records = scored([("yes", "yes")] * 3 + [("yes", "no")] + [("no", "yes")] * 2 + [("no", "no")] * 4)
    measures = summarize("clean", task, records)["measures"]
    assert measures["f1"] == {"value": pytest.approx(2 * 3 / (2 * 3 + 2 + 1)), "n": 10}
    assert measures["matthews_correlation"]["value"] == pytest.approx((3 * 4 - 2 * 1) / (5 * 4 * 6 * 5) ** 0.5)
    same_share(measures["accuracy"], 7, 10)
    assert set(summarize("fixed", task, records)["measures"]) == {"accuracy"}


@pytest.mark.parametrize("metric", ["pearson", "spearman"])
def test_r17_constant_predictions_of_a_regression_are_null_and_a_reason(metric):
    task = Task("t", "", ("sentence",), metrics=(metric,))
    records = [answered(label=gold, prediction=2.5, outcome="scored") for gold in (0.0, 1.0, 5.0)]
    summary = summarize("clean", task, records)
    assert summary["measures"][metric]["value"] is None and summary["measures"][metric]["n"] == 3
    assert "all the same" in summary["measures"][metric]["reason"]
    json.dumps(summary, allow_nan=False)
    moving = [typed.changed(record, prediction=2 * record.label + 1) for record in records]
    assert summarize("clean", task, moving)["measures"][metric] == {"value": pytest.approx(1.0), "n": 3}


def test_r17_constant_predictions_have_no_matthews_correlation():
    """It is 0/0: sklearn's 0 would read as 'no better than chance', measured."""
    task = Task("t", "", ("sentence",), ("no", "yes"), metrics=("matthews_correlation",))
    summary = summarize("clean", task, scored([("yes", "yes")] * 3 + [("no", "yes")] * 2))
    assert summary["measures"]["matthews_correlation"]["value"] is None
    assert "reason" in summary["measures"]["matthews_correlation"]
    same_share(summary["measures"]["accuracy"], 3, 5)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")], ids=repr)
def test_no_metric_is_written_that_is_not_finite(value):
    assert number(value, 4)["value"] is None and number(value, 4)["reason"]
    assert number(0.5, 4) == {"value": 0.5, "n": 4}
    assert share(0, 0)["value"] is None
