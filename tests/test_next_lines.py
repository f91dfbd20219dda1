"""R26: every line `next: …` that a command prints is typed as it stands, and ends with exit status 0."""

from __future__ import annotations

import ast
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import alumbench
from alumbench.data import miniature
from tests.cli.test_commands import invoke
from tests.forked import forked  # noqa: F401 - a fixture
from tests.leaderboard.test_references import board as reference_board  # noqa: F401 - a fixture
from tests.studies.test_study import BOARD, PLAN
from tests.synthetic_mirror import write_mirror

PACKAGE = Path(alumbench.__file__).parent
TRAIN = ["--train-size", 32, "--held-out", 16, "--epochs", 1, "--batch-size", 8, "--max-length", 32, "--device", "cpu"]
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, tiny_model: Path) -> Run:
    """Runs commands in a folder whose name has a blank, beside a mirror of a few rows, and gives what they print."""
    folder = tmp_path / "my work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("ALUMBENCH_MIRROR", str(write_mirror(tmp_path / "mirror", tiny_model)))
    shutil.copytree(tiny_model, folder / "tiny")
    (folder / "text.txt").write_text("\n\n".join(miniature.rows("sentiment/train")["sentence"][:200]))
    return lambda *words: invoke(*map(str, words), monkeypatch=monkeypatch, capsys=capsys)


def follow(run: Run, *words: object) -> set[str]:
    """Runs a command, then each that it and its followers print, and gives all lines that were followed."""
    seen: set[str] = set()
    waiting = [list(map(str, words))]
    while waiting:
        arguments = waiting.pop(0)
        status, text = run(*arguments)
        assert status == 0, f"{shlex.join(arguments)} ends with {status}:\n{text}"
        for line in text.splitlines():
            if line.startswith("next: ") and line not in seen:
                seen.add(line)
                program, *told = shlex.split(line.removeprefix("next: "))
                assert program == "alumbench"
                waiting.append(told)
    return seen


def promised() -> list[list[str]]:
    """What each call of `next_line` in the package begins with, as far as it is written out there."""
    found = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "next_line":
                words = [part.value if isinstance(part, ast.Constant) else None for part in node.args]
                found.append([word for word in words[: words.index(None) if None in words else None] if word])
    return found


def test_nothing_but_next_line_prints_what_to_type_next() -> None:
    """So that the tests below see each of them."""
    for path in PACKAGE.rglob("*.py"):
        if path.name != "commands.py":
            assert "next: " not in path.read_text(encoding="utf-8"), path


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("forked")
def test_every_next_line_runs(run: Run, reference_board: Path, tiny_model: Path) -> None:  # noqa: F811
    seen = (
        follow(run, "methods")
        | follow(run, "recipes")
        | follow(run, "threat-models")
        | follow(run, "demo", "--out", "a demo", "--seeds", 1)
    )
    train = ["train", "--task", "mini-sentiment", "--model", "tiny", *TRAIN]
    for method in ("standard", "fgm"):
        seen |= follow(run, *train, "--method", method, "--out", f"runs/{method} 1")
    seen |= follow(run, "attack", "runs/standard 1", "runs/fgm 1", "--suite", "smoke")
    seen |= follow(run, "attack", "runs/standard 1", "--suite", "smoke", "--limit", 3, "--out", "a look")
    assert run("leaderboard", "new", "board", "--task", "mini-sentiment", "--suite", "smoke")[0] == 0
    seen |= follow(run, "leaderboard", "add", "board", "runs/standard 1", "runs/fgm 1")
    exported = run("leaderboard", "export", "board", "--organization", "me", "--out", "sent")
    assert exported[0] == 0, exported[1]
    assert run("leaderboard", "new", "another", "--task", "mini-sentiment", "--suite", "smoke")[0] == 0
    seen |= follow(run, "leaderboard", "import", "another", "sent")
    seen |= follow(run, "card", "runs/fgm 1")
    seen |= follow(run, "tokenizer", "learn", "--corpus", "text.txt", "--vocab-size", 200, "--out", "a tokenizer")
    pretrain = ["pretrain", "--corpus", "text.txt", "--model", "tiny", "--steps", 2, "--batch-size", 4]
    seen |= follow(run, *pretrain, "--max-length", 32, "--device", "cpu", "--out", "pre trained")
    seen |= follow(run, "leaderboard", "reference", reference_board)
    Path("study").mkdir()
    Path("study/board.toml").write_text(BOARD)
    Path("study/runs.toml").write_text(PLAN.format(model=tiny_model))
    seen |= follow(run, "leaderboard", "run", "study")
    told = [shlex.split(line)[2:] for line in seen]
    for words in promised():
        assert any(line[: len(words)] == words for line in told), f"no command above printed: alumbench {words}"
