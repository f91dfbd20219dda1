"""Each reliability flag: something that raises it, and the same without."""

from __future__ import annotations

import dataclasses
import json
import shutil

import msgspec
import pytest
import torch

from alumbench.attacks import load_recipe
from alumbench.attacks.victim import Victim
from alumbench.evaluation.document import EVALUATION
from alumbench.evaluation.evaluate import load_entry
from alumbench.evaluation.model_checks import TEXTS, check_model, uses_gradients
from alumbench.evaluation.reliability_flags import flags
from alumbench.evaluation.request import Request
from alumbench.evaluation.results import ModelCheck
from alumbench.evaluation.suite import load_suite
from alumbench.evaluation.suite_entry import SuiteEntry
from alumbench.models.checkpoint import checkpoint_task, find_model
from alumbench.parsing import read_json
from alumbench.records import Searched
from tests.evaluation.conftest import run
from tests.typed import attacked, changed, entry_result, plain

SOUND = {
    "texts": 32,
    "training_modules": [],
    "again": 0.0,
    "alone": 0.0,
    "unpadded": 0.0,
    "unpadded_labels": 0,
    "zero_gradients": 0,
    "right_answers": 30,
    "reason": "",
}


def share(count, n):
    return {"value": count / n, "count": count, "n": n}


def attack(accuracy=40, clean=90, n=100, **values):
    measures = {"clean_accuracy": share(clean, n), "accuracy_under_attack": share(accuracy, n)}
    entry = {"goal": "untargeted", "query_budget": 50, "white_box": False, "summary": {"measures": measures}}
    return entry_result(**entry | values)


def records(*parts):
    rows = [(outcome, queries) for outcome, queries, count in parts for _ in range(count)]
    return [attacked(id=str(at), label=str(at % 3), outcome=row[0], queries=row[1]) for at, row in enumerate(rows)]


def clean(right, n):
    return entry_result(kind="clean", summary={"measures": {"accuracy": share(right, n)}})


CLEAN = clean(90, 100)
OF_PGD = {"measures": {"clean_accuracy": share(90, 100)}}
PGD = entry_result(kind="embedding", summary=OF_PGD)


def ascended(stuck, zero_gradients=0.0, not_broken=100):
    told = {"moved": 0.9, "zero_gradients": zero_gradients, "not_broken": not_broken, "stuck": stuck}
    return entry_result(kind="embedding", summary=OF_PGD | {"ascent": told})


def set_records(*parts):
    """Records of a search within a threat model."""
    return [
        changed(attacked(outcome=outcome, queries=queries), id=str(at), searched=Searched(None, **told))
        for outcome, queries, count, told in parts
        for at in range(count)
    ]


def within(**values):
    """An attack that leaves 40 of 100 examples within a threat model."""
    told = {"accuracy_by_degree": {}, "median_degree": None, "empty_sets": 0, "exhausted": 0} | values
    summary = {"measures": {"accuracy_under_attack": share(40, 100)}, "outcomes": {"robust": 40}, "within": told}
    return attack(summary=summary, threat_model={"signature": "chars-2@1"})


TWO = {"clean": CLEAN, "first": attack(), "second": attack()}
KEPT = records(("robust", 10, 40), ("broken", 50, 50), ("already_wrong", 1, 10))


def raised(entries=TWO, of=None, check=SOUND, labels=("a", "b", "c")):
    return flags(entries, {"first": KEPT, "second": KEPT} | (of or {}), [msgspec.convert(check, ModelCheck)], labels)


def test_a_sound_evaluation_raises_none():
    assert raised() == []


@pytest.mark.parametrize(
    ("other", "said"), [("a", "all examples have that label"), ("b", "nothing to lose to an attack")]
)
def test_where_all_examples_have_one_label_no_accuracy_says_anything(other, said):
    golds = [changed(KEPT[0], label="a", id=str(at)) for at in range(99)] + [changed(KEPT[0], label=other, id="last")]
    (found,) = raised(TWO | {"first": attack(clean=99 if other == "b" else 100)}, {"first": golds})
    assert (found.flag, found.detail.rpartition(": ")[2]) == ("clean-accuracy-at-chance", said)


