"""Exports and imports boards' entries in other formats, with the records that prove them."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from alumbench.errors import AlumbenchError
from alumbench.leaderboard.config import Board
from alumbench.leaderboard.entries import BoardEntry
from alumbench.leaderboard.every_eval_ever import document_id, from_log, to_log
from alumbench.leaderboard.reading import read_content
from alumbench.leaderboard.strip_paths import without_absolute
from alumbench.leaderboard.submission import make_submission
from alumbench.leaderboard.validate import load, sound, unlike
from alumbench.storage import write_bytes, write_json


def export(folder: Path, out: Path, organization: str) -> list[Path]:
    """Writes each entry of a board as `OUT/data/BOARD/ORGANIZATION/ENTRY/UUID.json`, its records to `OUT/records`.

    The same board gives the same bytes if `SOURCE_DATE_EPOCH` sets the time of the documents.

    Raises:
        AlumbenchError: The board has no entries, one contradicts its records, or a name is not a valid folder name.
    """
    _, entries = load(folder)
    collection = folder.resolve().name
    for option, name in (("--organization", organization), ("the board's folder", collection)):
        if not _is_plain(name) or name == "data":
            raise AlumbenchError(f"{option} {name!r}: letters, digits, '-', '_' and '.' only, and not 'data'")
    written = []
    now = int(os.environ.get("SOURCE_DATE_EPOCH") or time.time())
    for entry in entries:
        content = make_submission(without_absolute(entry.content.to_json()), str(entry.path))
        name = content.file_name
        at = out / "data" / collection / organization / name / f"{document_id(content)}.json"
        write_json(at, to_log(content, collection, organization, now))
        write_bytes(out / content.records.file, (folder / content.records.file).read_bytes())
        written.append(at)
    return written


def import_(folder: Path, source: Path) -> list[Path]:
    """Imports the entries of an exported folder into a board, with their records, checked as the board's own.

    Args:
        folder: the board.
        source: a folder that `export` wrote.

    Returns:
        The entries' files.

    Raises:
        AlumbenchError: A document is not ours, its records are missing or changed, its figures do not follow
            from them, or it contradicts the board's entries; the board is left unchanged.
    """
    board = Board.read(folder)
    documents = sorted((source / "data").rglob("*.json"))
    if not documents:
        raise AlumbenchError(
            f"{source}: no data/…/*.json; 'alumbench leaderboard export BOARD --out {source}' writes it"
        )
    there = [sound(BoardEntry.read(board, path)) for path in sorted((folder / "results").glob("*.json"))]
    found = []
    for path in documents:
        content = make_submission(from_log(read_content(path, source), str(path)), str(path))
        name = content.file_name
        if content.records.file != f"records/{name}.jsonl.gz" or not _is_plain(name):
            raise AlumbenchError(f"{path}: its records {content.records.file!r} are not named as a board names them")
        if (folder / "results" / f"{name}.json").exists():
            mine = folder / "results" / f"{name}.json"
            if make_submission(read_content(mine, folder), str(mine)) == content:
                continue
            raise AlumbenchError(f"{path}: the board has another entry '{name}'; remove that one first")
        found.append((name, content, sound(BoardEntry.of(board, content, path, source))))
    for problem in unlike([*there, *(entry for _, _, entry in found)]):
        raise AlumbenchError(f"{folder}: {problem}")
    for name, content, _ in found:
        (folder / "records").mkdir(exist_ok=True)
        shutil.copyfile(source / content.records.file, folder / content.records.file)
        write_json(folder / "results" / f"{name}.json", content.to_json())
    return [folder / "results" / f"{name}.json" for name, _, _ in found]


def _is_plain(name: str) -> bool:
    """True if a name is a valid folder name on every system."""
    return bool(name) and name[0] != "." != name[-1] and all(c.isalnum() or c in ".=-_" for c in name)
