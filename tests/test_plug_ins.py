"""Plug-ins of a real second package, and the same files by their paths: trained with, attacked with, on a board."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_commands import invoke
from tests.conftest import REPOSITORY

PACKAGE = REPOSITORY / "tests/plugin_package"
FILES = PACKAGE / "alumbench_example"
PAGE = REPOSITORY / "docs/plug-ins.md"
Run = Callable[..., str]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the package is installed in, by pip and without a network."""
    folder = tmp_path_factory.mktemp("plug-ins")
    shutil.copytree(PACKAGE, folder / "source")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-build-isolation", "--no-index", "--target", str(folder / "site"), str(folder / "source")]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return folder / "site"


def forget() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "alumbench_example"]:
        del sys.modules[name]


@pytest.fixture
def installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(site))
    yield site
    forget()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)

    def typed(*arguments: Any, status: int = 0) -> str:
        found, text = invoke(*map(str, arguments), monkeypatch=monkeypatch, capsys=capsys)
        assert found == status, text
        return text

    return typed


def train(run: Run, model: Path, method: str, task: str, *more: Any, status: int = 0) -> str:
    options = ["--epochs", 1, "--batch-size", 16, "--lr", 1e-4, "--max-length", 64, "--device", "cpu", "--out", "run"]
    return run("train", "--model", model, "--method", method, "--task", task, *options, *more, status=status)


def board_of(run: Run, task: str, suite: str) -> str:
    """Puts the run on a board; what `check` says."""
    run("leaderboard", "new", "board", "--task", task, "--suite", suite, "--baseline", "")
    run("leaderboard", "add", "board", "run")
    run("leaderboard", "add", "board", "run")  # the same once more is no other entry
    assert "key-typos" in run("leaderboard", "build", "board")
    return run("leaderboard", "check", "board")


def held_in_contractions(document: dict[str, Any], origin: str) -> None:
    """The plug-ins' search moved in the plug-ins' set, and the signature names both."""
    entry = document["entries"]["contractions"]
    made = r"\|atk:steepest@1\|.*\|set:contractions-2@1\|.*from:(\S+):[0-9a-f]{12}\|set-from:(\S+):[0-9a-f]{12}$"
    found = re.search(made, entry["signature"])
    assert found and found[1].endswith(origin) and found[2].endswith(origin)
    assert entry["threat_model"]["signature"] == "contractions-2@1" and entry["threat_model"]["origin"]
    lines = Path("run/evaluations/example-seed1/records.jsonl").read_text().splitlines()
    records = [record for record in map(json.loads, lines) if record["entry"] == "contractions"]
    assert {record["searched"]["largest"] for record in records} >= {0, 1}
    broken = [record for record in records if record["outcome"] == "broken"]
    for record in broken:
        before, after = record["texts"]["review"], record["adversarial"]["review"]
        assert 1 <= record["searched"]["degree"] <= 2
        assert before.replace("was not", "wasn't") == after.replace("was not", "wasn't")


def test_an_installed_package_is_listed_trained_attacked_and_put_on_a_board(
    run: Run, installed: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command, names in {
        "methods": ["entropy", "word-dropout"],
        "recipes": ["key-typos@1", "embedding-fgm@1", "steepest@1"],
        "threat-models": ["contractions-k@1"],
        "tasks": ["film-reviews"],
        "suites": ["example@1"],
    }.items():
        lines = [line for line in run(command).splitlines() if "[from alumbench-example 1.0]" in line]
        assert sorted(re.split("[ :]", line)[0] for line in lines) == sorted(names)
    assert "from: alumbench-example 1.0" in run("methods", "word-dropout")
    assert "What a suite" not in run("recipes", "embedding-fgm") and "FGM (Miyato" in run("recipes", "embedding-fgm")

    said = train(run, checkpoint, "word-dropout", "film-reviews", "--set", "share=0.25")
    assert "epoch 1: 24/24 examples changed, 24 texts found" in said
    record = json.loads(Path("run/training.json").read_text())
    origin = record["method"]["origin"]
    assert record["method"]["name"] == "word-dropout" and record["method"]["changed"] == ["share"]
    assert {name: origin[name] for name in ("package", "version", "module")} == {
        "package": "alumbench-example",
        "version": "1.0",
        "module": "alumbench_example.word_dropout",
    }
    assert record["task"]["origin"]["package"] == "alumbench-example" and record["settings"]["steps"] == 8  # 96 + 24

    run("attack", "run", "--suite", "example", "--device", "cpu")
    document = json.loads(Path("run/evaluations/example-seed1/evaluation.json").read_text())
    fgm = document["entries"]["embedding-fgm"]
    assert re.search(r"\|embedding-fgm@1:radius=0.5\|from:alumbench-example@1.0:[0-9a-f]{12}$", fgm["signature"])
    measures = fgm["summary"]["measures"]
    assert measures["accuracy_under_attack"]["value"] < measures["clean_accuracy"]["value"]
    held_in_contractions(document, "alumbench-example@1.0")
    assert document["identity"]["suite"]["origin"]["package"] == "alumbench-example"

    said = board_of(run, "film-reviews", "example")
    assert "note: row word-dropout (share=0.25): method word-dropout comes from alumbench-example 1.0\n" in said
    assert "failed attack" in run("verify", "run/evaluations/example-seed1", "--device", "cpu")

    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry != str(installed)])
    forget()
    said = run("leaderboard", "check", "board")
    assert "it cannot be attacked again here: alumbench-example 1.0 is not installed here: pip install" in said
    assert "every figure follows from its records" in said
    run("leaderboard", "build", "board")
    for arguments in (["verify", "run/evaluations/example-seed1"], ["leaderboard", "verify", "board", "run"]):
        assert "its suite comes from another package: alumbench-example 1.0 is not installed here" in run(*arguments)


