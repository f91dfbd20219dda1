"""Adds an evaluated checkpoint to a board: one entry with its records."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace as replaced

from alumbench.config import typed
from alumbench.errors import AlumbenchError, unknown
from alumbench.evaluation.results import WORST, EnsembleResult, EntryResult
from alumbench.evaluation.stored import SPECIAL, Stored, evaluations_of, finished_columns, is_plain
from alumbench.leaderboard.config import Board
from alumbench.leaderboard.reading import read_content
from alumbench.leaderboard.redaction import published
from alumbench.leaderboard.strip_paths import record_without_places, without_places
from alumbench.leaderboard.submission import SCHEMA, RecordsFile, Submission, make_submission
from alumbench.models.checkpoint.provenance import MethodRecord, Training
from alumbench.old_names import PARAMETERS
from alumbench.records import Record, as_json
from alumbench.storage import file_name, finite, write_bytes, write_json

#: Placeholder for an entry's description of its records, which are written first.
PENDING = RecordsFile("records/x.jsonl.gz", "0" * 64, 1)


def add(folder: Path, checkpoint: Path, row: str = "", replace: bool = False) -> Path:
    """Adds a checkpoint's finished evaluations to the board as one entry with its records.

    Args:
        folder: the board.
        checkpoint: a checkpoint that `alumbench attack` evaluated, or one evaluation folder.
        row: name of its table row; by default its method and the parameters that differ from the defaults.
        replace: whether it may replace another checkpoint of the same row and seed.

    Returns:
        The entry's file.

    Raises:
        AlumbenchError: An evaluation was cut by `--limit`, is not scored as the board says, is unfinished, has no
            training record, or is not of the board's tasks and suites; or the board has other weights in its place.
    """
    board = Board.read(folder)
    evaluations = [stored for stored in evaluations_of(checkpoint, board.scored) if _is_for(board, stored)]
    if not evaluations:
        raise AlumbenchError(f"{checkpoint}: no evaluation with {' or '.join(board.suites)}, which {folder} is for")
    for stored in evaluations:
        if not is_plain(stored.document.identity, board.scored):
            raise AlumbenchError(f"{stored.folder}: made with {SPECIAL}, so it cannot enter {folder}")
        unfinished = [name for name, entry in stored.document.entries.items() if not entry.complete]
        if unfinished:
            raise AlumbenchError(
                f"{stored.folder}: {', '.join(unfinished)} not finished; rerun the same 'alumbench attack' to resume"
            )
    document = evaluations[0].document
    training = document.checkpoint.training
    if board.tasks and document.task.name not in board.tasks:
        raise AlumbenchError(
            f"{checkpoint}: trained for {document.task.name}; {folder} is for {', '.join(board.tasks)}"
        )
    if training is None:
        raise AlumbenchError(f"{checkpoint}: it has no training.json, so how it was trained cannot be published")
    trained = typed(Training, training, f"{checkpoint}: training.json")
    row = row or _row_of(folder, trained.method)
    title = f"{row}-seed{trained.training_seed}"
    content, records = _submission(row, training, evaluations, title)
    path = entry_path(folder, title)
    if path.exists():
        _check_replaced(path, make_submission(read_content(path, folder), str(path)), content, checkpoint, replace)
    return save(folder, title, content, records)


def _submission(
    row: str, training: object, evaluations: Sequence[Stored], title: str
) -> tuple[Submission, list[Record]]:
    """The submission made from a checkpoint's evaluations, and their records."""
    columns = finished_columns(evaluations)
    entries = {name: (stored, found) for name, (stored, found) in columns.items() if isinstance(found, EntryResult)}
    worst = {name: found for name, (_, found) in columns.items() if isinstance(found, EnsembleResult)}
    documents = [stored.document for stored in evaluations]
    content = {
        "schema": SCHEMA,
        "row": row,
        "training": training,
        "task": documents[0].task.to_dict(),
        "evaluations": [as_json(one.identity) | {"device": one.device} for one in documents],
        "entries": {name: as_json(found) for name, (_, found) in sorted(entries.items())},
        "ensembles": {name.removeprefix(WORST): as_json(found) for name, found in sorted(worst.items())},
        "model_checks": [as_json(one.model_checks) for one in documents if one.model_checks is not None],
        "records": as_json(PENDING),
    }
    records = [record for name, (stored, _) in entries.items() for record in stored.results.records.get(name, [])]
    return make_submission(without_places(content), title), records


