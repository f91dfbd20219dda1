"""The public API: exact, small, light to import, and the same figures as the command line."""

from __future__ import annotations

import doctest
import importlib
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import alumbench as ab
from alumbench.errors import AlumbenchError
from alumbench.storage import read_records
from tests.cli.test_commands import invoke

PUBLIC = {
    *("ALUM", "AdversarialTrainer", "AlumbenchError", "Checkpoint", "Classifier", "Climb", "Comparison", "Curriculum"),
    *("Evaluation", "Identity", "Leaderboard", "Loss", "Method", "Recipe", "StepContext", "TrainingData"),
    *("WhiteBoxAttack", "WhiteBoxRecipe", "compare", "evaluate", "list_methods", "list_recipes", "list_suites"),
    *("list_tasks", "load_data", "load_evaluation", "make_method", "make_tiny_bert", "pretrain", "task_from_files"),
    *("ChoiceSet", "Member", "PerturbationSet", "SearchRecipe", "Slot", "ThreatModel", "list_threat_models", "train"),
}
#: Modules with examples in their docstrings.
DOCTESTS = ["api", "data.from_files", "data.labelled_texts", "listing", "models", "models.classifier"]
DOCTESTS += ["attacks.threat_models.chars_readable", "attacks.threat_models.references"]
DOCTESTS += ["pretraining.api", "training.api", "training.tiny_bert"]
ROWS = [("a good film", "positive"), ("a bad film", "negative"), ("good fun", "positive"), ("a dull bore", "negative")]


def words(texts: list[str]) -> list[list[float]]:
    """A classifier that knows one word."""
    return [[0.2, 0.8] if "good" in text else [0.9, 0.1] for text in texts]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "films.csv"
    path.write_text("text,label\n" + "".join(f"{text} {at},{label}\n" for at in range(6) for text, label in ROWS))
    return path


def test_the_public_names_are_these() -> None:
    assert set(ab.__all__) == PUBLIC and set(dir(ab)) == PUBLIC | {"__version__"}
    for name in PUBLIC:
        assert getattr(ab, name).__doc__, name
    with pytest.raises(AttributeError, match="has no attribute 'evalute'"):
        ab.evalute  # noqa: B018


def test_the_import_is_light() -> None:
    code = (
        "import sys, alumbench; alumbench.list_methods(); print([n for n in ('torch', 'datasets') if n in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("name", DOCTESTS)
def test_examples_in_docstrings_run(name: str) -> None:
    more = {"tempfile": tempfile}
    found = doctest.testmod(importlib.import_module(f"alumbench.{name}"), extraglobs=more, optionflags=doctest.ELLIPSIS)
    assert found.attempted > 0 and found.failed == 0


def test_a_function_is_evaluated_and_compared(data: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    result = ab.evaluate(words, data=data, labels=["negative", "positive"], progress=False, say=lines.append)
    assert result.metrics["clean"]["accuracy"].value == 1.0 and result.metrics["clean"]["accuracy"].n == 24
    under = result.metrics["worst case standard@2"]["accuracy_under_attack"]
    assert under.value is not None and under.value < 1.0
    assert any("films.csv" in line for line in lines) and any("suite: standard@" in line for line in lines)
    frame = result.to_pandas()
    assert len(frame) == len(result.records) == 4 * 24 and set(frame["entry"]) >= {"clean", "chars"}
    assert "| clean" in str(result) and "flag" in str(result)
    assert "<table" in result._repr_html_() and "clean" in result._repr_html_()
    page = result.report(tmp_path / "report.html").read_text()
    assert "<h2>Flags</h2>" in page and "accuracy under attack" in page
    again = ab.evaluate(words, data=data, labels=["negative", "positive"], progress=False, say=lines.append)
    assert again.folder == result.folder and again.records == result.records
    assert ab.load_evaluation(result.folder).document == result.document

    names = ["negative", "positive"]
    lower = ab.Classifier.from_callable(
        lambda texts: words([text.lower() for text in texts]), names, name="l", version="1"
    )
    compared = ab.compare([result, ab.evaluate(lower, data=data, progress=False, say=lines.append)])
    assert "difference" in compared.to_markdown() and "<table" in compared._repr_html_()
    assert {"difference", "p_holm"} <= set(compared.to_pandas().columns)


def test_it_gives_what_the_command_line_gives(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "words.py").write_text(
        "def predict(texts):\n    return [[.2, .8] if 'good' in text else [.9, .1] for text in texts]\n"
    )
    options = ("--labels", "negative,positive", "--data", "films.csv", "--attack-seed", "3", "--out", "of-command")
    status, text = invoke("attack", "words:predict", *options, monkeypatch=monkeypatch, capsys=capsys)
    assert status == 0, text
    options = {"labels": ["negative", "positive"], "attack_seed": 3, "out": "of-python", "progress": False}
    result = ab.evaluate("words:predict", data="films.csv", **options)
    one, other = (read_records(tmp_path / folder / "records.jsonl")[0] for folder in ("of-command", "of-python"))
    for record in [*one, *other]:
        record.pop("seconds", None)
    assert one == other
    assert result.document.identity == ab.load_evaluation("of-command").document.identity


def test_what_is_wrong_is_said_in_a_line(data: Path) -> None:
    with pytest.raises(AlumbenchError, match="Did you mean 'standard'"):
        ab.evaluate(words, "standrd", data=data, labels=["negative", "positive"], progress=False)
    with pytest.raises(AlumbenchError, match="name its outputs in their order"):
        ab.evaluate(words, data=data, progress=False)
    with pytest.raises(AlumbenchError, match="unknown option 'limits'. Did you mean 'limit'"):
        ab.evaluate(words, data=data, labels=["negative", "positive"], limits=3, progress=False)
    with pytest.raises(AlumbenchError, match=r"no evaluation.json"):
        ab.load_evaluation(data.parent)
