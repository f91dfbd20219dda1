"""What keeps a board from being built: in one entry, or between entries. What a maintainer's CI runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from alumbench.errors import AlumbenchError, shown
from alumbench.evaluation.stored import made_how, other_models
from alumbench.leaderboard.entries import Entry, recipe_of_training
from alumbench.leaderboard.settings import Board

#: Characters of a finding: names in it are others'.
MOST_SHOWN = 500
#: Examples on which two seeds of one row have equal scores, to the last digit, only if one is a copy.
FEWEST_SCORES = 10


def load(folder: Path) -> tuple[Board, list[Entry]]:
    """A board and its entries, by row and seed.

    Raises:
        AlumbenchError: There are none, or something is wrong with one; `check` tells all that is.
    """
    board, entries = Board.read(folder), []
    for path in _paths(board):
        entries.append(sound(Entry.read(board, path)))
    for problem in unlike(entries):
        raise AlumbenchError(f"{folder}: {problem}")
    return board, sorted(entries, key=lambda entry: (entry.row, entry.seed))


def sound(entry: Entry) -> Entry:
    """The entry itself.

    Raises:
        AlumbenchError: Something is wrong with it.
    """
    for problem in entry.problems():
        raise AlumbenchError(f"{entry.path}: {problem}")
    return entry


def check(folder: Path) -> list[str]:
    """All that is wrong with a board and its entries, a line each.

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
            entry = Entry.read(board, path)
        except AlumbenchError as error:
            found.append(str(error))
            continue
        named.add(entry.content["records"]["file"])
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
    """The problems, and last the one that ended the search for more."""
    try:
        yield from problems
    except AlumbenchError as error:
        yield str(error)


def unlike(entries: Sequence[Entry]) -> Iterator[str]:
    """Where entries are not one table: a row is one recipe with different seeds, a column is one protocol."""
    rows: dict[str, Entry] = {}
    seeds: set[tuple[str, int]] = set()
    weights: dict[str, str] = {}
    made: dict[tuple[str, str], str] = {}  # of a task's entry: each task has its own `clean`
    answered: dict[tuple[str, str, str], str] = {}
    asked: dict[tuple[str, str], Mapping[str, Any]] = {}  # the first that says with which models it was made
    for entry in entries:
        first = rows.setdefault(entry.row, entry)
        mine, theirs = recipe_of_training(entry.content), recipe_of_training(first.content)
        for name in mine:
            if mine[name] != theirs.get(name):
                yield f"row '{entry.row}' mixes checkpoints whose {name} differs; use --row"
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
            shown = json.dumps(sorted({(r["id"], str(r["label"])) for r in entry.records.get(name, [])}))
            if made.setdefault((entry.task, f"{name} examples"), shown) != shown:
                yield f"entry {name}: the examples of {entry.path.name} are not those of the others"
            # How texts were scored is held against the board for each entry; of a reference's it is not known.
            how = "|".join(said for said in made_how(part).split("|") if said not in entry.board.scored)
            if made.setdefault((entry.task, name), how) != how:
                yield f"entry {name} was made in two ways: {made[entry.task, name]}; {how}"
            if "models" in part:
                changes = other_models(asked.setdefault((entry.task, name), part), part)
                if changes:
                    yield f"entry {name} was made with different models: {changes}"
            told = part["summary"].get("validity") or {}
            filtered = json.dumps([told.get("thresholds"), told.get("means")])
            if told and made.setdefault((entry.task, f"{name} validity"), filtered) != filtered:
                yield f"entry {name}: validity was judged in two ways; evaluate it anew"


def _answers(records: Sequence[Mapping[str, Any]]) -> str:
    """A hash of an entry's scores; '' where two seeds could have the same: few examples, or 0 and 1 alone."""
    found = sorted((r["id"], r.get("seed", 0), *r["scores"]) for r in records if r.get("scores"))
    telling = len(found) >= FEWEST_SCORES and any(0 < score < 1 for _, _, *scores in found for score in scores)
    return hashlib.sha256(repr(found).encode()).hexdigest() if telling else ""


def _paths(board: Board) -> list[Path]:
    paths = sorted((board.folder / "results").glob("*.json"))
    if not paths:
        raise AlumbenchError(
            f"{board.folder}: no entries; 'alumbench leaderboard add {board.folder} CHECKPOINT' adds one"
        )
    return paths
