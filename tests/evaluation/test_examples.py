"""R6 and R7 through `evaluate`: odd texts, misbehaving attacks, own data, fewer labels, and the real sets."""

from __future__ import annotations

import dataclasses
import json

import pytest

from alumbench.attacks.outcome import ATTACK_OUTCOMES
from alumbench.data import Source, load_task
from alumbench.errors import AlumbenchError
from alumbench.evaluation.evaluate import RECORDS, Request, load_entry
from alumbench.evaluation.suite import load_suite
from alumbench.storage import read_records
from tests.attacks.test_search import fail, loop, misbehaving
from tests.evaluation.conftest import run

ODD = {
    "plain": "the film was good .",
    "again": "the film was good .",
    "empty": "",
    "blank": "   ",
    "one word": "bad",
    "one letter": "x",
    "long": "the film was good " * 2500,
    "emoji": "😀 good 👍🏽 film 👩‍👩‍👧",
    "right to left": "\u202eהסרט היה טוב\u202c والفيلم جيد",
    "nul": "the film\0was\0good",
    "escape": "\x1b[31mred\x1b[0m film\r\nwas good",
    "punctuation": "... !!! ,,, '''",
    "digits": "1234 5678",
    "cjk": "这部电影很好",
    "combining": "g\u0301o\u0302o\u0303d f\u0327ilm",
}


def records_of(out):
    text = (out / RECORDS).read_bytes()
    assert text.isascii()
    return [json.loads(line, parse_constant=pytest.fail) for line in text.splitlines()]


