"""Entries of kind embedding: what they say, what their records keep, and what raises the flag."""

from __future__ import annotations

import json

import msgspec
import pytest
import torch

from alumbench.attacks.outcome import BROKEN, ROBUST
from alumbench.attacks.victim import Victim
from alumbench.errors import AlumbenchError
from alumbench.evaluation.evaluate import RECORDS
from alumbench.evaluation.rescoring import rescore_stored
from alumbench.evaluation.stored import Stored
from alumbench.evaluation.suite import load_suite
from alumbench.evaluation.summary import summarize
from alumbench.models.checkpoint import checkpoint_task, find_model
from alumbench.records import Ascended
from tests.evaluation.conftest import lines, run
from tests.typed import COMMON, plain

EMBEDDING = """
name = "small"
version = 1
title = "one white-box attack"
[[entry]]
name = "clean"
kind = "clean"
[[entry]]
name = "pgd"
kind = "embedding"
recipe = "embedding-pgd@2"
radius = 0.5
steps = 3
examples = 40
"""


@pytest.fixture
def opened(pair_checkpoint):
    files = find_model(str(pair_checkpoint))
    return Victim(files, checkpoint_task(files), "cpu")


def test_records_and_signature_say_what_was_done(pair_checkpoint, opened, write_suite, tmp_path):
    document = run(pair_checkpoint, tmp_path / "out", write_suite(text=EMBEDDING), opened)
    entry = document["entries"]["pgd"]
    assert "|embedding-pgd@2:l2-sentence:0.5:3:cross-entropy+margin:restarts=1" in entry["signature"]
    measures, ascent = entry["summary"]["measures"], entry["summary"]["ascent"]
    assert measures["accuracy_under_attack"]["value"] < measures["clean_accuracy"]["value"]
    assert ascent["not_broken"] == measures["accuracy_under_attack"]["count"]
    assert ascent["moved"] > 0.9 and ascent["zero_gradients"] == ascent["stuck"] == 0
    assert "ascent-did-not-move" not in {flag["flag"] for flag in document["flags"]}


def test_the_same_again_and_a_resumed_run_are_equal(pair_checkpoint, opened, write_suite, tmp_path):
    suite, opened.batch_size = write_suite(text=EMBEDDING), 8
    for name in ("one", "other"):
        run(pair_checkpoint, tmp_path / name, suite, opened)
    whole = lines(tmp_path / "one")
    assert whole == lines(tmp_path / "other")
    records = (tmp_path / "other" / "records.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "other" / "records.jsonl").write_bytes(b"".join(records[:-13]))
    run(pair_checkpoint, tmp_path / "other", suite, opened)
    assert lines(tmp_path / "other") == whole


@pytest.mark.parametrize("factor", [1e-6, 1e6], ids=str)
def test_accuracies_do_not_follow_the_logits_scale(pair_checkpoint, opened, write_suite, tmp_path, factor):
    """Probabilities in float32 are all the same at one end, and 1 to the last bit at the other."""
    suite = write_suite(text=EMBEDDING)
    before = run(pair_checkpoint, tmp_path / "before", suite, opened)["entries"]
    with torch.no_grad():
        opened.model.classifier.weight *= factor
        opened.model.classifier.bias *= factor
    after = run(pair_checkpoint, tmp_path / "after", suite, opened)
    for name, measure in (("clean", "accuracy"), ("pgd", "clean_accuracy"), ("pgd", "accuracy_under_attack")):
        one, other = (found[name]["summary"]["measures"][measure] for found in (before, after["entries"]))
        assert abs(one["count"] - other["count"]) <= (measure == "accuracy_under_attack")
    assert after["flags"] == []


def test_a_model_that_hides_its_gradients_raises_the_flag(pair_checkpoint, opened, write_suite, tmp_path):
    opened.model.dropout.register_forward_hook(lambda module, inputs, output: (output * 8).round() / 8)
    document = run(pair_checkpoint, tmp_path / "out", write_suite(text=EMBEDDING), opened)
    (flag,) = [flag for flag in document["flags"] if flag["flag"] == "ascent-did-not-move"]
    assert flag["entry"] == "pgd" and "100% of all gradients are 0" in flag["detail"]


ASCENT = {"moved": 1.0, "rose": True, "zero_gradients": 0.0}


@pytest.mark.parametrize(
    ("outcome", "ascent", "stuck"),
    [
        (ROBUST, ASCENT, 0),
        (ROBUST, ASCENT | {"moved": 0.49}, 1),
        (ROBUST, ASCENT | {"rose": False}, 1),
        (BROKEN, ASCENT | {"moved": 0.0}, 0),
    ],
    ids=["sound", "short", "no gain", "broken all the same"],
)
def test_what_counts_as_stuck(outcome, ascent, stuck, opened):
    record = msgspec.convert({**COMMON, "outcome": outcome, "ascent": ascent}, Ascended)
    assert summarize("embedding", opened.task, [record]).ascent.stuck == stuck


def test_older_records_say_nothing_of_their_ascents(opened):
    older = msgspec.convert({**COMMON, "outcome": ROBUST}, Ascended)
    assert set(plain(summarize("embedding", opened.task, [older]))) == {"measures"}


def test_a_perturbation_outside_of_the_ball_is_found_in_the_records(pair_checkpoint, opened, write_suite, tmp_path):
    run(pair_checkpoint, tmp_path / "out", write_suite(text=EMBEDDING), opened)
    file = tmp_path / "out" / RECORDS
    found = [json.loads(line) for line in file.read_text().splitlines()]
    forged = next(record for record in found if record["outcome"] == BROKEN)
    forged["ascent"]["moved"] = 2.5
    file.write_text("".join(json.dumps(record) + "\n" for record in found))
    fallen = {one.entry: one.fallen for one in rescore_stored(Stored.read(tmp_path / "out"), opened, None)}
    line = f"{forged['id']}: δ is 2.5 times as long as the radius, which is outside of the ball"
    assert fallen == {"clean": (), "pgd": (line,)}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "embedding-pgd@2",
            "embedding-pgd@1",
            "asks for embedding-pgd@1, this alumbench has embedding-pgd@2",
        ),
        ("steps = 3", 'steps = 3\nlosses = ["margins"]', r"unknown loss 'margins'. Did you mean 'margin'\?"),
        ("steps = 3", "steps = 3\nlosses = []", "needs a loss: cross-entropy, margin"),
        ("steps = 3", "steps = 3\nrestarts = -1", "restarts: expected a whole number from 0"),
        ("steps = 3", "steps = 0", "needs a radius and steps above 0"),
    ],
)
def test_what_makes_no_sense_is_refused(write_suite, old, new, message):
    with pytest.raises(AlumbenchError, match=message):
        write_suite((old, new), text=EMBEDDING)


def test_a_suite_that_names_no_version_is_bound_to_the_one_that_ran(write_suite):
    named, silent = write_suite(text=EMBEDDING), write_suite(('recipe = "embedding-pgd@2"\n', ""), text=EMBEDDING)
    assert silent.digest() == named.digest() and silent.entries[1].recipe == "embedding-pgd@2"
    more = write_suite(("steps = 3", "steps = 3\nrestarts = 4"), text=EMBEDDING)
    assert more.digest() != named.digest() and ":restarts=4" in more.entries[1].white_box()[1]


@pytest.mark.parametrize("name", ["embedding-pgd", "sentiment", "claims", "tuning"])
def test_shipped_suites_were_raised_with_the_attack(name):
    suite = load_suite(name)
    assert suite.version >= 2 and {e.recipe for e in suite.entries if e.kind == "embedding"} == {"embedding-pgd@2"}
