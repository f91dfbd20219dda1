"""What a board's `board.toml` says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alumbench.config import Name, convert
from alumbench.errors import AlumbenchError, unknown
from alumbench.evaluation.ensembles import WORST, Ensemble
from alumbench.leaderboard.compare import MEASURES
from alumbench.parsing import read_toml

#: What a column names in place of an entry where its figure is about the training run.
TRAINING = "training"
#: What a column's figure says of a model.
ROLES = ("generalization", "robustness", "worst_case", "cost", "other")


@dataclass(frozen=True)
class Column:
    """One column: a measure of an entry, or of one group of it, or of the training run (entry `training`).

    Attributes:
        title: its heading.
        entry: name of a suite's entry, `worst case NAME@VERSION` or `training`.
        measure: one of `MEASURES`.
        group: a part of the entry, '' for all of it.
        role: one of `ROLES`; where it is not given it follows from the entry.
        task: whose entry it is, where a board has several tasks: each has its own `clean`, say.
    """

    title: Name
    entry: Name
    measure: Name
    group: str = ""
    role: str = ""
    task: str = ""

    def __post_init__(self) -> None:
        """Fills the role in."""
        if not self.role:
            object.__setattr__(self, "role", _role(self))

    @property
    def key(self) -> str:
        """What tells it from a board's other columns."""
        return ":".join(filter(None, (self.task, self.entry, self.measure, self.group)))


@dataclass(frozen=True)
class Board:
    """What `board.toml` says.

    Attributes:
        folder: where it is.
        title: heading of the page.
        about: a paragraph above the table.
        columns: what the table shows.
        tasks: what its checkpoints were trained for; any where it is empty.
        suites: `name@version` of all that its entries may come from; any where it is empty.
        scored: how texts are scored where not by default, as signatures say it: `precision:bf16`, `scoring:fast`.
        ensembles: attacks over which a worst case is taken, beyond those of the suites.
        rank: title of the column that orders the rows, '' to order them by name.
        baseline: the row that others are compared with, '' for none.
        reading: a paragraph under the table: what it means.
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
        """Looks its settings through.

        Raises:
            AlumbenchError: A measure, a role, the column to rank by or, on a board of several tasks, a column's task is
                unknown, or two columns are one.
        """
        keys = [column.key for column in self.columns]
        for column in self.columns:
            for what, value, known in (("measure", column.measure, MEASURES), ("role", column.role, ROLES)):
                if value not in known:
                    raise AlumbenchError(f"column {column.title}: {unknown(what, value, known)}")
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

    @property
    def rank_column(self) -> Column | None:
        """The column that orders the rows."""
        return next((column for column in self.columns if column.title == self.rank), None)


def _role(column: Column) -> str:
    if column.entry == TRAINING:
        return "cost" if column.measure == "training_cost" else "other"
    if column.entry.startswith(WORST):
        return "worst_case"
    return "generalization" if column.entry == "clean" or column.measure == "clean_accuracy" else "robustness"