def test_a_packages_classifier_is_attacked_by_its_name(run: Run, installed: Path) -> None:
    labels = ["--labels", "negative,positive"]
    run("attack", "keywords", "--task", "film-reviews", *labels, "--suite", "standard", "--limit", 2)
    (path,) = Path().glob("alumbench-results/keywords/evaluations/*/evaluation.json")
    assert json.loads(path.read_text())["checkpoint"]["path"] == "alumbench_example.keywords:predict"
    Path("keywords").mkdir()  # a folder of that name goes before it
    assert "keywords" in run("attack", "keywords", "--task", "film-reviews", *labels, status=1)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The package's files in a folder of their own, the suite with the recipes' paths."""
    folder = tmp_path / "mine"
    shutil.copytree(FILES, folder)
    (folder / "__init__.py").unlink()
    suite = folder / "example.toml"
    text = suite.read_text()
    for name in ("key-typos", "embedding-fgm", "steepest"):
        text = text.replace(f'"{name}@1"', f'"./{name.replace("-", "_")}.py:RECIPE@1"')
    text = text.replace('"contractions-2@1"', '"./contractions.py-2@1"')
    suite.write_text(text)
    return folder


def test_the_same_by_paths_alone(run: Run, files: Path, checkpoint: Path) -> None:
    train(run, checkpoint, "mine/entropy.py", "mine/film-reviews.toml")
    record = json.loads(Path("run/training.json").read_text())
    assert record["method"]["name"] == "entropy" and record["method"]["changed"] == []
    origin = record["method"]["origin"]
    assert origin.keys() == {"file", "sha256"} and origin["file"] == "entropy.py"
    assert "finished already" in train(run, checkpoint, "./mine/../mine/entropy.py", "mine/film-reviews.toml")

    run("attack", "run", "--suite", "mine/example.toml", "--device", "cpu")
    out = Path("run/evaluations/example-seed1")
    document = json.loads((out / "evaluation.json").read_text())
    signature = document["entries"]["key-typos"]["signature"]
    assert re.search(r"\|atk:key-typos@1\|.*\|from:key_typos.py:[0-9a-f]{12}$", signature)
    held_in_contractions(document, ".py")
    said = board_of(run, "mine/film-reviews.toml", "mine/example.toml")
    assert "note: entry key-typos: its attack comes from key_typos.py (SHA-256 " in said
    assert "note: entry contractions: its threat model comes from contractions.py (SHA-256 " in said
    assert not any(str(files.parent) in path.read_text() for path in Path("board").glob("*.*"))
    said = run("verify", out, "--device", "cpu")
    assert "names the Python file ./key_typos.py:RECIPE@1, which runs only if you name the suite" in said
    shutil.copy(files / "dev.csv", ".")  # boards have the table's name alone
    for arguments in (["verify", out], ["leaderboard", "verify", "board", "run"]):
        said = run(*arguments, "--suite", "mine/example.toml", "--device", "cpu")
        assert re.search(r"failed attacks? repeated; all as recorded", said) and "not checked" not in said

    (files / "key_typos.py").write_text((files / "key_typos.py").read_text() + "\n# changed\n")
    (out / "records.jsonl").write_text("".join((out / "records.jsonl").read_text().splitlines(True)[:-60]))
    said = run("attack", "run", "--suite", "mine/example.toml", "--device", "cpu", status=1)
    assert "cannot resume, changed since it was started: the recipe's file (key_typos.py (SHA-256 " in said
    (files / "entropy.py").write_text((files / "entropy.py").read_text() + "\n# changed\n")
    Path("run/training.json").unlink()
    said = train(run, checkpoint, "mine/entropy.py", "mine/film-reviews.toml", status=1)
    assert "holds a run that differs in method origin" in said
    (files / "example.toml").rename(files / "moved.toml")
    said = run("verify", out, "--device", "cpu", status=1)  # 60 records are gone
    assert "which is not on this machine; name it with --suite FILE" in said


@pytest.mark.skipif(not PAGE.exists(), reason="only in the repository")
@pytest.mark.parametrize("path", sorted([*FILES.glob("*.py"), *FILES.glob("*.toml"), PACKAGE / "pyproject.toml"]))
def test_the_page_shows_the_files_that_are_tested(path: Path) -> None:
    text = path.read_text()
    if path.name != "__init__.py":
        assert f"```{'python' if path.suffix == '.py' else 'toml'}\n{text}```" in PAGE.read_text()
