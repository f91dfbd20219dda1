"""The settings in a board's `board.toml`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alumbench.config import Name, convert
from alumbench.errors import AlumbenchError, unknown
from alumbench.evaluation.ensembles import Ensemble
from alumbench.evaluation.results import WORST
from alumbench.leaderboard.measures import AGAINST_ENUMERATION, MEASURES, is_measure
from alumbench.parsing import read_toml

#: The `entry` of a column whose figure is about the training run.
TRAINING = "training"
#: The aspects of a model that a column's figure can be about.
ROLES = ("generalization", "robustness", "worst_case", "cost", "other")


@dataclass(frozen=True)
class Column:
    """One column: a measure of an entry, or of one group of it, or of the training run (entry `training`).

    Attributes:
        title: its heading.
        entry: name of a suite's entry, `worst case NAME@VERSION` or `training`.
        measure: one of `MEASURES`, or `accuracy_within_DEGREE`.
        group: a part of the entry, '' for all of it.
        role: one of `ROLES`; by default it follows from the entry.
        task: the entry's task, on a board of several tasks: each has its own `clean`, for example.
    """

    title: Name
    entry: Name
    measure: Name
    group: str = ""
    role: str = ""
    task: str = ""

    def __post_init__(self) -> None:
        """Fills in the default role."""
        if not self.role:
            object.__setattr__(self, "role", _role(self))

    @property
    def key(self) -> str:
        """Its unique key among a board's columns."""
        return ":".join(filter(None, (self.task, self.entry, self.measure, self.group)))


@dataclass(frozen=True)
class Board:
    """A board's settings, from `board.toml`.

    Attributes:
        folder: the board's folder.
        title: heading of the page.
        about: a paragraph above the table.
        columns: the table's columns.
        tasks: tasks that its checkpoints were trained for; empty for any.
        suites: `name@version` of the suites that its entries may come from, at least one.
        scored: non-default ways of scoring texts, as in signatures: `precision:bf16`, `scoring:fast`.
        ensembles: attacks over which a worst case is taken, beyond those of the suites.
        rank: title of the column that orders the rows, '' to order them by name.
        baseline: the row that others are compared with, '' for none.
        reading: a paragraph under the table on how to read it.
        tall: whether the page lists columns downwards, for boards of many columns and few rows.
    """

    folder: Path
    title: str
    columns: tuple[Column, ...] = ()
    tasks: tuple[str, ...] = ()
    suites: tuple[str, ...] = ()
    scored: tuple[str, ...] = ()
    ensembles: tuple[Ensemble, ...] = ()
    rank: str = ""
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
        return convert(cls, read_toml(path), str(path), folder=folder)

    def check(self) -> None:
        """Checks the settings.

        Raises:
            AlumbenchError: It names no suite; a measure, a role, the column to rank by or, on a board of several tasks,
                a column's task is unknown; or two columns have the same key or title.
        """
        keys = [column.key for column in self.columns]
        for column in self.columns:
            if not is_measure(column.measure):
                raise AlumbenchError(f"column {column.title}: {unknown('measure', column.measure, MEASURES)}")
            if column.role not in ROLES:
                raise AlumbenchError(f"column {column.title}: {unknown('role', column.role, ROLES)}")
            if len(self.tasks) > 1 and column.task not in self.tasks:
                raise AlumbenchError(f"column {column.title}: {unknown('task', column.task, self.tasks)}")
            if keys.count(column.key) > 1:
                raise AlumbenchError(f"two columns are {column.key}")
        titles = [column.title for column in self.columns]
        for title in titles:
            if titles.count(title) > 1:
                raise AlumbenchError(f"two columns have the title '{title}'")
        if self.rank and self.rank not in titles:
            raise AlumbenchError(f"rank: {unknown('column', self.rank, titles)}")
        if not self.suites:
            raise AlumbenchError(
                'suites: none; name those that its entries come from, for example suites = ["smoke@1"]'
            )

    @property
    def rank_column(self) -> Column | None:
        """The column that orders the rows."""
        return next((column for column in self.columns if column.title == self.rank), None)


def _role(column: Column) -> str:
    if column.measure in AGAINST_ENUMERATION:
        return "other"
    if column.entry == TRAINING:
        return "cost" if column.measure == "training_cost" else "other"
    if column.entry.startswith(WORST):
        return "worst_case"
    return "generalization" if column.entry == "clean" or column.measure == "clean_accuracy" else "robustness"
