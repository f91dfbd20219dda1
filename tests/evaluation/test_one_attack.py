"""One attack named by its recipe and threat model, without a suite: what it runs, records and resumes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import alumbench as ab
from alumbench.errors import AlumbenchError
from alumbench.evaluation.document import EVALUATION, RECORDS
from alumbench.evaluation.one_attack import options_of, suite_of
from alumbench.evaluation.results import OneAttack
from tests.cli.test_commands import invoke

EXACT = ("--recipe", "exhaustive", "--threat-model", "chars-1", "--examples", "6", "--device", "cpu")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    monkeypatch.chdir(tmp_path)
    return lambda *words: invoke(*map(str, words), monkeypatch=monkeypatch, capsys=capsys)


def test_a_recipe_and_a_threat_model_make_a_suite() -> None:
    suite = suite_of(OneAttack(recipe="pwws", threat_model="chars-2", examples=100, queries_per_word=50))
    (entry,) = suite.entries
    assert suite.name == "pwws-chars-2-n100-qpw50" and suite.title == "pwws@1 within chars-2@1"
    assert (entry.name, entry.recipe, entry.threat_model) == ("pwws", "pwws@1", "chars-2@1")
    assert (entry.examples, entry.queries, entry.queries_per_word) == (100, 0, 50)
    assert suite_of(OneAttack(threat_model="chars-2")).entries[0].recipe == "standard@1"
    assert suite_of(OneAttack(recipe="pwws@1")).entries[0].threat_model == ""
    assert suite.attack is not None and suite_of(suite.attack, run_files=False).digest() == suite.digest()
    assert suite_of(OneAttack(recipe="pwws", threat_model="chars-2", examples=99)).digest() != suite.digest()


def test_the_options_name_the_attack() -> None:
    attack = OneAttack(recipe="bae-local", threat_model="chars-2", queries=9, models={"masked_lm": "lm"})
    named = ["--recipe", "bae-local", "--threat-model", "chars-2", "--queries", "9", "--attack-model", "masked_lm=lm"]
    assert options_of(attack) == named and options_of(OneAttack()) == []


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        ({}, "name an attack: --recipe, --threat-model or both"),
        ({"recipe": "exhaustive"}, "recipe exhaustive searches the set of a threat model; name one, such as"),
        ({"recipe": "exhaustiv", "threat_model": "chars-1"}, "unknown recipe 'exhaustiv'. Did you mean 'exhaustive'"),
        (
            {"recipe": "exhaustive@7", "threat_model": "chars-1"},
            "asks for exhaustive@7, this alumbench has exhaustive@1",
        ),
        ({"threat_model": "chars"}, "threat model chars: give its degree too, such as chars-1"),
        ({"threat_model": "cars-2"}, "unknown threat model 'cars-2'. Did you mean 'chars-2'"),
        ({"threat_model": "chars-2@9"}, "asks for chars-2@9, this alumbench has chars-2@1"),
        ({"threat_model": "chars-0"}, "threat model chars-0: a degree of 0 is not possible"),
        ({"threat_model": "chars-"}, "threat model chars-: expected a degree and perhaps a version, as in chars-2@1"),
        ({"threat_model": "chars-30%"}, "its degree is a number of edits, such as chars-2"),
        ({"threat_model": "synonyms-3"}, "its degree is a percentage of words, such as synonyms-30%"),
        ({"threat_model": "synonyms-101%"}, "a degree of 101 is not possible"),
        ({"threat_model": "chars-1.5"}, "its degree is a number of edits, such as chars-2"),
        ({"threat_model": "chars-1@" + "9" * 5000}, "expected a degree and perhaps a version, as in chars-2@1"),
        ({"threat_model": "embedding-0.1"}, "threat model embedding-0.1: has no texts; an entry of kind 'embedding'"),
        (
            {"recipe": "input-reduction", "threat_model": "chars-2"},
            "recipe input-reduction cannot search chars-2: it keeps",
        ),
        ({"recipe": "embedding-pgd", "threat_model": "chars-2"}, "embedding-pgd"),
    ],
    ids=lambda value: "-".join(value.values())[:40] if isinstance(value, dict) else "",
)
def test_what_is_no_attack_is_refused_in_a_line(attack: dict[str, Any], message: str) -> None:
    with pytest.raises(AlumbenchError) as error:
        suite_of(OneAttack(**attack))
    assert message in str(error.value) and str(error.value).isprintable()


def test_a_file_is_not_run_because_a_record_names_it(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("raise SystemExit('run')")
    for attack in ({"recipe": str(tmp_path / "mine.py")}, {"threat_model": f"{tmp_path / 'mine.py'}-2"}):
        with pytest.raises(AlumbenchError, match="which runs only in a suite that you name"):
            suite_of(OneAttack(**attack), run_files=False)


def test_the_same_command_resumes_and_verifies(run: Any, pair_checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    status, text = run("attack", pair_checkpoint, *EXACT, "--out", out)
    assert status == 0 and "attack: exhaustive@1 within chars-1@1" in text, text
    assert "exhaustive within chars-1@1: median degree 1" in text and "robust examples exact" in text
    assert "flags: none" in text, "an exact attack needs no second one"
    identity = json.loads((out / EVALUATION).read_text())["identity"]
    said = {"recipe": "exhaustive@1", "threat_model": "chars-1@1", "examples": 6}
    assert identity["suite"]["name"] == "exhaustive-chars-1-n6" and identity["suite"]["attack"] == said
    before = (out / RECORDS).read_bytes()
    assert run("attack", pair_checkpoint, *EXACT, "--out", out)[0] == 0 and (out / RECORDS).read_bytes() == before
    status, text = run("attack", pair_checkpoint, *EXACT, "--queries", "50", "--out", out)
    assert status == 1 and "cannot resume" in text, text
    status, text = run("verify", out, "--device", "cpu", "--sample", "2")
    assert status == 0 and "checked against their threat model" in text and "not checked" not in text, text


def test_by_default_each_attack_has_a_folder_of_its_own(run: Any, pair_checkpoint: Path, tmp_path: Path) -> None:
    import shutil

    model = shutil.copytree(pair_checkpoint, tmp_path / "model")
    for more in ((), ("--queries-per-word", "3")):
        status, text = run("attack", model, *EXACT, *more)
        assert status == 0, text
    found = sorted(path.name for path in (model / "evaluations").iterdir())
    assert found == ["exhaustive-chars-1-n6-qpw3-seed1", "exhaustive-chars-1-n6-seed1"]
    assert "budget-ends-in-first-step" in text


def test_python_takes_the_same(pair_checkpoint: Path, tmp_path: Path) -> None:
    options = {"progress": False, "say": lambda line: None, "device": "cpu", "out": tmp_path / "out"}
    found = ab.evaluate(pair_checkpoint, recipe="deepwordbug-all-words", threat_model="chars-2", examples=6, **options)
    assert found.metrics["deepwordbug-all-words"]["accuracy_within_1"].n == 6


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--suite", "smoke", "--recipe", "pwws"), "leave out the suite, or the attack's options"),
        (("--examples", "3"), "examples: is for one attack; name it by its recipe, its threat model or both"),
        (("--recipe", "pwws", "--attack-model", "masked_lm"), "expected --attack-model NAME=MODEL"),
        (
            ("--recipe", "deepwordbug-all-words", "--attack-model", "lm=x"),
            "recipe deepwordbug-all-words takes no model lm",
        ),
        (("--threat-model", "chars-2", "--recipe", "beam", "--hard-labels"), "recipe beam needs scores, and"),
        (("--threat-model", "chars-2", "--queries", "-1"), "-1 is not in the range x>=0"),
    ],
    ids=lambda value: "",
)
def test_options_that_do_not_fit_are_refused_before_anything_runs(
    run: Any, pair_checkpoint: Path, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    status, text = run("attack", pair_checkpoint, *words, "--device", "cpu", "--out", tmp_path / "out")
    assert status and message in " ".join(text.split()) and not (tmp_path / "out" / RECORDS).exists(), text


def test_an_example_with_an_empty_set_is_counted_and_no_failure(run: Any, tmp_path: Path) -> None:
    """Of two texts without a long word, `chars-1-readable` has no other text."""
    (tmp_path / "my.csv").write_text(
        "text,label\na bad one,negative\nit is so so,negative\na terrible thing,negative\n"
    )
    (tmp_path / "own.py").write_text("def predict(texts):\n    return [[0.9, 0.1] for _ in texts]\n")
    options = ("--labels", "negative,positive", "--data", "my.csv", "--threat-model", "chars-1-readable")
    status, text = run("attack", "./own.py:predict", *options, "--recipe", "exhaustive", "--out", "out")
    assert status == 0 and "2 sets empty" in text, text
    assert "flag: empty-sets (exhaustive): for 2 of 3 examples chars-1-readable@1 has no text but the original" in text
    records = [json.loads(line) for line in (tmp_path / "out" / RECORDS).read_text().splitlines()]
    largest = [record["searched"]["largest"] for record in records if record["entry"] == "exhaustive"]
    assert largest == [0, 0, 1]


@pytest.mark.parametrize("queries", [1, 2])
def test_a_budget_smaller_than_a_step_is_a_flag(run: Any, pair_checkpoint: Path, tmp_path: Path, queries: int) -> None:
    words = ("--threat-model", "chars-2", "--recipe", "exhaustive", "--examples", "6", "--queries", queries)
    status, text = run("attack", pair_checkpoint, *words, "--device", "cpu", "--out", tmp_path / "out")
    assert status == 0 and "budget-ends-in-first-step (exhaustive): on" in text, text
