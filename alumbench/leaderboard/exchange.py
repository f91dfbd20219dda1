"""Boards' entries to and from folders of other formats, with the records that prove them."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from alumbench.errors import AlumbenchError
from alumbench.leaderboard.checking import load, sound, unlike
from alumbench.leaderboard.entries import Entry
from alumbench.leaderboard.every_eval_ever import document_id, file_name, from_log, to_log
from alumbench.leaderboard.places import without_absolute
from alumbench.leaderboard.reading import read_content
from alumbench.leaderboard.settings import Board
from alumbench.leaderboard.shape import check_content
from alumbench.storage import write_bytes, write_json


def export(folder: Path, out: Path, organization: str) -> list[Path]:
    """Writes each entry of a board as `OUT/data/BOARD/ORGANIZATION/ENTRY/UUID.json`, its records to `OUT/records`.

    The same board gives the same bytes where `SOURCE_DATE_EPOCH` is set, the time of the documents.

    Raises:
        AlumbenchError: The board has no entries, one does not follow from its records, or a name is no folder's.
    """
    _, entries = load(folder)
    collection = folder.resolve().name
    for option, name in (("--organization", organization), ("the board's folder", collection)):
        if not _is_plain(name) or name == "data":
            raise AlumbenchError(f"{option} {name!r}: letters, digits, '-', '_' and '.' only, and not 'data'")
    written = []
    now = int(os.environ.get("SOURCE_DATE_EPOCH") or time.time())
    for content in (without_absolute(entry.content) for entry in entries):
        name = file_name(content)
        at = out / "data" / collection / organization / name / f"{document_id(content)}.json"
        write_json(at, to_log(content, collection, organization, now))
        write_bytes(out / content["records"]["file"], (folder / content["records"]["file"]).read_bytes())
        written.append(at)
    return written


def import_(folder: Path, source: Path) -> list[Path]:
    """Takes the entries of an exported folder into a board, each with its records, checked as the board's own are.

    Args:
        folder: the board.
        source: a folder that `export` wrote.

    Returns:
        The entries' files.

    Raises:
        AlumbenchError: A document is none of ours, its records are missing or changed, its figures do not follow from
            them, or it contradicts the board's entries; the board is as it was.
    """
    board = Board.read(folder)
    documents = sorted((source / "data").rglob("*.json"))
    if not documents:
        raise AlumbenchError(
            f"{source}: no data/…/*.json; 'alumbench leaderboard export BOARD --out {source}' writes it"
        )
    there = [sound(Entry.read(board, path)) for path in sorted((folder / "results").glob("*.json"))]
    found = []
    for path in documents:
        content = check_content(from_log(read_content(path, source), str(path)), str(path))
        name = file_name(content)
        if content["records"]["file"] != f"records/{name}.jsonl.gz" or not _is_plain(name):
            raise AlumbenchError(f"{path}: its records {content['records']['file']!r} have no name of a board's")
        if (folder / "results" / f"{name}.json").exists():
            if read_content(folder / "results" / f"{name}.json", folder) == content:
                continue
            raise AlumbenchError(f"{path}: the board has another entry '{name}'; take that one out first")
        found.append((name, content, sound(Entry.of(board, content, path, source))))
    for problem in unlike([*there, *(entry for _, _, entry in found)]):
        raise AlumbenchError(f"{folder}: {problem}")
    for name, content, _ in found:
        (folder / "records").mkdir(exist_ok=True)
        shutil.copyfile(source / content["records"]["file"], folder / content["records"]["file"])
        write_json(folder / "results" / f"{name}.json", content)
    return [folder / "results" / f"{name}.json" for name, _, _ in found]


def _is_plain(name: str) -> bool:
    """Whether a name can be a folder's anywhere."""
    return bool(name) and name[0] != "." != name[-1] and all(c.isalnum() or c in ".=-_" for c in name)
