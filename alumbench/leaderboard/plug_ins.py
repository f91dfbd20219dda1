"""A board's plug-ins: parts not shipped with alumbench. Checking figures does not need them; repeating runs does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from alumbench.errors import shown
from alumbench.leaderboard.reading import read_content
from alumbench.leaderboard.submission import Submission, make_submission
from alumbench.leaderboard.validate import MOST_SHOWN
from alumbench.origins import Origin


def plug_ins(folder: Path) -> list[str]:
    """One line for each of a board's methods, suites, attacks and threat models from another package or a file.

    Args:
        folder: a board that passed its own checks.

    Raises:
        AlumbenchError: An entry cannot be read.
    """
    found: dict[str, None] = {}
    for path in sorted((folder / "results").glob("*.json")):
        found |= dict.fromkeys(_of(make_submission(read_content(path, folder), str(path))))
    return list(found)


def _of(submission: Submission) -> Iterator[str]:
    if submission.training is not None:
        method = submission.training.method
        origin = Origin.read(method.origin or {})
        yield from _line(f"row {submission.row}: method {method.name}", origin, "trained again")
    for evaluation in submission.evaluations:
        origin = Origin.read(evaluation.suite.origin or {})
        yield from _line(f"suite {evaluation.suite.signature}", origin, "evaluated again")
    for name, result in submission.entries.items():
        yield from _line(f"entry {name}: its attack", result.origins["recipe"], "attacked again")
        yield from _line(f"entry {name}: its threat model", result.origins["threat model"], "attacked again")


def _line(what: str, origin: Origin, again: str) -> Iterator[str]:
    if not origin:
        return
    line, absent = f"{what} comes from {origin}", origin.absent()
    if absent:
        line += f"; it cannot be {again} here: {absent}"
    elif origin.file:
        line += f"; it can be {again} only with that file"
    yield shown(line, MOST_SHOWN)
