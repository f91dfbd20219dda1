"""The results of `evaluate` and `compare` in Python: figures, flags, records, tables and reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from alumbench.arguments import path_of
from alumbench.errors import AlumbenchError
from alumbench.evaluation.results import Document, Flag, Measure
from alumbench.evaluation.stored import Stored
from alumbench.leaderboard.compare import compare
from alumbench.records import Record, as_json
from alumbench.reports.html.report import tables_fragment
from alumbench.reports.html.tables_page import tables_page
from alumbench.reports.table import Table
from alumbench.storage import write_text

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Evaluation:
    """One evaluation of one model, finished or not.

    Attributes:
        folder: its folder.
        document: the content of its `evaluation.json`.
    """

    folder: Path
    document: Document

    @property
    def metrics(self) -> Mapping[str, Mapping[str, Measure]]:
        """Value, n and 95% interval by entry and measure; ensembles' worst cases are entries too."""
        return {name: column.figures.all_measures for name, column in self._stored.columns.items()}

    @property
    def flags(self) -> list[Flag]:
        """Warnings that limit what the figures show; `str(flag)` is one line."""
        return list(self.document.flags or [])

    @property
    def records(self) -> list[Record]:
        """One record per example and attack, and one more for each further attack seed."""
        found = self._stored.records
        if not found and any(entry.complete and entry.n for entry in self.document.entries.values()):
            raise AlumbenchError(f"{self.folder}: its records are gone; run the same evaluation again")
        return list(found)

    @cached_property
    def _stored(self) -> Stored:
        return Stored(self.folder, self.document)

    @cached_property
    def _table(self) -> Table:
        """Every finished entry with its measures."""
        return compare([self.folder])

    def to_pandas(self) -> pandas.DataFrame:
        """The records as a data frame, one row each."""
        import pandas

        return pandas.DataFrame([as_json(record) for record in self.records])

    def to_markdown(self) -> str:
        """The table in Markdown, with the flags under it."""
        flags = [f"flag: {flag}" for flag in self.flags] or ["flags: none"]
        return "\n".join([self._table.render("markdown"), *flags]) + "\n"

    def report(self, path: str | Path) -> Path:
        """Writes an HTML page with the table, the flags, and how each figure was made.

        Raises:
            AlumbenchError: It cannot be written.
        """
        path = path_of(path, "path", "the path of an HTML file")
        if path.is_dir():
            raise AlumbenchError(f"{path}: is a folder; name a file in it, such as {path / 'report.html'}")
        identity, device = self.document.identity, self.document.device
        about = f"Suite {identity.suite.signature} on {device}, attack seed {identity.attack_seed}; "
        about += f"records in {self.folder}."
        columns = self._stored.columns.items()
        made = Table(["entry", "signature"], [[name, column.signature] for name, column in columns])
        flags = [str(flag) for flag in self.flags] or ["None."]
        tables = {"": self._table, "How each figure was made": made}
        write_text(path, tables_page(self._title, about, "", tables, flags, "Flags"))
        return path

    @property
    def _title(self) -> str:
        said = self.document.identity.classifier or {}
        return f"Robustness of {said.get('name') or Path(self.document.checkpoint.path).name}"

    def __str__(self) -> str:
        return self.to_markdown()

    def __repr__(self) -> str:
        entries = ", ".join(self._stored.columns) or "nothing finished"
        return f"<Evaluation {self.folder}: {entries}>"

    def _repr_html_(self) -> str:
        """The table, for notebooks."""
        return tables_fragment(
            {"": self._table, "Flags": Table(["flag"], [[str(flag)] for flag in self.flags] or [["none"]])}
        )


@dataclass(frozen=True)
class Comparison:
    """A comparison of models on the same examples.

    Attributes:
        table: each entry's measures, with the paired difference to the first model.
    """

    table: Table

    def to_markdown(self) -> str:
        """The table in Markdown."""
        return self.table.render("markdown")

    def to_pandas(self) -> pandas.DataFrame:
        """The figures as a data frame, one row each."""
        import pandas

        return pandas.DataFrame(list(self.table.data))

    def __str__(self) -> str:
        return self.to_markdown()

    def _repr_html_(self) -> str:
        """The table, for notebooks."""
        return tables_fragment({"": self.table})
