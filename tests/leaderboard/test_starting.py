"""A new board measures all that its suites do, takes an entry as it is, and overwrites nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from alumbench.cli import group
from alumbench.data import load_task
from alumbench.errors import AlumbenchError
from alumbench.evaluation.suite import load_suite
from alumbench.leaderboard.config import Board
from alumbench.leaderboard.init import start


def test_a_column_for_each_entry_and_worst_case(tmp_path: Path) -> None:
    board = start(tmp_path / "board", load_task("sst2"), [load_suite("advglue"), load_suite("textattack-offline")])
    keys = [column.key for column in board.columns]
    assert keys[:2] == ["clean:accuracy", "advglue-sst2:accuracy"] and "deepwordbug:accuracy_under_attack" in keys
    assert [column.role for column in board.columns if column.entry.startswith("worst case")] == ["worst_case"]
    assert (board.tasks, board.suites) == (("sst2",), ("advglue@1", "textattack-offline@1"))
    assert len(set(keys)) == len(keys), "the clean dev set, which both suites have, is there once"


def test_a_board_is_not_started_twice(tmp_path: Path) -> None:
    start(tmp_path, load_task("mini-sentiment"), [load_suite("smoke")], 'a "quoted" \\ title')
    assert Board.read(tmp_path).title == 'a "quoted" \\ title'
    with pytest.raises(AlumbenchError, match="already a board"):
        start(tmp_path, load_task("mini-sentiment"), [load_suite("smoke")])


def test_from_new_to_check_by_command(evaluated: list[Path], tmp_path: Path) -> None:
    board = str(tmp_path / "board")

    def run(*arguments: str, status: int = 0) -> str:
        result = CliRunner().invoke(group, ["leaderboard", *arguments])
        assert result.exit_code == status, result.output
        return result.output

    assert "columns; edit it" in run("new", board, "--task", "mini-sentiment", "--suite", "smoke")
    for folder in evaluated:
        run("add", board, str(folder))
    assert "index.html" in run("build", board)
    assert "every figure follows from its records" in run("check", board)
    assert "still hold" in run("verify", board, str(evaluated[0]), "--device", "cpu")
    path = tmp_path / "board/results/standard-seed1.json"
    path.write_text(path.read_text().replace('"complete": true', '"complete": false', 1))
    assert "is not finished" in run("check", board, status=1)