def _check_replaced(path: Path, there: Submission, content: Submission, checkpoint: Path, replace: bool) -> None:
    """Checks that a submission may replace the existing one.

    Raises:
        AlumbenchError: It may not.
    """
    if there.row != content.row:
        raise AlumbenchError(
            f"{path}: holds row {there.row!r}, whose name gives the same file name; choose another --row"
        )
    if there.recipe != content.recipe:
        raise AlumbenchError(f"{path}: holds a checkpoint that was trained differently; name this one with --row")
    mine, theirs = ({e.model for e in one.evaluations} for one in (content, there))
    if mine != theirs and not replace:
        raise AlumbenchError(
            f"{path}: holds other weights ({_digests(theirs)}) of this row and seed than {checkpoint} has "
            f"({_digests(mine)}); add these under another --row, or replace those with --replace"
        )
    gone = sorted(there.entries.keys() - content.entries.keys())
    if gone:
        raise AlumbenchError(f"{path}: has {', '.join(gone)} too; add the checkpoint, not one of its evaluations")


def entry_path(folder: Path, title: str) -> Path:
    """The path of the entry with that title; a checkpoint's title is `ROW-seedN`."""
    return folder / "results" / f"{file_name(title)}.json"


def save(folder: Path, title: str, content: Submission, records: Sequence[Record]) -> Path:
    """Writes an entry and its records.

    Args:
        folder: the board.
        title: the title that file names are made from.
        content: the submission, without the description of its records.
        records: the records of the evaluations.

    Returns:
        The entry's file.

    Raises:
        AlumbenchError: The files cannot be written.
    """
    path = entry_path(folder, title)
    file = f"records/{path.stem}.jsonl.gz"
    lines = sorted(
        json.dumps(finite(as_json(record_without_places(published(record)))), sort_keys=True) for record in records
    )
    packed = gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0)
    write_bytes(folder / file, packed)
    told = RecordsFile(file, hashlib.sha256(packed).hexdigest(), len(lines))
    write_json(path, replaced(content, records=told).to_json())
    return path


def _digests(weights: set[str]) -> str:
    return ", ".join(sorted(digest[:12] for digest in weights))


def _is_for(board: Board, stored: Stored) -> bool:
    return stored.document.identity.suite.signature in board.suites


def _row_of(folder: Path, method: MethodRecord) -> str:
    """A row's default name; under the parameters' old names if the board has that row, so that seeds stay together."""
    changed = _changed(method.comparable)
    row, earlier = (
        method.name + (f" ({', '.join(f'{names.get(k, k)}={v}' for k, v in changed.items())})" if changed else "")
        for names in ({}, {new: old for old, new in PARAMETERS.items()})
    )
    if earlier == row:
        return row
    rows = [read_content(path, folder).get("row") for path in (folder / "results").glob("*.json")]
    return earlier if earlier in rows else row


def _changed(record: MethodRecord) -> dict[str, object]:
    """The parameters that differ from their defaults."""
    from alumbench.methods import make_method, method_names

    if record.origin:  # it may not be available here
        return {k: v for k, v in record.parameters.items() if k in (record.changed or ())}
    if record.name not in method_names():  # never runs a path from someone's record
        raise unknown("method", record.name, method_names(), "alumbench methods")
    defaults = make_method(record.name, {}).parameters()
    return {k: v for k, v in record.parameters.items() if defaults.get(k) != v}
