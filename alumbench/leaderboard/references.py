"""What a board's `references.toml` says: rows of others' models, known by their published predictions alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alumbench.config import Name, convert
from alumbench.errors import AlumbenchError
from alumbench.parsing import read_toml
from alumbench.storage import file_name
from alumbench.tasks import Source

REFERENCES = "references.toml"


@dataclass(frozen=True)
class Predictions:
    """One table of predictions.

    Attributes:
        entry: the suite's entry whose examples they are of.
        key: the column by which both tables' rows are told apart.
        source: the table; its gold labels have to be those of the entry's examples.
    """

    entry: Name
    key: Name
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

    row: Name
    prediction: Name
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
        return convert(cls, read_toml(path), str(path))

    def check(self) -> None:
        """Looks its tables through.

        Raises:
            AlumbenchError: There are no rows or predictions, or two rows have one name.
        """
        if not self.rows or not self.predictions:
            raise AlumbenchError(f"has no [[{'predictions' if self.rows else 'rows'}]]")
        if len({file_name(row.row) for row in self.rows}) < len(self.rows):
            raise AlumbenchError("two rows have the same name, or names that make the same file's")
