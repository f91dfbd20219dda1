"""What a board's `references.toml` says: rows of others' models, known by their published predictions alone."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alumbench.errors import AlumbenchError
from alumbench.storage import file_name
from alumbench.tasks import Source
from alumbench.tasks.task import build

REFERENCES = "references.toml"


@dataclass(frozen=True)
class Predictions:
    """One table of predictions.

    Attributes:
        entry: the suite's entry whose examples they are of.
        key: the column by which both tables' rows are told apart.
        source: the table; its gold labels have to be those of the entry's examples.
    """

    entry: str
    key: str
    source: Source


@dataclass(frozen=True)
class Row:
    """One model.

    Attributes:
        row: as the table shows it.
        prediction: its column of predicted labels, in every table.
        scores: its column of probabilities in the order of the labels, '' where there is none.
        model: what it is.
    """

    row: str
    prediction: str
    scores: str = ""
    model: str = ""


@dataclass(frozen=True)
class References:
    """A `references.toml`.

    Attributes:
        task: what the models were trained for.
        suite: the suite of the entries.
        published: where: repository, commit and path.
        rows: the models.
        predictions: the tables.
        url: an address to read more at.
        licence: of the predictions.
        note: what to know before comparing.
    """

    task: str
    suite: str
    published: str
    rows: tuple[Row, ...]
    predictions: tuple[Predictions, ...]
    url: str = ""
    licence: str = ""
    note: str = ""

    @classmethod
    def read(cls, folder: Path) -> References:
        """Reads a board's references.

        Raises:
            AlumbenchError: There are none, or a key is unknown or missing.
        """
        path = folder / REFERENCES
        if not path.is_file():
            raise AlumbenchError(
                f"{path}: no such file. It names task, suite, where predictions were published, [[predictions]] with "
                f"entry, key and source, and [[rows]] with row and prediction"
            )
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise AlumbenchError(f"{path}: {error}") from None
        rows = tuple(Row(**build(Row, row, f"{path}, rows")) for row in values.pop("rows", []))
        tables = tuple(_predictions(table, f"{path}, predictions") for table in values.pop("predictions", []))
        if not rows or not tables:
            raise AlumbenchError(f"{path}: has no [[{'predictions' if rows else 'rows'}]]")
        if len({file_name(row.row) for row in rows}) < len(rows):
            raise AlumbenchError(f"{path}: two rows have the same name, or names that make the same file's")
        return cls(**build(cls, {**values, "rows": rows, "predictions": tables}, str(path)))


def _predictions(values: Mapping[str, Any], where: str) -> Predictions:
    source = Source(**build(Source, values.get("source", {}), f"{where}, source"))
    return Predictions(**build(Predictions, {**values, "source": source}, where))