CASES = [
    ("dropout-on", "", {"check": SOUND | {"training_modules": ["", "bert"]}}, {}),
    ("not-deterministic", "", {"check": SOUND | {"again": 2e-5}}, {"check": SOUND | {"again": 9e-6}}),
    ("not-deterministic", "", {"check": SOUND | {"alone": 1.0}}, {"check": SOUND | {"alone": None, "again": None}}),
    ("zero-gradients", "", {"check": SOUND | {"zero_gradients": 1}}, {"check": SOUND | {"zero_gradients": None}}),
    ("not-checked", "", {"check": SOUND | {"reason": "ValueError: x"}}, {}),
    (
        "black-box-beats-white-box",
        "second",
        {"entries": TWO | {"second": attack(41, white_box=True)}},
        {"entries": TWO | {"second": attack(40, white_box=True)}},
    ),
    (
        "black-box-beats-white-box",
        "second",
        {"entries": TWO | {"second": attack(99, white_box=True)}},
        {"entries": TWO | {"second": attack(99, white_box=True, data_sha256="e" * 64)}},
    ),
    (
        "black-box-beats-white-box",
        "first",
        {"entries": TWO | {"first": attack(50, white_box=True)}},
        {"entries": {n: attack(50 - len(n), white_box=True) for n in ("first", "second")}},
    ),
    (
        "black-box-beats-white-box",
        "second",
        {"entries": TWO | {"second": attack(50, white_box=True)}},
        {"entries": TWO | {"second": attack(50, white_box=True, threat_model={"signature": "chars-2@1"})}},
    ),
    (
        "black-box-beats-white-box",
        "second",
        {"entries": {"first": within(), "second": attack(50, white_box=True, threat_model={"signature": "chars-2@1"})}},
        {"entries": {"first": within(), "second": attack(50, white_box=True, threat_model={"signature": "chars-1@1"})}},
    ),
    ("fewer-than-two-attacks", "", {"entries": {"clean": CLEAN, "first": attack()}}, {"entries": {"clean": CLEAN}}),
    ("fewer-than-two-attacks", "", {"entries": TWO | {"second": attack(goal="reduction")}}, {}),
    (
        "errors",
        "first",
        {"of": {"first": records(("robust", 9, 98), ("error", 0, 1), ("timeout", 0, 1))}},
        {"of": {"first": records(("robust", 9, 99), ("error", 0, 1))}},
    ),
    (
        "budget-saturated",
        "first",
        {"of": {"first": records(("robust", 50, 3), ("robust", 49, 47), ("broken", 50, 50))}},
        {"of": {"first": records(("robust", 50, 2), ("robust", 49, 38), ("broken", 50, 60))}},
    ),
    (
        "budget-saturated",
        "first",
        {"of": {"first": records(("robust", 50, 100))}},
        {"of": {"first": records(("robust", 50, 100))}, "entries": TWO | {"first": attack(query_budget=0)}},
    ),
    (
        "budget-saturated",
        "first",
        {
            "entries": TWO | {"first": attack(query_budget=0, queries_per_word=5)},
            "of": {"first": records(("robust", 50, 100))},
        },
        {
            "entries": TWO | {"first": attack(query_budget=0, queries_per_word=5)},
            "of": {"first": records(("robust", 49, 100))},
        },
    ),
    (
        "budget-ends-in-first-step",
        "first",
        {"of": {"first": set_records(("robust", 50, 10, {"largest": 2, "reached": 1}))}},
        {"of": {"first": set_records(("robust", 50, 10, {"largest": 2, "reached": 2}))}},
    ),
    (
        "budget-saturated",
        "first",
        {"of": {"first": set_records(("robust", 50, 10, {"largest": 2}))}},
        {"of": {"first": set_records(("robust", 50, 10, {"largest": 2, "exhausted": True}))}},
    ),
    (
        "empty-sets",
        "first",
        {"entries": TWO | {"first": within(empty_sets=1)}},
        {"entries": TWO | {"first": within(empty_sets=0)}},
    ),
    (
        "fewer-than-two-attacks",
        "",
        {"entries": {"first": within(exhausted=39)}},
        {"entries": {"first": within(exhausted=40)}},
    ),
    (
        "fewer-than-two-attacks",
        "",
        {"entries": {"first": attack(signature="s@1|e|atk:standard@1(beam@1)")}},
        {"entries": {"first": attack(signature="s@1|e|atk:standard@1(beam@1+charmer@1)")}},
    ),
    (
        "clean-accuracy-at-chance",
        "clean",
        {"entries": TWO | {"clean": clean(20, 60)}},
        {"entries": TWO | {"clean": clean(21, 60)}},
    ),
    ("ascent-did-not-move", "pgd", {"entries": TWO | {"pgd": ascended(2)}}, {"entries": TWO | {"pgd": ascended(1)}}),
    ("ascent-did-not-move", "pgd", {"entries": TWO | {"pgd": ascended(1, 1.0, 9)}}, {"entries": TWO | {"pgd": PGD}}),
    ("clean-accuracy-at-chance", "first", {"entries": TWO | {"first": attack(clean=33)}}, {"labels": ()}),
    (  # always the commonest label, which is more than one in three
        "clean-accuracy-at-chance",
        "first",
        {
            "entries": TWO | {"first": attack(clean=60)},
            "of": {"first": [changed(KEPT[0], label=str(i > 59)) for i in range(100)]},
        },
        {
            "entries": TWO | {"first": attack(clean=61)},
            "of": {"first": [changed(KEPT[0], label=str(i > 59)) for i in range(100)]},
        },
    ),
]


