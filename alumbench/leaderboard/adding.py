"""Taking an evaluated checkpoint into a board: one entry with its records."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alumbench.errors import AlumbenchError
from alumbench.evaluation.ensembles import WORST
from alumbench.evaluation.stored import SPECIAL, Stored, evaluations_of, finished_entries, is_plain
from alumbench.leaderboard.entries import recipe_of_training
from alumbench.leaderboard.places import record_without_places, without_places
from alumbench.leaderboard.published import published
from alumbench.leaderboard.reading import read_content
from alumbench.leaderboard.settings import Board
from alumbench.leaderboard.shape import SCHEMA, check_content
from alumbench.storage import file_name, finite, write_bytes, write_json

#: In the place of what an entry says of its records, which are written first.
PENDING = {"file": "records/x.jsonl.gz", "sha256": "0" * 64, "n": 1}


def add(folder: Path, checkpoint: Path, row: str = "", replace: bool = False) -> Path:
    """Takes a checkpoint's finished evaluations into the board as one entry with its records.

    Args:
        folder: the board.
        checkpoint: a checkpoint that `alumbench attack` evaluated, or one evaluation folder.
        row: name of its table row; by default its method and the parameters that differ from the defaults.
        replace: whether it may take the place of another checkpoint of the same row and seed.

    Returns:
        The entry's file.

    Raises:
        AlumbenchError: An evaluation was cut by `--limit`, scored otherwise than the board says, is unfinished, has no
            training record, or is not of the board's tasks and suites, or the board has other weights in its place.
    """
    board = Board.read(folder)
    evaluations = [stored for stored in evaluations_of(checkpoint, board.scored) if _is_for(board, stored)]
    if not evaluations:
        raise AlumbenchError(f"{checkpoint}: no evaluation with {' or '.join(board.suites)}, which {folder} is for")
    for stored in evaluations:
        if not is_plain(stored.document["identity"], board.scored):
            raise AlumbenchError(f"{stored.folder}: made with {SPECIAL}, so it cannot enter {folder}")
        unfinished = [name for name, entry in stored.document["entries"].items() if not entry["complete"]]
        if unfinished:
            raise AlumbenchError(
                f"{stored.folder}: {', '.join(unfinished)} not finished; run the same 'alumbench attack' again"
            )
    document = evaluations[0].document
    training = document["checkpoint"]["training"]
    if board.tasks and document["task"]["name"] not in board.tasks:
        raise AlumbenchError(
            f"{checkpoint}: trained for {document['task']['name']}; {folder} is for {', '.join(board.tasks)}"
        )
    if training is None:
        raise AlumbenchError(f"{checkpoint}: it has no training.json, so how it came to be cannot be published")
    row = row or _row_name(training["method"])
    finished = finished_entries(evaluations)
    entries = {name: found for name, found in finished.items() if found[1]["kind"] != "ensemble"}
    content = {
        "schema": SCHEMA,
        "row": row,
        "training": training,
        "task": document["task"],
        "evaluations": [{**stored.document["identity"], "device": stored.document["device"]} for stored in evaluations],
        "entries": {entry: described for entry, (_, described) in sorted(entries.items())},
        "ensembles": {
            name.removeprefix(WORST): stored.document["ensembles"][name.removeprefix(WORST)]
            for name, (stored, described) in sorted(finished.items())
            if described["kind"] == "ensemble"
        },
        "model_checks": [
            stored.document["model_checks"] for stored in evaluations if "model_checks" in stored.document
        ],
    }
    title = f"{row}-seed{training['seed']}"
    path = entry_path(folder, title)
    if path.exists():
        there = check_content(read_content(path, folder), str(path))
        if there["row"] != row:
            raise AlumbenchError(
                f"{path}: holds row {there['row']!r}, whose name makes the same file's; choose another --row"
            )
        if recipe_of_training(there) != recipe_of_training(content):
            raise AlumbenchError(f"{path}: holds a checkpoint that was trained otherwise; name this one with --row")
        mine, theirs = ({e["model"] for e in one["evaluations"]} for one in (content, there))
        if mine != theirs and not replace:
            raise AlumbenchError(
                f"{path}: holds other weights ({_digests(theirs)}) of this row and seed than {checkpoint} has "
                f"({_digests(mine)}); add these as another --row, or in its place with --replace"
            )
        gone = sorted(there["entries"].keys() - content["entries"].keys())
        if gone:
            raise AlumbenchError(f"{path}: has {', '.join(gone)} too; add the checkpoint, not one of its evaluations")
    records = [r for entry, (stored, _) in entries.items() for r in stored.records if r["entry"] == entry]
    return save(folder, title, content, records)


def entry_path(folder: Path, title: str) -> Path:
    """Where a board has the entry of that title; a checkpoint's is `ROW-seedN`."""
    return folder / "results" / f"{file_name(title)}.json"


def save(folder: Path, title: str, content: Mapping[str, Any], records: Sequence[Mapping[str, Any]]) -> Path:
    """Writes an entry and its records.

    Args:
        folder: the board.
        title: of which the files' name is made.
        content: the entry's JSON, but for what it says of its records.
        records: as an evaluation has them.

    Returns:
        The entry's file.

    Raises:
        AlumbenchError: The files cannot be written.
    """
    path = entry_path(folder, title)
    file = f"records/{path.stem}.jsonl.gz"
    lines = sorted(json.dumps(finite(record_without_places(published(record))), sort_keys=True) for record in records)
    content = check_content({**without_places(content), "records": PENDING}, title)
    packed = gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0)
    write_bytes(folder / file, packed)
    told = {"file": file, "sha256": hashlib.sha256(packed).hexdigest(), "n": len(lines)}
    write_json(path, {**content, "records": told})
    return path


def _digests(weights: set[str]) -> str:
    return ", ".join(sorted(digest[:12] for digest in weights))


def _is_for(board: Board, stored: Stored) -> bool:
    suite = stored.document["identity"]["suite"]
    return not board.suites or f"{suite['name']}@{suite['version']}" in board.suites


def _row_name(method: Mapping[str, Any]) -> str:
    from alumbench.methods import make_method

    defaults = make_method(method["name"], {}).parameters()
    other = [f"{k}={v}" for k, v in method["parameters"].items() if defaults.get(k) != v]
    return str(method["name"]) + (f" ({', '.join(other)})" if other else "")
