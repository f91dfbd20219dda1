"""Typical mistakes in calls of the public API: one line that names the argument, and nothing written."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import alumbench as ab
from alumbench.errors import AlumbenchError
from tests.conftest import REPOSITORY

LABELS = ["negative", "positive"]
FRAME = pd.DataFrame({"text": ["a good film", "a bad film"] * 4, "label": ["positive", "negative"] * 4})


def words(texts: list[str]) -> list[list[float]]:
    """A classifier that knows one word."""
    return [[0.2, 0.8] if "good" in text else [0.9, 0.1] for text in texts]


def quiet(line: str) -> None:
    """Takes a line of notes and drops it."""


class Unnamed:
    """A classifier without an identity."""

    labels = LABELS

    def __repr__(self) -> str:
        return "Unnamed()"

    def predict(self, texts: Any) -> Any:
        return None


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    FRAME.to_csv("my.csv", index=False)
    return tmp_path


def evaluate(**changes: Any) -> ab.Evaluation:
    given = {"model": words, "data": "my.csv", "labels": LABELS, "out": "out", "progress": False, "say": quiet}
    return ab.evaluate(**(given | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": FRAME}, r"data: expected the path of a CSV.*, got DataFrame; write it to a file first: data\.to_csv"),
        ({"data": "none.csv"}, r"none\.csv: no such file"),
        ({"labels": "negative,positive"}, r"labels: expected a list such as \['negative', 'positive'\], got str"),
        ({"labels": None}, "labels: expected a list"),
        ({"labels": [*LABELS, "neutral"]}, r"gave scores of shape \(2, 2\), expected \(2, 3\)"),
        ({"suite": ["standard"]}, "suite: expected a name of 'alumbench suites'"),
        ({"out": 3}, "out: expected the path of a folder, got int 3"),
        ({"model": None}, "model: expected a folder, .* got None"),
        ({"model": ab.ALUM}, "got the class Alum"),
        ({"model": Unnamed()}, "got Unnamed, which lacks identity"),
        ({"model": "no-such-model"}, "no-such-model.*no such folder"),
        ({"limit": -1}, "limit: expected a whole number of at least 0"),
        ({"limit": "5"}, "limit: expected a whole number of at least 0, found text"),
        ({"seed": "a"}, "seed: expected a whole number"),
        ({"batch_size": 0}, "batch_size: expected a whole number of at least 1"),
        ({"only": "clean"}, "only: expected a list of texts, found text"),
        ({"device": "gpu"}, 'device: expected "auto" or "cpu" or "cuda"'),
        ({"hard_labels": "no"}, "hard_labels: expected true or false"),
        ({"threat_model": 2}, "threat_model: expected text, found a number"),
        ({"threat_model": "chars"}, "threat model chars: give its degree too, such as chars-1"),
        ({"threat_model": "chars-2", "recipe": "pwsw"}, "unknown recipe 'pwsw'. Did you mean 'pwws'"),
        ({"recipe": "exhaustive"}, "recipe exhaustive searches the set of a threat model; name one"),
        ({"threat_model": "chars-2", "suite": "smoke"}, "leave out the suite, or the attack's options"),
        ({"queries": -1, "recipe": "pwws"}, "queries: expected a whole number of at least 0"),
        ({"attack_models": ["lm"], "recipe": "pwws"}, "attack_models: expected a table"),
        ({"lables": LABELS}, "unknown option 'lables'. Did you mean 'labels'"),
    ],
    ids=str,
)
def test_evaluate(changes: dict[str, Any], message: str, folder: Path) -> None:
    with pytest.raises(AlumbenchError, match=message):
        evaluate(**changes)
    assert not (folder / "out").exists() or "gave scores" in message, "a model is asked when the run has begun"


CALLS: dict[str, tuple[Callable[[], Any], str]] = {
    "compare one": (lambda: ab.compare(["one"]), "expected a list of two or more"),
    "compare a text": (lambda: ab.compare("one"), "expected a list of two or more"),
    "compare nothing": (lambda: ab.compare([None, "other"]), "expected an evaluation, .* got None"),
    "load nothing": (lambda: ab.load_evaluation(None), "folder: expected the folder of an evaluation"),
    "a function's name": (lambda: ab.Classifier.from_callable("words", LABELS), "expected a function .* got str"),
    "a model's labels": (lambda: ab.Classifier.from_callable(words, "ab"), "labels: expected a list"),
    "no name": (lambda: ab.Classifier.from_pretrained(None), "name: expected a folder or a hub id, got None"),
    "a board of nothing": (lambda: ab.Leaderboard(None), "expected the path of a board's folder"),
    "a suite for a list": (lambda: ab.Leaderboard.start("b", "sst2", "standard"), "suites: expected a list"),
    "no suite": (lambda: ab.Leaderboard.start("b", "sst2", []), "suites: name one or more"),
    "a list to verify": (lambda: ab.Leaderboard("b").verify(["a"]), "checkpoint: expected a folder or a hub id"),
    "train on a frame": (lambda: ab.train(FRAME, "m", out="o"), "task: expected a name.* got DataFrame"),
    "train on a table": (lambda: ab.train("my.csv", "m", out="o"), r"give task_from_files\('my\.csv'"),
    "train nothing": (lambda: ab.train("sst2", None, out="o"), "model: expected a folder or a hub id, got None"),
    "train into nothing": (lambda: ab.train("sst2", "m", out=None), "out: expected the path of a folder"),
    "a tracker for a list": (
        lambda: ab.train("mini-sentiment", "m", out="o", report_to="wandb", say=quiet),
        "report_to: expected a list",
    ),
    "parameters twice": (
        lambda: ab.train("sst2", "m", method=ab.ALUM(), set={"alpha": 2}, out="o"),
        "set: only for a method",
    ),
    "a method's class": (lambda: ab.train("sst2", "m", method=ab.ALUM, out="o"), "got the class Alum"),
    "pre-train on nothing": (lambda: ab.pretrain(None, "m", out="o"), "corpus: expected a file"),
    "load a frame": (lambda: ab.load_data(FRAME), "source: expected a task's name.* got DataFrame"),
    "a column for a list": (lambda: ab.load_data("my.csv", columns="text"), "columns: expected a list"),
    "a frame for a file": (lambda: ab.task_from_files(FRAME, columns=["text"]), "train_file: expected the path"),
    "one text": (lambda: ab.make_tiny_bert("tiny", "a good film"), "texts: expected a list"),
    "no text": (lambda: ab.make_tiny_bert("tiny", []), "there is no word"),
}


@pytest.mark.parametrize(("call", "message"), CALLS.values(), ids=CALLS)
def test_a_wrong_argument_is_named(call: Callable[[], Any], message: str, folder: Path) -> None:
    with pytest.raises(AlumbenchError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value) and [path.name for path in folder.iterdir()] == ["my.csv"]


def test_names_may_be_numpy_s_and_an_option_a_list() -> None:
    result = evaluate(labels=np.array(LABELS), only=["clean"], limit=1000)
    assert result.metrics["clean"]["accuracy"].n == 8


def test_an_evaluation_without_its_records_says_so(folder: Path) -> None:
    result = evaluate(only=("clean",))
    (folder / "out" / "records.jsonl").unlink()
    for read in (lambda: result.to_pandas(), lambda: ab.load_evaluation("out").records):
        with pytest.raises(AlumbenchError, match="out: its records are gone; run the same evaluation again"):
            read()


def test_a_report_is_a_file(folder: Path) -> None:
    with pytest.raises(AlumbenchError, match=r"is a folder; name a file in it, such as report\.html"):
        evaluate(only=("clean",)).report(".")


def test_a_script_that_workers_import_is_told_what_to_do(folder: Path) -> None:
    """Each worker would evaluate again, in workers of its own."""
    Path("script.py").write_text(
        "import alumbench as ab\n"
        "def words(texts):\n    return [[0.2, 0.8] if 'good' in text else [0.9, 0.1] for text in texts]\n"
        "ab.evaluate(words, data='my.csv', labels=['negative', 'positive'], workers=1, progress=False)\n"
    )
    command = [sys.executable, "script.py"]
    environment = {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", "PATH": "", "HOME": str(folder)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 1
    assert "put the script's calls below if __name__ == '__main__':" in done.stderr


def test_a_name_or_a_class_is_not_a_method() -> None:
    with pytest.raises(AlumbenchError, match="method: expected a method such as ALUM"):
        ab.AdversarialTrainer(method="alum", model=None)  # type: ignore[arg-type]
    with pytest.raises(AlumbenchError, match="name: expected a name of 'alumbench methods', got the class Alum"):
        ab.make_method(ab.ALUM)  # type: ignore[arg-type]
