"""Makes references: joins published predictions to a suite's examples and scores them like any model's.

These models were not trained or run here. Each figure comes from one record per example, as everywhere on a board.
The same command on the same predictions gives the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from alumbench.data import Example, Task, load_task
from alumbench.data.dataset import load_examples_from
from alumbench.data.labels import read_label
from alumbench.data.source import DataOrigin
from alumbench.data.table import Rows
from alumbench.errors import AlumbenchError, unknown
from alumbench.evaluation.describe import describe
from alumbench.evaluation.evaluate import load_entry
from alumbench.evaluation.request import Request
from alumbench.evaluation.results import EntryResult
from alumbench.evaluation.suite import Suite, load_suite
from alumbench.evaluation.suite_entry import SuiteEntry as SuiteEntry
from alumbench.evaluation.summary import summarize
from alumbench.leaderboard.config import Board
from alumbench.leaderboard.entries import BoardEntry
from alumbench.leaderboard.references import REFERENCES, Predictions, References, Row
from alumbench.leaderboard.strip_paths import without_places
from alumbench.leaderboard.submission import PREDICTABLE, SCHEMA, Reference, Submission, make_submission
from alumbench.leaderboard.submit import PENDING, save
from alumbench.parsing import parse_json
from alumbench.records import Answered


def add_references(folder: Path) -> list[BoardEntry]:
    """Makes the entries of a board's `references.toml`; the same predictions give the same bytes.

    Args:
        folder: the board.

    Returns:
        The entries, one per model.

    Raises:
        AlumbenchError: The board takes no such entries; or a table is not available, lacks a column or example, has
            a key twice or another gold label than the suite's entry; then nothing is written.
    """
    board, told = Board.read(folder), References.read(folder)
    suite, task, where = load_suite(told.suite, run_files=False), load_task(told.task), folder / REFERENCES
    for what, name, known in (
        ("task", told.task, board.tasks),
        ("suite", f"{suite.name}@{suite.version}", board.suites),
    ):
        if known and name not in known:
            raise AlumbenchError(f"{where}: {what} {name}: {folder} is for {', '.join(known)}")
    tables = [_join(predictions, suite, task, folder) for predictions in told.predictions]
    made = [(row, [(table, _records(table, row, task)) for table in tables]) for row in told.rows]
    paths = []
    for row, parts in made:
        records = [record for _, found in parts for record in found]
        paths.append(save(folder, f"reference-{row.row}", _content(told, row, task, parts), records))
    return [BoardEntry.read(board, path) for path in paths]


@dataclass(frozen=True)
class _Table:
    """A table of predictions with its examples.

    Attributes:
        predictions: its description in the board's file.
        entry: the suite's entry.
        described: the entry's part of an `evaluation.json`.
        origin: the table's source.
        rows: its columns.
        examples: the entry's examples, each with its place in the table.
        labels: names of the predicted labels, in the order of the table's integers.
    """

    predictions: Predictions
    entry: SuiteEntry
    described: EntryResult
    origin: DataOrigin
    rows: Rows
    examples: list[tuple[Example, int]]
    labels: Sequence[str]

    def column(self, name: str) -> Sequence[Any]:
        """One of its columns."""
        if name not in self.rows:
            raise AlumbenchError(f"{self.predictions.source.name}: {unknown('column', name, self.rows)}")
        return self.rows[name]


def _join(predictions: Predictions, suite: Suite, task: Task, folder: Path) -> _Table:
    """Finds each example's row by its key, and checks that the gold labels of both agree."""
    where = folder / REFERENCES
    entry = next((one for one in suite.entries if one.name == predictions.entry and one.is_for(task)), None)
    if entry is None or entry.kind not in PREDICTABLE:
        known = [one.name for one in suite.entries if one.is_for(task) and one.kind in PREDICTABLE]
        raise AlumbenchError(f"{where}: {unknown('entry', predictions.entry, known)}")
    request, source = Request(suite), predictions.source
    examples, origins = load_entry(entry, task, request)
    described = describe(entry, request, task, examples, origins)
    # The key's column is read as the group: so it comes with the examples, whose ids cover only texts and labels.
    labels = tuple(dict.fromkeys(entry.collapse.values())) or task.labels
    keyed, _ = load_examples_from(entry.source or task.dev, task.columns, labels, predictions.key)
    keys = {example.id: example.group for example in keyed}
    rows, origin = (replace(source, file=str(folder / source.file)) if source.file else source).load()
    if source.file:
        origin = msgspec.structs.replace(origin, path=source.file)
    table = _Table(predictions, entry, described, origin, rows, [], source.labels or task.labels)
    places: dict[str, int] = {}
    for place, key in enumerate(table.column(predictions.key)):
        if places.setdefault(str(key), place) != place:
            raise AlumbenchError(f"{source.name}: {predictions.key} {key} occurs twice")
    missing = [example.id for example in examples if keys[example.id] not in places]
    if missing:
        raise AlumbenchError(
            f"{source.name}: has no predictions for {len(missing)} of the {len(examples)} examples of {entry.name} "
            f"({', '.join(missing[:3])}, …); is '{predictions.key}' the column that both share?"
        )
    table.examples.extend((example, places[keys[example.id]]) for example in examples)
    gold = table.column(source.label_column)
    for example, place in table.examples:
        if _label(table, gold[place]) != example.label:
            raise AlumbenchError(
                f"{source.name}: {predictions.key} {keys[example.id]} has label {gold[place]!r}, the example of "
                f"{entry.name} is {example.label}: these are predictions on other data, or the order of labels differs"
            )
    return table


