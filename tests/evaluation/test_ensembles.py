"""The worst case over a named ensemble, with and without sparing what is broken already."""

from __future__ import annotations

import json
import shutil

import pytest

from alumbench.attacks.outcome import ATTACK_OUTCOMES
from alumbench.errors import AlumbenchError
from alumbench.evaluation.document import EVALUATION, RECORDS
from alumbench.evaluation.ensembles import worst_case
from alumbench.evaluation.stored import Stored, is_plain
from alumbench.leaderboard.compare import compare
from alumbench.parsing import read_json
from alumbench.storage import read_records
from tests.evaluation.conftest import lines, run
from tests.typed import attacked

TWO = """
name = "two"
version = 1
title = "two attacks and their worst case"
[[entry]]
name = "typos"
kind = "attack"
recipe = "deepwordbug-all-words@1"
examples = 40
queries = 7
[[entry]]
name = "letters"
kind = "attack"
recipe = "bad-characters-deletions@1"
examples = 40
queries = 2
[[ensemble]]
name = "both"
version = 3
entries = ["letters", "typos"]
"""


@pytest.fixture(scope="module")
def evaluations(pair_checkpoint, tmp_path_factory):
    """The same suite plainly and with `--skip-broken`."""
    from alumbench.evaluation.suite import load_suite

    folder = tmp_path_factory.mktemp("ensembles")
    (folder / "two.toml").write_text(TWO)
    suite = load_suite(str(folder / "two.toml"))
    run(pair_checkpoint, folder / "plain", suite)
    run(pair_checkpoint, folder / "spared", suite, skip_broken=True)
    return folder


def of(out, entry):
    return {r["id"]: r for r in read_records(out / RECORDS)[0] if r["entry"] == entry}


def test_an_example_is_robust_only_if_it_is_under_every_member(evaluations):
    out = evaluations / "plain"
    worst = read_json(out / EVALUATION)["ensembles"]["both@3"]
    members = [of(out, name) for name in ("typos", "letters")]
    assert worst["complete"] and worst["members"] == ["typos", "letters"]
    robust = sum(all(member[id]["outcome"] == "robust" for member in members) for id in members[0])
    broken = sum(any(member[id]["outcome"] == "broken" for member in members) for id in members[0])
    alone = [sum(r["outcome"] == "broken" for r in member.values()) for member in members]
    assert 0 < max(alone) < broken < 40, "each member breaks something that the other does not"
    assert worst["measures"]["accuracy_under_attack"]["count"] == robust
    assert worst["measures"]["attack_success_rate"]["count"] == broken
    assert worst["outcomes"]["broken"] == broken and worst["outcomes"]["robust"] == robust
    right = worst["measures"]["clean_accuracy"]["count"]
    assert worst["outcomes"]["already_wrong"] == 40 - right and robust + broken == right


def test_sparing_broken_examples_changes_nothing_but_the_work(evaluations):
    plain, spared = (read_json(evaluations / name / EVALUATION) for name in ("plain", "spared"))
    assert spared["ensembles"] == plain["ensembles"]
    first, second = (of(evaluations / "spared", name) for name in ("typos", "letters"))
    broken = {id for id, record in first.items() if record["outcome"] == "broken"}
    assert {id for id, record in second.items() if record["outcome"] == "skipped"} == broken
    assert all(second[id]["queries"] == 0 and second[id]["message"] == "broken by typos" for id in broken)
    assert list(map(json.dumps, lines_of(evaluations / "plain", "typos"))) == list(
        map(json.dumps, lines_of(evaluations / "spared", "typos"))
    )
    entries = spared["entries"]
    assert "skip-broken:both@3" in entries["letters"]["signature"].split("|")
    assert "skip-broken" not in entries["typos"]["signature"]
    assert entries["typos"]["summary"] == plain["entries"]["typos"]["summary"]
    summary = entries["letters"]["summary"]
    for name in ("accuracy_under_attack", "attack_success_rate"):
        assert summary["measures"][name]["value"] is None and "--skip-broken" in summary["measures"][name]["reason"]
    assert summary["measures"]["clean_accuracy"] == plain["entries"]["letters"]["summary"]["measures"]["clean_accuracy"]
    assert summary["outcomes"]["skipped"] == len(broken)
    asked = [entry["entries"]["letters"]["summary"]["queries"]["asked"] for entry in (plain, spared)]
    assert asked[1] < asked[0]


def lines_of(out, entry):
    return [record for record in map(json.loads, lines(out)) if record["entry"] == entry]


def test_it_is_part_of_the_identity_and_no_plain_run(pair_checkpoint, evaluations, write_suite, tmp_path):
    suite = write_suite(text=TWO)
    shutil.copytree(evaluations / "plain", tmp_path / "out")
    with pytest.raises(AlumbenchError, match=r"cannot resume, skip_broken changed: None there, 'both@3' now"):
        run(pair_checkpoint, tmp_path / "out", suite, skip_broken=True)
    plain, spared = (Stored.read(evaluations / name).document.identity for name in ("plain", "spared"))
    assert is_plain(plain) and not is_plain(spared)


def test_attack_seeds_are_no_hindrance_to_comparing(pair_checkpoint, evaluations, write_suite, tmp_path):
    suite = write_suite(("queries = 7", "queries = 7\nseeds = 2\nseed_examples = 3"), text=TWO)
    run(pair_checkpoint, tmp_path / "out", suite)
    run(pair_checkpoint, tmp_path / "spared", suite, skip_broken=True)
    table = compare([tmp_path / "out", tmp_path / "spared", evaluations / "plain"])
    assert {d["difference"] for d in table.data if "difference" in d} == {0}
    assert len(lines_of(tmp_path / "spared", "typos")) == 40, "one seed alone"
    assert len(lines_of(tmp_path / "out", "typos")) == 43


