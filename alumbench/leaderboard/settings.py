"""What a board's `board.toml` says."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from alumbench.errors import AlumbenchError, unknown
from alumbench.leaderboard.compare import MEASURES
from alumbench.tasks.task import build as build_fields

#: What a column names in place of an entry where its figure is about the training run.
TRAINING = "training"


@dataclass(frozen=True)
class Column:
    """One column: a measure of an entry, or of one group of it, or of the training run (entry `training`)."""

    title: str
    entry: str
    measure: str
    group: str = ""


@dataclass(frozen=True)
class Board:
    """What `board.toml` says.

    Attributes:
        folder: where it is.
        title: heading of the page.
        about: a paragraph above the table.
        columns: what the table shows.
        baseline: the row that others are compared with, '' for none.
        reading: a paragraph under the table: what it means.
        tall: whether the page lists columns downwards, for boards of many columns and few rows.
    """

    folder: Path
    title: str
    columns: tuple[Column, ...]
    about: str = ""
    baseline: str = ""
    reading: str = ""
    tall: bool = False

    @classmethod
    def read(cls, folder: Path) -> Board:
        """Reads a board's settings.

        Raises:
            AlumbenchError: There is no board, or its settings are wrong.
        """
        path = folder / "board.toml"
        if not path.is_file():
            raise AlumbenchError(
                f"{path}: no such file. A board is a folder with a board.toml: title, baseline, and [[columns]] with "
                f"title, entry and measure"
            )
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise AlumbenchError(f"{path}: {error}") from None
        columns = tuple(Column(**build_fields(Column, c, f"{path}, column")) for c in values.pop("columns", []))
        for column in columns:
            if column.measure not in MEASURES:
                raise AlumbenchError(f"{path}: {unknown('measure', column.measure, MEASURES)}")
        return cls(**build_fields(cls, {**values, "columns": columns, "folder": folder}, str(path)))
