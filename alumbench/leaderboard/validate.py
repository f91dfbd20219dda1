"""The checks that a board must pass to be built, on one entry or between entries. A maintainer's CI runs them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from alumbench.errors import AlumbenchError, shown
from alumbench.evaluation.results import EntryResult
from alumbench.evaluation.stored import other_models, protocol_signature
from alumbench.leaderboard.config import Board
from alumbench.leaderboard.entries import BoardEntry
from alumbench.records import Record, seed_of

#: Most characters of a finding shown: it may contain names that others chose.
MOST_SHOWN = 500
#: From this many examples on, two seeds of a row have scores equal to the last digit only if one is a copy.
FEWEST_SCORES = 10


def load(folder: Path) -> tuple[Board, list[BoardEntry]]:
    """A board and its entries, by row and seed.

    Raises:
        AlumbenchError: There are none, or something is wrong with one; `check` lists all problems.
    """
    board, entries = Board.read(folder), []
    for path in _paths(board):
        entries.append(sound(BoardEntry.read(board, path)))
    for problem in unlike(entries):
        raise AlumbenchError(f"{folder}: {problem}")
    return board, sorted(entries, key=lambda entry: (entry.row, entry.seed))


def sound(entry: BoardEntry) -> BoardEntry:
    """The entry itself.

    Raises:
        AlumbenchError: Something is wrong with it.
    """
    for problem in entry.problems():
        raise AlumbenchError(f"{entry.path}: {problem}")
    return entry


def check(folder: Path) -> list[str]:
    """All problems of a board and its entries, one line each.

    Raises:
        AlumbenchError: There is no board, or its settings are wrong.
    """
    board, entries, found = Board.read(folder), [], []
    try:
        paths = _paths(board)
    except AlumbenchError as error:
        return [str(error)]
    named = {f"records/{path.stem}.jsonl.gz" for path in paths}
    for path in paths:
        try:
            entry = BoardEntry.read(board, path)
        except AlumbenchError as error:
            found.append(str(error))
            continue
        named.add(entry.content.records.file)
        problems = list(told(entry.problems()))
        found += [f"{path}: {problem}" for problem in problems]
        entries.append(entry)
    found += [
        f"{path}: belongs to no entry"
        for path in sorted((folder / "records").glob("*"))
        if f"records/{path.name}" not in named
    ]
    found += [f"{folder}: {problem}" for problem in told(unlike(entries))]
    return [shown(problem, MOST_SHOWN) for problem in found]


def told(problems: Iterator[str]) -> Iterator[str]:
    """The problems, followed by the error that ended the search, if any."""
    try:
        yield from problems
    except AlumbenchError as error:
        yield str(error)


def unlike(entries: Sequence[BoardEntry]) -> Iterator[str]:
    """Reasons why entries do not form one table: a row is one recipe over seeds, a column is one protocol."""
    rows: dict[str, BoardEntry] = {}
    seeds: set[tuple[str, int]] = set()
    weights: dict[str, str] = {}
    made: dict[tuple[str, str], str] = {}  # by task and entry: each task has its own `clean`
    answered: dict[tuple[str, str, str], str] = {}
    asked: dict[tuple[str, str], EntryResult] = {}  # the first result that names the models it was made with
    for entry in entries:
        first = rows.setdefault(entry.row, entry)
        mine, theirs = entry.content.recipe, first.content.recipe
        for name in mine:
            if mine[name] != theirs.get(name):
                yield f"row '{entry.row}' mixes checkpoints that differ in {name}; use --row"
        if (entry.row, entry.seed) in seeds:
            yield f"row '{entry.row}' has seed {entry.seed} twice"
        seeds.add((entry.row, entry.seed))
        for digest in sorted(entry.weights):
            other = weights.setdefault(digest, entry.path.name)
            if other != entry.path.name:
                yield f"{entry.path.name} and {other} are the same weights: a duplicate"
        for name, records in entry.records.items() if entry.weights else ():
            answers = _answers(records)
            other = answered.setdefault((entry.row, name, answers), entry.path.name)
            if answers and other != entry.path.name:
                yield f"{entry.path.name} and {other} name different weights, but have equal scores on all of {name}"
        for name, part in entry.columns.items():
            shown = json.dumps(sorted({(r.id, str(r.label)) for r in entry.records.get(name, [])}))
            if made.setdefault((entry.task, f"{name} examples"), shown) != shown:
                yield f"entry {name}: the examples of {entry.path.name} are not those of the others"
            # How texts were scored is checked against the board per entry; for a reference it is unknown.
            how = "|".join(
                said for said in protocol_signature(part.signature).split("|") if said not in entry.board.scored
            )
            if made.setdefault((entry.task, name), how) != how:
                yield f"entry {name} was made in two ways: {made[entry.task, name]}; {how}"
            if not isinstance(part, EntryResult):
                continue
            if part.models is not None:
                changes = other_models(asked.setdefault((entry.task, name), part), part)
                if changes:
                    yield f"entry {name} was made with different models: {changes}"
            validity = part.figures.validity
            filtered = "" if validity is None else repr((validity.thresholds, validity.means))
            if validity and made.setdefault((entry.task, f"{name} validity"), filtered) != filtered:
                yield f"entry {name}: validity was judged in two ways; evaluate it again"


def _answers(records: Sequence[Record]) -> str:
    """A hash of an entry's scores; '' if two seeds could have the same: few examples, or only 0 and 1."""
    scored = [record for record in records if record.scores]
    telling = len(scored) >= FEWEST_SCORES and any(0 < score < 1 for r in scored for score in r.scores or ())
    found = sorted((r.id, seed_of(r) or 0, r.scores) for r in scored)
    return hashlib.sha256(repr(found).encode()).hexdigest() if telling else ""


def _paths(board: Board) -> list[Path]:
    paths = sorted((board.folder / "results").glob("*.json"))
    if not paths:
        raise AlumbenchError(
            f"{board.folder}: no entries; 'alumbench leaderboard add {board.folder} CHECKPOINT' adds one"
        )
    return paths