@pytest.mark.parametrize(
    ("name", "about", "with_it", "without"), CASES, ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)]
)
def test_each_flag_is_raised_and_not_raised(name, about, with_it, without):
    found = raised(**with_it)
    assert [(flag.flag, flag.entry) for flag in found] == [(name, about)]
    assert str(found[0]) == f"{name}{f' ({about})' if about else ''}: {found[0].detail}" and found[0].detail
    assert name not in {flag.flag for flag in raised(**without)}
    json.dumps(plain(found), allow_nan=False)


@pytest.mark.parametrize(
    ("right", "rare", "is_raised"),
    [
        (3, 50, True),
        (34, 50, True),  # P(X <= 34) is 0.0009
        (35, 50, False),  # and P(X <= 35) 0.0018
        (3, 20, True),
        (12, 20, False),  # below half, but not below the rarer label for all
        (97, 50, False),
    ],
)
def test_a_model_wrong_more_often_than_one_label_for_all_has_its_labels_swapped(right, rare, is_raised):
    entries = {"clean": clean(right, 100)}
    rows = [changed(KEPT[0], label="b" if at < rare else "a") for at in range(100)]
    found = [flag for flag in raised(entries, {"clean": rows}, labels=["a", "b"]) if flag.flag == "labels-swapped"]
    assert [flag.entry for flag in found] == ["clean"] * is_raised
    assert all("id2label" in str(flag) and "--labels" in str(flag) for flag in found)


def test_a_swapped_checkpoint_is_flagged(checkpoint, tmp_path):
    folder = shutil.copytree(checkpoint, tmp_path / "swapped")
    config = json.loads((folder / "config.json").read_text())
    config |= {"id2label": {"0": "positive", "1": "negative"}, "label2id": {"positive": 0, "negative": 1}}
    (folder / "config.json").write_text(json.dumps(config))
    suite = load_suite("smoke")
    found = {}
    for model in (folder, checkpoint):
        document = run(model, tmp_path / f"of-{model.name}", suite, only=("clean",))
        found[model] = [flag["flag"] for flag in document["flags"]]
    assert found == {folder: ["clean-accuracy-at-chance", "labels-swapped"], checkpoint: []}


