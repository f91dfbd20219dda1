"""The contents of a board's `references.toml`: rows of others' models, known only by published predictions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alumbench.config import Name, convert
from alumbench.data import Source
from alumbench.errors import AlumbenchError
from alumbench.parsing import read_toml
from alumbench.storage import file_name

REFERENCES = "references.toml"


@dataclass(frozen=True)
class Predictions:
    """One table of predictions.

    Attributes:
        entry: the suite's entry whose examples are predicted.
        key: the column that identifies rows in both tables.
        source: the table; its gold labels must equal those of the entry's examples.
    """

    entry: Name
    key: Name
    source: Source


@dataclass(frozen=True)
class Row:
    """One model.

    Attributes:
        row: its row name in the table.
        prediction: its column of predicted labels, in every table.
        scores: its column of probabilities in the order of the labels, '' without one.
        model: a description.
    """

    row: Name
    prediction: Name
    scores: str = ""
    model: str = ""


@dataclass(frozen=True)
class References:
    """A `references.toml`.

    Attributes:
        task: the task that the models were trained for.
        suite: the suite of the entries.
        published: the source: repository, commit and path.
        rows: the models.
        predictions: the tables.
        url: an address to read more at.
        licence: the predictions' licence.
        note: caveats for comparisons.
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
        return convert(cls, read_toml(path), str(path))

    def check(self) -> None:
        """Checks the tables.

        Raises:
            AlumbenchError: There are no rows or predictions, or two rows have the same name.
        """
        if not self.rows or not self.predictions:
            raise AlumbenchError(f"has no [[{'predictions' if self.rows else 'rows'}]]")
        if len({file_name(row.row) for row in self.rows}) < len(self.rows):
            raise AlumbenchError("two rows have the same name, or names that give the same file name")