def test_it_resumes(pair_checkpoint, evaluations, write_suite, tmp_path):
    """Cut off in the middle of the second member, it ends in the same records."""
    suite, out = write_suite(text=TWO), tmp_path / "out"
    shutil.copytree(evaluations / "spared", out)
    whole = (out / RECORDS).read_bytes().splitlines(keepends=True)
    (out / RECORDS).write_bytes(b"".join(whole[:55]))
    document = run(pair_checkpoint, out, suite, skip_broken=True)
    assert lines(out) == lines(evaluations / "spared")
    assert document["ensembles"] == read_json(evaluations / "spared" / EVALUATION)["ensembles"]


def test_a_later_member_alone_is_refused(pair_checkpoint, write_suite, tmp_path):
    with pytest.raises(AlumbenchError, match="entry letters: --skip-broken needs typos first; name it with --only too"):
        run(pair_checkpoint, tmp_path / "out", write_suite(text=TWO), skip_broken=True, only=("letters",))


def test_without_all_members_there_is_no_number(pair_checkpoint, write_suite, tmp_path):
    document = run(pair_checkpoint, tmp_path / "out", write_suite(text=TWO), only=("letters",), limit=5)
    worst = document["ensembles"]["both@3"]
    assert not worst["complete"] and worst["outcomes"] is None
    assert worst["measures"]["accuracy_under_attack"] == {"value": None, "reason": "not finished: typos", "n": 0}
    assert list(Stored.read(tmp_path / "out").columns) == ["letters"]


def test_a_suite_without_one_ensemble_has_nothing_to_skip_by(pair_checkpoint, write_suite, tmp_path):
    with pytest.raises(AlumbenchError, match="--skip-broken needs one ensemble for task 'mini-nli', suite 'small'"):
        run(pair_checkpoint, tmp_path / "out", write_suite(), skip_broken=True)


@pytest.mark.parametrize(
    ("outcomes", "worst"),
    [
        (("robust", "robust"), "robust"),
        (("robust", "broken"), "broken"),
        (("error", "broken"), "broken"),
        (("robust", "skipped"), "broken"),
        (("robust", "error"), "error"),
        (("timeout", "robust"), "timeout"),
        (("already_wrong", "error"), "already_wrong"),
    ],
    ids="-".join,
)
def test_the_worst_of_two(outcomes, worst):
    records = {
        str(at): [attacked(prediction=None if name == "error" else "a", outcome=name)]
        for at, name in enumerate(outcomes)
    }
    (found,) = worst_case(records)
    assert found.outcome == worst and found.prediction == "a" and worst in ATTACK_OUTCOMES


def test_the_worst_case_is_a_column_with_a_paired_test(evaluations, tmp_path):
    other = shutil.copytree(evaluations / "plain", tmp_path / "other")
    figures = [d for d in compare([evaluations / "plain", other]).data if d["entry"] == "worst case both@3"]
    under = [d for d in figures if d["measure"] == "accuracy_under_attack"]
    assert [d["n"] for d in under] == [40, 40] and under[1]["difference"] == 0 and under[1]["p"] == 1.0
    spared = compare([evaluations / "plain", evaluations / "spared"])
    again = [d for d in spared.data if d["entry"] == "worst case both@3" and "difference" in d]
    assert [d["difference"] for d in again] == [0], "the same worst case, so the same signature"
    assert "worst case both@3" in spared.render("markdown")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"letters", "typos"', '"letters", "typoes"', r"ensemble both: unknown entry 'typoes'. Did you mean 'typos'"),
        (
            '"letters", "typos"',
            '"letters"',
            r"ensemble\[0\] \(both\): entries must name two or more attacks, each once",
        ),
        ('"letters", "typos"', '"typos", "typos"', r"ensemble\[0\] \(both\): entries must name two or more"),
        ("examples = 40\nqueries = 2", "examples = 41\nqueries = 2", "letters has examples = 41, typos has 40"),
        ("bad-characters-deletions", "input-reduction", "entry letters is a reduction, which keeps the label"),
        ("queries = 2", 'queries = 2\n[entry.source]\ngenerated = "nli/dev"', "letters has source"),
        (
            'kind = "attack"\nrecipe = "deepwordbug-all-words@1"',
            'kind = "clean"',
            "typos is of kind clean; members are",
        ),
        (
            "version = 3",
            'version = "3"',
            r"ensemble\[0\] \(both\).version: expected a whole number",
        ),
        ("version = 3\n", "", r"ensemble\[0\] \(both\): version is missing"),
        ("version = 3", "versoin = 3", r"ensemble\[0\] \(both\): unknown key 'versoin'"),
    ],
)
def test_what_is_wrong_in_an_ensemble_is_named(write_suite, old, new, message):
    with pytest.raises(AlumbenchError, match=f"small.toml: {message}" if message.startswith("ensemble") else message):
        write_suite((old, new), text=TWO)


def test_two_ensembles_of_one_name_and_version_are_refused(write_suite):
    again = TWO[TWO.index("[[ensemble]]") :]
    with pytest.raises(AlumbenchError, match="two ensembles are called both@3"):
        write_suite(text=TWO + again)