@pytest.fixture
def odd_file(tmp_path):
    rows = [{"sentence": text, "label": label} for text in ODD.values() for label in ("positive", "negative")]
    (tmp_path / "odd.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Source(file=str(tmp_path / "odd.jsonl"))


def test_odd_texts_are_scored_and_attacked(checkpoint, write_suite, tmp_path, odd_file):
    """R7. Both labels of each text, so that one of the two is attacked; texts of nothing are left out."""
    suite = write_suite(("nli/adversarial", "sentiment/adversarial"), ("seconds = 20.0", "seconds = 10.0"))
    document = run(checkpoint, tmp_path / "out", suite, data=odd_file, only=("clean", "attack"))
    texts = {name: text for name, text in ODD.items() if text.strip()}
    assert len(texts) == len(ODD) - 2 and document["entries"]["clean"]["sources"][0]["empty"] == 4
    records = records_of(tmp_path / "out")
    assert len(records) == 4 * len(texts)
    attacked = [r for r in records if r["entry"] == "attack"]
    for name, text in texts.items():
        seen = {r["outcome"]: r["message"] for r in attacked if r["texts"]["sentence"] == text}
        assert "error" not in seen, (name, seen)
        assert "already_wrong" in seen and set(seen) & {"robust", "broken", "timeout"}, (name, seen)
    assert {r["id"] for r in records if r["id"].endswith("-2")}, "a repeated text has an id of its own"
    assert len({(r["entry"], r["id"]) for r in records}) == len(records)


@pytest.mark.parametrize(("behave", "outcome"), [(fail, "error"), (loop, "timeout")], ids=["raise", "hang"])
def test_the_run_goes_on_past_a_failed_example(pair_checkpoint, write_suite, tmp_path, monkeypatch, behave, outcome):
    """R6."""
    from alumbench.attacks.execution import job
    from alumbench.evaluation import suite_entry as module

    suite = write_suite(("seconds = 20.0", "seconds = 0.5"))
    examples, _ = load_entry(suite.entries[2], load_task("mini-nli"), Request(suite, limit=12))
    trigger = examples[4].texts[1]
    recipe = dataclasses.replace(misbehaving(behave, trigger), name="deepwordbug-all-words")
    monkeypatch.setattr(module, "load_recipe", lambda name: recipe)
    monkeypatch.setattr(job, "load_recipe", lambda name: recipe)
    document = run(pair_checkpoint, tmp_path / "out", suite, limit=12, only=("attack",))
    records = records_of(tmp_path / "out")
    assert [r["id"] for r in records] == [e.id for e in examples]
    failed = [r for r in records if r["texts"]["hypothesis"] == trigger]
    rest = [r for r in records if r["texts"]["hypothesis"] != trigger]
    assert {r["outcome"] for r in failed} <= {outcome, "already_wrong"} and len(rest) >= 10
    assert {r["outcome"] for r in rest} <= set(ATTACK_OUTCOMES[:3])
    if failed[0]["outcome"] == outcome:
        assert failed[0]["message"] and failed[0]["adversarial"] is None
    assert document["entries"]["attack"]["summary"]["outcomes"][outcome] == sum(
        r["outcome"] == outcome for r in records
    )
    assert document["entries"]["attack"]["complete"]


def test_own_examples_take_the_place_of_the_suites(pair_checkpoint, write_suite, tmp_path):
    rows = [
        ("the dog runs .", "the dog never runs .", "contradiction"),
        ("the cat sits .", "the animal sits .", "Entailment"),
    ]
    path = tmp_path / "own.csv"
    path.write_text("premise,hypothesis,gold\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows))
    source = Source(file=str(path), label_column="gold")
    document = run(pair_checkpoint, tmp_path / "out", write_suite(), data=source)
    assert {name: entry["n"] for name, entry in document["entries"].items()} == dict.fromkeys(document["entries"], 2)
    assert [r["label"] for r in records_of(tmp_path / "out") if r["entry"] == "attack"] == [
        "contradiction",
        "entailment",
    ]
    for entry in document["entries"].values():
        assert entry["sources"][0]["from"] == "file" and entry["sources"][0]["examples"] == 2


def test_what_is_wrong_with_ones_own_file_is_no_matter_of_an_entry(pair_checkpoint, write_suite, tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("premise,text,label\na b,c d,neutral\n")
    with pytest.raises(AlumbenchError) as raised:
        run(pair_checkpoint, tmp_path / "out", write_suite(), data=Source(file=str(path)))
    assert str(raised.value).startswith(f"{path}: no column 'hypothesis'") and "--only" not in str(raised.value)


HANS_LIKE = """
name = "collapsed"
version = 1
title = "two labels"
[[entry]]
name = "two"
kind = "fixed"
group = "part"
collapse = { entailment = "entailment", neutral = "non-entailment", contradiction = "non-entailment" }
[[entry.source]]
file = "FILE"
labels = ["entailment", "non-entailment"]
"""


def test_three_labels_count_as_two_by_name(pair_checkpoint, write_suite, tmp_path):
    rows = [
        ("the dog runs .", f"the {who} {act} .", i % 2)
        for i, (who, act) in enumerate(
            (who, act) for who in ("dog", "animal", "cat") for act in ("runs", "never runs", "runs every day", "sits")
        )
    ]
    lines = [{"premise": a, "hypothesis": b, "label": c, "part": f"p{c}"} for a, b, c in rows]
    (tmp_path / "two.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    suite = write_suite(text=HANS_LIKE.replace("FILE", str(tmp_path / "two.jsonl")))
    document = run(pair_checkpoint, tmp_path / "out", suite)
    records, labels = records_of(tmp_path / "out"), load_task("mini-nli").labels
    for record in records:
        named = labels[max(range(3), key=record["scores"].__getitem__)]
        assert record["prediction"] == ("entailment" if named == "entailment" else "non-entailment")
        assert record["outcome"] == ("correct" if record["prediction"] == record["label"] else "wrong")
    right = sum(record["outcome"] == "correct" for record in records)
    summary = document["entries"]["two"]["summary"]
    assert (summary["measures"]["accuracy"]["count"], summary["measures"]["accuracy"]["n"]) == (right, len(rows))
    assert {name: group["n"] for name, group in summary["groups"].items()} == {"p0": 6, "p1": 6}


def test_a_collapse_that_names_no_label_of_the_task_is_refused(pair_checkpoint, write_suite, tmp_path):
    """A misspelt name would leave the task's own label in the prediction, and count it as wrong."""
    (tmp_path / "two.jsonl").write_text('{"premise": "a", "hypothesis": "b", "label": 0, "part": "p"}\n')
    text = HANS_LIKE.replace("FILE", str(tmp_path / "two.jsonl")).replace("contradiction =", "contradicton =")
    with pytest.raises(AlumbenchError, match="contradict"):
        run(pair_checkpoint, tmp_path / "out", write_suite(text=text))


def test_a_fixed_set_can_be_a_draw_too(pair_checkpoint, write_suite, tmp_path):
    rows = [{"premise": f"a{i}", "hypothesis": "b", "label": 0, "part": "p"} for i in range(30)]
    (tmp_path / "two.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = HANS_LIKE.replace("FILE", str(tmp_path / "two.jsonl"))
    suite = write_suite(text=text.replace('kind = "fixed"', 'kind = "fixed"\nexamples = 8'))
    (drawn,) = [entry for entry in suite.entries if entry.kind == "fixed"]
    examples = load_entry(drawn, load_task("mini-nli"), Request(suite))[0]
    numbers = [int(example.texts[0][1:]) for example in examples]
    assert len(numbers) == 8 and numbers == sorted(numbers) != list(range(8))


@pytest.mark.parametrize("limit", [1, 7])
def test_an_attacks_examples_are_one_draw_for_everybody(write_suite, limit):
    suite, task = write_suite(), load_task("mini-nli")
    attack = suite.entries[2]
    whole = [example.id for example in load_entry(attack, task, Request(suite))[0]]
    assert len(set(whole)) == 60
    assert [e.id for e in load_entry(attack, task, Request(suite, attack_seed=9, limit=limit))[0]] == whole[:limit]
    everything = [e.id for e in load_entry(suite.entries[0], task, Request(suite))[0]]
    assert whole == [id for id in everything if id in set(whole)] and whole != everything[:60]


@pytest.mark.parametrize(
    ("suite", "entry", "task", "n", "groups", "labels"),
    [
        ("advglue", "advglue-sst2", "sst2", 148, 1, 2),
        ("advglue", "advglue-qqp", "qqp", 78, 1, 2),
        ("advglue", "advglue-mnli", "mnli", 121, 1, 3),
        ("advglue", "advglue-mnli-mismatched", "mnli", 162, 1, 3),
        ("advglue", "advglue-qnli", "qnli", 148, 1, 2),
        ("advglue", "advglue-rte", "rte", 81, 1, 2),
        ("nli-challenge", "hans", "mnli", 30000, 3, 2),
        ("anli", "anli-r1-dev", "mnli", 1000, 1, 3),
        ("sentiment", "imdb-1000", "sst2", 1000, 1, 2),
        ("sentiment", "checklist-sentiment", "sst2", 1000, 4, 2),
    ],
)
def test_real_sets_have_their_published_size(mirror, suite, entry, task, n, groups, labels):
    suite = load_suite(suite)
    (chosen,) = [one for one in suite.entries if one.name == entry]
    examples, origins = load_entry(chosen, load_task(task), Request(suite))
    assert len(examples) == len({example.id for example in examples}) == n
    assert len({example.group for example in examples}) == groups
    assert len({example.label for example in examples}) == labels
    assert origins[0].kind == "mirror" and len(origins[0].sha256) == 64


def test_records_are_what_they_were(evaluated):
    """Every record of the small suite holds its text, label, prediction and scores; each attack its costs."""
    for record in read_records(evaluated / RECORDS)[0]:
        assert set(record) >= {"entry", "id", "texts", "label", "prediction", "scores", "outcome"}
        if record["entry"] == "attack":
            assert record["attack_seed"] == 1 and record["queries_unique"] <= record["queries"] <= 60
            assert record["adversarial"] is None or record["adversarial"]["premise"] == record["texts"]["premise"]


def test_ones_own_data_with_a_suite_that_has_no_clean_entry(checkpoint, tmp_path, odd_file):
    text = (
        'name = "bare"\nversion = 1\ntitle = "bare"\n[[entry]]\nname = "typos"\nkind = "attack"\n'
        'recipe = "deepwordbug-all-words@1"\nqueries = 20\n'
    )
    (tmp_path / "bare.toml").write_text(text)
    document = run(checkpoint, tmp_path / "out", load_suite(str(tmp_path / "bare.toml")), data=odd_file)
    assert list(document["entries"]) == ["clean", "typos"]
    assert all(entry["complete"] for entry in document["entries"].values())
