"""Evaluations read back from disk: their figures and their records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from alumbench.errors import AlumbenchError
from alumbench.evaluation.document import EVALUATION, RECORDS, read_document
from alumbench.evaluation.ensembles import HARMLESS, column_records, columns_of
from alumbench.evaluation.results import ColumnResult, Document, EnsembleResult, EntryResult, Identity
from alumbench.models.checkpoint.identity import changed, differences
from alumbench.models.checkpoint.telling import some
from alumbench.records import Record, as_json, make_record
from alumbench.storage import read_records

EVALUATIONS = "evaluations"
#: Options of evaluations that no board takes, or only a board with the same options.
SPECIAL = "--limit, --data, --no-protection or --skip-broken, or with --scoring or --precision unlike the board's"


@dataclass(frozen=True)
class Results:
    """Entries of a suite with their records, from an evaluation or a board's row.

    Attributes:
        entries: by name.
        ensembles: worst cases by signature.
        records: by entry.
    """

    entries: Mapping[str, EntryResult]
    ensembles: Mapping[str, EnsembleResult]
    records: Mapping[str, Sequence[Record]]

    @cached_property
    def columns(self) -> dict[str, ColumnResult]:
        """All possible columns of a table, by name: finished entries and worst cases."""
        return columns_of(self.entries, self.ensembles)

    def records_of(self, column: str, group: str = "") -> list[Record]:
        """One record an example of a column or of one group in it, without attack seeds after the first."""
        records = column_records(column, self.records, self.ensembles)
        return [record for record in records if not group or record.group == group]


def typed_records(
    lines: Iterable[tuple[str, Any]], entries: Mapping[str, EntryResult], columns: Sequence[str], whose: str
) -> Iterator[tuple[str, Record]]:
    """The records in lines of JSON, each checked for the kind of its entry, with its position.

    Args:
        lines: each line's position, for messages, and its parsed content.
        entries: the records' entries by name.
        columns: the task's.
        whose: the name, for messages, of the file that describes the entries.

    Raises:
        AlumbenchError: A line is not a record, has no known entry, or does not fit its kind; names the line.
    """
    for at, line in lines:
        name = line.get("entry") if isinstance(line, dict) else None
        if not isinstance(name, str):
            raise AlumbenchError(f"{at}: not a record: expected an object that names its entry")
        if name not in entries:
            raise AlumbenchError(f"{at}: has records of {name}, which {whose} does not describe")
        yield at, make_record(line, entries[name].kind, columns, at)


@dataclass(frozen=True)
class Stored:
    """One evaluation folder.

    Attributes:
        folder: its path.
        document: its `evaluation.json`.
    """

    folder: Path
    document: Document

    @classmethod
    def read(cls, folder: Path) -> Stored:
        """Reads a folder that `alumbench attack` wrote.

        Raises:
            AlumbenchError: It holds no evaluation, or one of an unknown schema.
        """
        if not (folder / EVALUATION).exists():
            raise AlumbenchError(f"{folder}: no {EVALUATION}; 'alumbench attack CHECKPOINT --suite NAME' makes one")
        return cls(folder, read_document(folder / EVALUATION))

    @cached_property
    def records(self) -> list[Record]:
        """All records of its entries, without an incomplete last line.

        Raises:
            AlumbenchError: A record does not fit its kind; names its line.
        """
        path, document = self.folder / RECORDS, self.document
        lines = ((f"{path}, line {n}", line) for n, line in enumerate(read_records(path)[0], start=1))
        found = []
        for at, record in typed_records(lines, document.entries, document.task.columns, EVALUATION):
            if record.texts is None:
                raise AlumbenchError(f"{at}: texts is missing")
            found.append(record)
        return found

    @cached_property
    def results(self) -> Results:
        """Its entries with their records."""
        records: dict[str, list[Record]] = {}
        for record in self.records:
            records.setdefault(record.entry, []).append(record)
        return Results(self.document.entries, self.document.ensembles or {}, records)

    @property
    def columns(self) -> dict[str, ColumnResult]:
        """All possible columns of a table; the records are not read."""
        return columns_of(self.document.entries, self.document.ensembles or {})


def evaluations_of(path: Path, scored: Sequence[str] = ()) -> list[Stored]:
    """The evaluations of a checkpoint folder, or the evaluation at the path itself.

    For a checkpoint, runs that were cut by `--limit`, made on the user's own data, without protection, with
    `--skip-broken`, or scored in another way than `scored` are left out: they answer another question. To read one,
    give its own folder.

    Raises:
        AlumbenchError: There are none.
    """
    if (path / EVALUATION).exists():
        return [Stored.read(path)]
    folders = sorted(at.parent for at in (path / EVALUATIONS).glob(f"*/{EVALUATION}"))
    if not folders:
        raise AlumbenchError(f"{path}: no evaluations; 'alumbench attack {path} --suite NAME' makes one")
    every = [Stored.read(folder) for folder in folders]
    plain = [s for s in every if is_plain(s.document.identity, scored)]
    if not plain:
        raise AlumbenchError(
            f"{path}: only special evaluations (with {SPECIAL}): "
            f"give one of {', '.join(str(folder) for folder in folders)}"
        )
    return plain


def is_plain(identity: Identity, scored: Sequence[str] = ()) -> bool:
    """True if an evaluation ran each attack on all the suite's own examples, protected, and scored as in `scored`."""
    cut = identity.limit or identity.data or identity.skip_broken
    return not cut and identity.protected and identity.scored_otherwise == list(scored)