def _records(table: _Table, row: Row, task: Task) -> list[Answered]:
    """One record per example, as in an evaluation."""
    predictions = table.column(row.prediction)
    scores = table.column(row.scores) if row.scores else None
    found = []
    for example, place in table.examples:
        prediction = _label(table, predictions[place])
        found.append(
            Answered(
                entry=table.entry.name,
                id=example.id,
                texts=dict(zip(task.columns, example.texts, strict=True)),
                label=example.label,
                group=example.group,
                scores=None if scores is None else _scores(table, row, scores[place]),
                prediction=prediction,
                outcome="correct" if prediction == example.label else "wrong",
            )
        )
    return found


def _content(told: References, row: Row, task: Task, parts: Sequence[tuple[_Table, list[Answered]]]) -> Submission:
    """The content of the entry's file, without the description of its records."""
    structs = msgspec.structs
    reference = Reference(
        published=told.published,
        model=row.model or None,
        url=told.url or None,
        licence=told.licence or None,
        note=told.note or None,
        predictions={
            table.entry.name: structs.replace(table.origin, key=table.predictions.key, column=row.prediction)
            for table, _ in parts
        },
    )
    results = {
        table.entry.name: structs.replace(
            table.described, complete=True, summary=summarize(table.entry.kind, task, records)
        )
        for table, records in parts
    }
    content = Submission(
        schema=SCHEMA,
        row=row.row,
        training=None,
        reference=reference,
        task=task,
        evaluations=[],
        entries=results,
        records=PENDING,
    )
    return make_submission(without_places(content.to_json()), row.row)


def _label(table: _Table, raw: Any) -> str | float:
    label = read_label(raw, table.labels, table.predictions.source.name)
    return table.entry.collapse.get(str(label), label)


def _scores(table: _Table, row: Row, raw: Any) -> list[float]:
    """Probabilities from a list of numbers, or from one as JSON."""
    try:
        scores = [float(score) for score in (parse_json(raw, "") if isinstance(raw, str) else raw)]
    except (TypeError, ValueError, OverflowError, AlumbenchError):
        scores = []
    if len(scores) != len(table.labels) or not all(map(math.isfinite, scores)):
        raise AlumbenchError(
            f"{table.predictions.source.name}: column '{row.scores}' holds {str(raw)[:80]!r}, expected a "
            f"probability for each of {', '.join(table.labels)}"
        )
    return scores
