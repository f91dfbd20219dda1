"""Suites are data: what ships is sound, and what is wrong in a file is named with the nearest right thing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alumbench.attacks import load_recipe
from alumbench.data import load_task, task_names
from alumbench.data.dataset import load_examples_from
from alumbench.errors import AlumbenchError
from alumbench.evaluation.evaluate import Request, load_entry
from alumbench.evaluation.suite import load_suite, suite_names
from alumbench.evaluation.suite_entry import KINDS
from tests.evaluation.conftest import SMALL


def test_the_registry_lists_exactly_the_files():
    files = (Path(__file__).parents[2] / "suites").glob("*.toml")
    assert suite_names() == sorted(path.stem for path in files)
    assert len(suite_names()) >= 5


@pytest.mark.parametrize("name", suite_names())
def test_each_shipped_suite_is_sound(name):
    suite = load_suite(name)
    assert suite.name == name and suite.version >= 1 and suite.title and suite.entries
    for entry in suite.entries:
        assert entry.kind in KINDS
        assert set(entry.tasks) <= {"*", *task_names()}
        if entry.kind == "attack":
            assert entry.recipe == load_recipe(entry.recipe.partition("@")[0]).signature
            assert max(entry.queries, entry.queries_per_word) > 0 and entry.seconds > 0, "budget and time limit"
        for source in entry.source:
            assert source.hub or source.mirror or source.generated
            assert source.revision or not source.hub
        if entry.collapse:
            for task in entry.tasks:
                assert set(entry.collapse) == set(load_task(task).labels)
    assert suite.digest() == load_suite(name).digest() and len(suite.digest()) == 64


@pytest.mark.parametrize("name", ["advglue", "textattack-core"])
def test_suites_of_committed_boards_are_what_they_were(name):
    """What entries can say has grown; a suite that says none of it keeps its digest, so its runs can be resumed."""
    results = (Path(__file__).parents[2] / "leaderboards" / "sst2-methods" / "results").glob("*.json")
    suites = [run["suite"] for path in results for run in json.loads(path.read_text())["evaluations"]]
    suite = load_suite(name)
    known = {run["sha256"] for run in suites if (run["name"], run["version"]) == (name, suite.version)}
    assert known == {suite.digest()}


@pytest.mark.parametrize("name", suite_names())
@pytest.mark.parametrize("task", task_names())
def test_a_suite_and_a_task_fit_or_both_are_named(name, task):
    suite, task = load_suite(name), load_task(task)
    fitting = [entry.name for entry in suite.entries if entry.is_for(task)]
    regression = task.is_regression and fitting  # its dev set is scored, and nothing attacks it
    if regression or any(entry.kind != "clean" and entry.is_for(task) for entry in suite.entries):
        assert [entry.name for entry in suite.entries_for(task)] == fitting
    else:
        with pytest.raises(AlumbenchError, match=rf"suite '{name}' has no entry for task '{task.name}'; it is for "):
            suite.entries_for(task)


def test_a_regression_is_scored_on_its_dev_set_and_attacked_by_nothing():
    assert [entry.name for entry in load_suite("textattack-core").entries_for(load_task("stsb"))] == ["clean"]
    with pytest.raises(AlumbenchError, match="suite 'anli' has no entry for task 'stsb'"):
        load_suite("anli").entries_for(load_task("stsb"))


def test_only_takes_the_named_entries_and_offers_the_nearest():
    suite, task = load_suite("anli"), load_task("anli")
    assert [entry.name for entry in suite.entries_for(task, ("anli-r1-dev",))] == ["anli-r1-dev"]
    with pytest.raises(AlumbenchError, match=r"unknown entry .*'anli-r1-dve'. Did you mean 'anli-r1-dev'\?"):
        suite.entries_for(task, ("anli-r1-dve",))


NAME = 'name = "attack"\n'


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("queries = 60", "querys = 60", r"\(attack\): unknown key 'querys'. Did you mean 'queries'\?"),
        ('title = "clean', 'titel = "clean', r"unknown key 'titel'. Did you mean 'title'\?"),
        ("generated =", "generate =", r"\(adversarial\).source\[0\]: unknown key 'generate'. Did you mean 'generated'"),
        ('kind = "attack"', 'kind = "atack"', r"\(attack\): unknown kind 'atack'. Did you mean 'attack'\?"),
        ("all-words@1", "all-word@1", r"unknown recipe 'deepwordbug-all-word'. Did you mean 'deepwordbug-all-words'"),
        ("all-words@1", "all-words@2", r"asks for deepwordbug-all-words@2, this alumbench has deepwordbug-all-words@1"),
        ("all-words@1", "all-words", r"asks for deepwordbug-all-words, this alumbench has deepwordbug-all-words@1"),
        (NAME, 'name = "clean"\n', "two entries are called clean"),
        ("version = 1\n", "", "version"),
        (NAME, "", "entry\[2\]: name is missing"),
        ('[[entry.source]]\ngenerated = "nli/adversarial"\n', "", "a fixed set needs a"),
        ("version = 1", "version = [", "small.toml: "),
    ],
)
def test_what_is_wrong_in_a_file_is_named(write_suite, old, new, message):
    with pytest.raises(AlumbenchError, match=message):
        write_suite((old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("queries = 60", "queries = -60"),
        ("examples = 60", 'examples = "60"'),
        ("seconds = 20.0", "seconds = -1.0"),
        ("version = 1", 'version = "1"'),
        ("queries = 60", "queries = 60.5"),
    ],
)
def test_values_that_make_no_sense_are_refused(write_suite, old, new):
    with pytest.raises(AlumbenchError, match="small.toml"):
        write_suite((old, new))


@pytest.mark.parametrize(("name", "message"), [("smok", "Did you mean 'smoke'"), ("/none/x.toml", "no such file")])
def test_a_suite_that_is_not_there(name, message):
    with pytest.raises(AlumbenchError, match=message):
        load_suite(name)


def test_whatever_a_suite_says_changes_its_digest(write_suite):
    plain = write_suite().digest()
    edits = [("queries = 60", "queries = 61"), ("nli/adversarial", "nli/dev"), ('"small"', '"other"'), ("20.0", "21.0")]
    digests = {write_suite(edit).digest() for edit in edits}
    assert len(digests | {plain}) == len(edits) + 1
    assert write_suite(text="# a comment\n" + SMALL).digest() == plain


def test_the_attacks_of_the_nli_board_may_change_the_hypothesis_only():
    suite = load_suite("nli")
    for task in map(load_task, ("mnli", "snli", "nli", "anli")):
        attacks = [entry for entry in suite.entries_for(task) if entry.kind == "attack"]
        assert [entry.name for entry in attacks] == ["deepwordbug", "pwws"] and task.protected == ("premise",)
        assert [ensemble.signature for ensemble in suite.ensembles_for(task)] == ["hypothesis@1"]
    with pytest.raises(AlumbenchError, match="suite 'nli' has no entry for task 'sst2'"):
        suite.entries_for(load_task("sst2"))


def test_the_sets_of_the_nli_board_are_drawn_as_it_says(mirror):
    suite, task = load_suite("nli"), load_task("nli")
    found = {entry.name: load_entry(entry, task, Request(suite))[0] for entry in suite.entries}
    sizes = [9815, 2000, 1000, 1000, 1000, 1000, 1198, 1200, 121, 3000, 2000, 2000, 623, 200, 200]
    assert [len(examples) for examples in found.values()] == sizes
    assert {example.group for example in found["hans"]} == {"lexical_overlap", "subsequence", "constituent"}
    assert {example.label for example in found["hans"]} == {"entailment", "non-entailment"}
    assert [example.id for example in found["deepwordbug"]] == [example.id for example in found["pwws"]]
    trained = load_examples_from(task.train, task.columns, task.labels)[0]
    pairs = {tuple(text.strip() for text in example.texts) for example in trained}
    assert not [e for examples in found.values() for e in examples if tuple(t.strip() for t in e.texts) in pairs]
