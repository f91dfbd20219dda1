"""A report holds what the board's table holds, a command for each figure, and no text as markup."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from alumbench.cli import group
from alumbench.leaderboard.board import main_table
from alumbench.leaderboard.report import write_report
from alumbench.leaderboard.submit import add
from alumbench.leaderboard.validate import load
from alumbench.leaderboard.view import view


@pytest.fixture
def filled(board: Path, evaluated: list[Path]) -> Path:
    for folder in evaluated:
        add(board, folder)
    settings = board / "board.toml"
    settings.write_text(settings.read_text().replace("Demo:", "<script>alert(1)</script>"))
    return board


def test_it_holds_the_table_and_a_command_for_each_figure(filled: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    write_report(filled, out)
    page = out.read_text()
    write_report(filled, tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text() == page
    for row in main_table(view(*load(filled))).rows:
        assert all(cell in page for cell in row)
    assert "<script" not in page and "&lt;script&gt;" in page and "default-src &#39;none&#39;" in page
    assert "<svg" in page and "Multi-Bootstrap" in page and "smoke@1|clean|" in page
    commands = [line for line in re.findall(r"<code>(alumbench [^<]*)</code>", page)]
    assert len(commands) == 2 + 3 + 2, "each row's training, each column, the tables, the texts"
    for line in commands:
        words = shlex.split(line.replace("&#39;", "'").replace("&#34;", '"'))[1:]
        command = group.get_command(None, words[0])  # type: ignore[arg-type]
        if words[0] == "leaderboard":
            continue
        assert command is not None
        options = {name for option in command.params for name in option.opts}
        assert {word for word in words if word.startswith("--")} <= options
