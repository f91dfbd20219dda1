"""References made: published predictions joined to a suite's examples, and scored here as any model's are.

Nobody here trained or ran these models. Each figure comes from one record an example, as everywhere on a board, and the
same command on the same predictions gives the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from alumbench.errors import AlumbenchError, unknown
from alumbench.evaluation.describe import describe
from alumbench.evaluation.entry import Entry as SuiteEntry
from alumbench.evaluation.evaluate import load_entry
from alumbench.evaluation.request import Request
from alumbench.evaluation.suite import Suite, load_suite
from alumbench.evaluation.summary import summarize
from alumbench.leaderboard.adding import save
from alumbench.leaderboard.entries import Entry
from alumbench.leaderboard.references import REFERENCES, Predictions, References, Row
from alumbench.leaderboard.settings import Board
from alumbench.leaderboard.shape import PREDICTABLE, SCHEMA
from alumbench.parsing import parse_json
from alumbench.tasks import Example, Task, load_task
from alumbench.tasks.labels import read_label
from alumbench.tasks.loading import load_examples_from
from alumbench.tasks.table import Rows


def add_references(folder: Path) -> list[Entry]:
    """Makes the entries of a board's `references.toml`; the same predictions give the same bytes.

    Args:
        folder: the board.

    Returns:
        The entries, one a model.

    Raises:
        AlumbenchError: The board takes no such entries, or a table cannot be had, lacks a column or an example, or has
            a key twice or another gold label than the suite's entry; then nothing is written.
    """
    board, told = Board.read(folder), References.read(folder)
    suite, task, where = load_suite(told.suite), load_task(told.task), folder / REFERENCES
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
    return [Entry.read(board, path) for path in paths]


@dataclass(frozen=True)
class _Table:
    """A table of predictions beside the examples that it is of.

    Attributes:
        predictions: what the board says of it.
        entry: the suite's entry.
        described: the entry's part of an `evaluation.json`.
        origin: where the table came from.
        rows: its columns.
        examples: the entry's examples, each with its place in the table.
        labels: names of the predicted labels, in the order of the table's integers.
    """

    predictions: Predictions
    entry: SuiteEntry
    described: dict[str, Any]
    origin: dict[str, Any]
    rows: Rows
    examples: list[tuple[Example, int]]
    labels: Sequence[str]

    def column(self, name: str) -> Sequence[Any]:
        """One of its columns."""
        if name not in self.rows:
            raise AlumbenchError(f"{self.predictions.source.name}: {unknown('column', name, self.rows)}")
        return self.rows[name]


def _join(predictions: Predictions, suite: Suite, task: Task, folder: Path) -> _Table:
    """Finds each example's row by its key, and holds the gold labels of both to each other."""
    where = folder / REFERENCES
    entry = next((one for one in suite.entries if one.name == predictions.entry and one.is_for(task)), None)
    if entry is None or entry.kind not in PREDICTABLE:
        known = [one.name for one in suite.entries if one.is_for(task) and one.kind in PREDICTABLE]
        raise AlumbenchError(f"{where}: {unknown('entry', predictions.entry, known)}")
    request, source = Request(suite), predictions.source
    examples, origins = load_entry(entry, task, request)
    described = describe(entry, request, task, examples, origins)
    # Read as a group's name, the key's column comes with the examples; ids are of texts and labels alone.
    labels = tuple(dict.fromkeys(entry.collapse.values())) or task.labels
    keyed, _ = load_examples_from(entry.source or task.dev, task.columns, labels, predictions.key)
    keys = {example.id: example.group for example in keyed}
    rows, origin = (replace(source, file=str(folder / source.file)) if source.file else source).load()
    if source.file:
        origin |= {"path": source.file}
    table = _Table(predictions, entry, described, origin, rows, [], source.labels or task.labels)
    places: dict[str, int] = {}
    for place, key in enumerate(table.column(predictions.key)):
        if places.setdefault(str(key), place) != place:
            raise AlumbenchError(f"{source.name}: {predictions.key} {key} is there twice")
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


def _records(table: _Table, row: Row, task: Task) -> list[dict[str, Any]]:
    """One record an example, as an evaluation has them."""
    predictions = table.column(row.prediction)
    scores = table.column(row.scores) if row.scores else None
    found = []
    for example, place in table.examples:
        prediction = _label(table, predictions[place])
        base = {
            "entry": table.entry.name,
            "id": example.id,
            "texts": dict(zip(task.columns, example.texts, strict=True)),
            "label": example.label,
        }
        found.append(
            base
            | ({"group": example.group} if example.group else {})
            | ({"scores": _scores(table, row, scores[place])} if scores is not None else {})
            | {"prediction": prediction, "outcome": "correct" if prediction == example.label else "wrong"}
        )
    return found


def _content(
    told: References, row: Row, task: Task, parts: Sequence[tuple[_Table, list[dict[str, Any]]]]
) -> dict[str, Any]:
    """The entry's JSON, but for its records."""
    about = {name: text for name in ("url", "licence", "note") if (text := getattr(told, name))}
    return {
        "schema": SCHEMA,
        "row": row.row,
        "training": None,
        "reference": {
            "published": told.published,
            **({"model": row.model} if row.model else {}),
            **about,
            "predictions": {
                table.entry.name: {**table.origin, "key": table.predictions.key, "column": row.prediction}
                for table, _ in parts
            },
        },
        "task": task.to_dict(),
        "evaluations": [],
        "entries": {
            table.entry.name: table.described
            | {"complete": True, "summary": summarize(table.entry.kind, task, records)}
            for table, records in parts
        },
    }


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