def test_null_figures_raise_nothing():
    nothing = {"value": None, "reason": "--skip-broken", "n": 0}
    measures = dict.fromkeys(("clean_accuracy", "accuracy_under_attack"), nothing)
    spared = attack(white_box=True, summary={"measures": measures})
    assert raised(TWO | {"second": spared}) == []
    fixed = entry_result(kind="fixed", summary={"measures": {"accuracy": share(1, 100)}})
    assert raised(TWO | {"set": fixed}) == [], "a set is made to be got wrong"


@pytest.fixture
def examined(pair_checkpoint, write_suite):
    files = find_model(str(pair_checkpoint))
    victim = Victim(files, checkpoint_task(files), "cpu")
    suite = write_suite()
    return victim, load_entry(suite.entries[0], victim.task, Request(suite))[0]


def test_a_sound_model(examined):
    victim, examples = examined
    found = plain(check_model(victim, examples, {}))
    assert found["texts"] == TEXTS and found["right_answers"] > 10
    assert found["unpadded"] < 1e-6
    assert found | {"right_answers": 30, "unpadded": 0.0} == SOUND


def test_a_model_in_training_mode(examined):
    victim, examples = examined
    state = torch.get_rng_state()
    victim.model.train()
    found = plain(check_model(victim, examples, {}))
    assert len(found["training_modules"]) == len(list(victim.model.modules()))
    assert found["again"] > 1e-4 and found["alone"] > 1e-4
    assert {flag.flag for flag in raised(check=found)} >= {"dropout-on", "not-deterministic"}
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("factor", [1e-6, 1e6], ids=str)
def test_gradients_do_not_vanish_with_the_logits_scale(examined, factor):
    """Of logits so far apart that the softmax is 1 to the last bit the answers can still be attacked."""
    victim, examples = examined
    with torch.no_grad():
        victim.model.classifier.weight *= factor
        victim.model.classifier.bias *= factor
    assert check_model(victim, examples, {}).zero_gradients == 0


def test_a_model_without_gradients(examined):
    """Rounding on the way: the answers are much the same, the gradients gone."""
    victim, examples = examined
    victim.model.dropout.register_forward_hook(lambda module, inputs, output: (output * 8).round() / 8)
    found = plain(check_model(victim, examples, {}))
    assert 10 < found["zero_gradients"] == found["right_answers"]
    assert "zero-gradients" in {flag.flag for flag in raised(check=found)}


def test_a_model_that_cannot_be_asked_is_no_end(examined):
    victim, examples = examined
    with torch.no_grad():
        victim.model.classifier.bias[0] = torch.nan
    found = plain(check_model(victim, examples, {}))
    assert "not finite" in found["reason"] and found["again"] is None
    assert [flag.flag for flag in raised(check=found)] == ["not-checked"]


def test_answers_are_right_by_a_sets_own_labels(examined):
    victim, examples = examined
    names = dict.fromkeys(victim.task.labels, "one")
    all_right = [dataclasses.replace(one, label="one") for one in examples[:8]]
    assert check_model(victim, all_right, names).right_answers == 8
    assert check_model(victim, all_right, {}).right_answers == 0


def test_gradients_are_known_by_the_attack_itself(examined, mirror):
    victim, _ = examined
    assert not uses_gradients(SuiteEntry("typos", "attack", recipe="deepwordbug-all-words@1"), victim)
    recipe = load_recipe("hotflip-jia")
    if recipe.missing():
        pytest.skip("; ".join(recipe.missing()))
    assert uses_gradients(SuiteEntry("hotflip", "attack", recipe=recipe.signature), victim)


def test_they_are_stored(evaluated, pair_checkpoint, write_suite, tmp_path):
    document = read_json(evaluated / EVALUATION)
    assert document["model_checks"]["texts"] == 32 and document["entries"]["attack"]["white_box"] is False
    names = {flag["flag"] for flag in document["flags"]}
    assert "fewer-than-two-attacks" in names and not names & {"dropout-on", "not-deterministic", "errors"}
    clean = run(pair_checkpoint, tmp_path / "out", write_suite(), only=("clean",))
    assert clean["flags"] == []