def finished_columns(evaluations: Sequence[Stored]) -> dict[str, tuple[Stored, ColumnResult]]:
    """Finished entries and worst cases by name, of several evaluations of one checkpoint; duplicates count once.

    Raises:
        AlumbenchError: They have different weights, or two entries of one name were made differently (other data, seed
            or budget).
    """
    weights = {stored.document.identity.model: stored for stored in evaluations}
    if len(weights) > 1:
        raise AlumbenchError(
            f"{' and '.join(str(stored.folder) for stored in weights.values())} were made with different weights: "
            f"the checkpoint changed in between; delete the outdated one"
        )
    told = [(s.folder, s.document.identity.configuration) for s in evaluations if s.document.identity.configuration]
    for folder, now in told[1:]:
        first_folder, there = told[0]
        changes = list(changed(there, now))
        if changes:
            raise AlumbenchError(
                f"{first_folder} and {folder} were made with the same weights, but the checkpoint changed in "
                f"between ({some(changes)}); delete the outdated one"
            )
    found: dict[str, tuple[Stored, ColumnResult]] = {}
    for stored in evaluations:
        for name, entry in stored.columns.items():
            first, same = found.setdefault(name, (stored, entry))
            otherwise = made_otherwise(same, entry)
            if otherwise:
                raise AlumbenchError(
                    f"{first.folder} and {stored.folder} both have an entry '{name}', made differently ({otherwise}); "
                    f"give one evaluation folder instead of the checkpoint"
                )
    return found


def made_otherwise(one: ColumnResult, other: ColumnResult) -> str:
    """The differences in how two entries of one name were made, '' if none."""
    how = (protocol_signature(one.signature), protocol_signature(other.signature))
    return other_models(one, other) or ("; ".join(how) if how[0] != how[1] else "")


def other_models(one: ColumnResult, other: ColumnResult) -> str:
    """The differences in the models that an attack uses besides the victim, as far as both entries record them."""
    if not (isinstance(one, EntryResult) and isinstance(other, EntryResult)):
        return ""
    there, now = one.models or {}, other.models or {}
    both = sorted(there.keys() & now.keys())
    found = {name: differences(as_json(there[name]), as_json(now[name])) for name in both}
    return "; ".join(f"{name}: {some(changes)}" for name, changes in found.items() if changes)


def protocol_signature(signature: str) -> str:
    """An entry's signature without its suite, since the clean dev set is the same in all suites.

    `--skip-broken` and further attack seeds are left out too: they add or remove figures but change no others.
    """
    parts = signature.split("|")[1:]
    return "|".join(part for part in parts if not part.startswith(HARMLESS))
