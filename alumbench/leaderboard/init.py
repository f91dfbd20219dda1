"""A new board: its `board.toml`, written from suites as a start for editing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from alumbench.data import Task
from alumbench.errors import AlumbenchError
from alumbench.evaluation.results import WORST
from alumbench.evaluation.suite import Suite
from alumbench.leaderboard.config import Board
from alumbench.storage import write_text


def start(folder: Path, task: Task, suites: Sequence[Suite], title: str = "", baseline: str = "standard") -> Board:
    """Makes a board with a column for each entry that a checkpoint of the task takes, and for each worst case.

    Args:
        folder: its folder; it may exist, but must not contain a board.
        task: the task of the board's checkpoints.
        suites: the suites that evaluate them.
        title: heading; by default the task's.
        baseline: the row that others are compared with.

    Raises:
        AlumbenchError: The folder already has a board, or no suite has an entry for the task.
    """
    path = folder / "board.toml"
    if path.exists():
        raise AlumbenchError(f"{path}: already a board; edit it, or give another folder")
    columns = list(dict.fromkeys(column for suite in suites for column in _columns(suite, task)))
    lines = [
        f"title = {_text(title or task.title or task.name)}",
        'about = """\nWhat was trained, on what, with how many seeds; how its settings were chosen.\n"""',
        f"baseline = {_text(baseline)}",
        f"tasks = {_text([task.name])}",
        f"suites = {_text([f'{suite.name}@{suite.version}' for suite in suites])}",
        f"rank = {_text(columns[0][0])}",
        'reading = """\nWhat the table shows, and what it cannot.\n"""',
    ]
    for heading, entry, measure in columns:
        lines += [
            "",
            "[[columns]]",
            f"title = {_text(heading)}",
            f"entry = {_text(entry)}",
            f"measure = {_text(measure)}",
        ]
    write_text(path, "\n".join(lines) + "\n")
    return Board.read(folder)


def _columns(suite: Suite, task: Task) -> Iterator[tuple[str, str, str]]:
    """Title, entry and measure of each figure that readers look for."""
    for entry in suite.entries_for(task):
        if entry.kind in ("clean", "fixed"):
            yield entry.name, entry.name, task.metrics[0] if entry.kind == "clean" else "accuracy"
        elif entry.kind == "attack" and entry.load_recipe().goal == "reduction":
            yield entry.name, entry.name, "reduced_rate"
        else:
            yield entry.name, entry.name, "accuracy_under_attack"
    for ensemble in suite.ensembles:
        yield f"worst of {ensemble.signature}", WORST + ensemble.signature, "accuracy_under_attack"


def _text(value: str | list[str]) -> str:
    return json.dumps(value, ensure_ascii=False)  # TOML accepts JSON's strings and lists of strings
