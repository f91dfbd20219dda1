"""The figures of a checkpoint's evaluations, each with its provenance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alumbench.errors import AlumbenchError
from alumbench.evaluation.data_sets import DataSet, data_set_of
from alumbench.evaluation.document import EVALUATION, make_document, model_changes
from alumbench.evaluation.results import ColumnResult, EntryResult
from alumbench.evaluation.stored import EVALUATIONS, Stored, finished_columns, is_plain
from alumbench.leaderboard.measures import words_of_measure
from alumbench.leaderboard.strip_paths import without_places
from alumbench.models.checkpoint import ModelFiles
from alumbench.models.checkpoint.telling import some


@dataclass(frozen=True)
class Figure:
    """One measure of an entry, or of a group of it.

    Attributes:
        entry: its name, or `worst case NAME@VERSION`.
        kind: clean, fixed, attack, embedding or ensemble.
        measure: accuracy, accuracy_under_attack, …
        group: part of a fixed set, '' for all of it.
        value: a share, or a metric without an interval; None where there is no number.
        low: lower end of its Wilson 95% interval, None without one.
        high: upper end.
        n: examples in its denominator.
        reason: why there is no number.
        signature: how it was made.
        data: the data set on the hub that its examples are from.
        date: when the evaluation was started, ISO 8601.
    """

    entry: str
    kind: str
    measure: str
    group: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    reason: str
    signature: str
    data: DataSet | None
    date: str

    @property
    def name(self) -> str:
        """Entry, group and measure in words."""
        of = f"{self.entry}, {self.group}" if self.group else self.entry
        return f"{words_of_measure(self.measure)} ({of})"


@dataclass(frozen=True)
class Evaluated:
    """A checkpoint's evaluations that may be published.

    Attributes:
        stored: the evaluations.
        figures: of their finished entries.
        flags: doubts about the figures, one line each.
        left_out: parts of the checkpoint's folder that are not among the figures, with the reason.
    """

    stored: Sequence[Stored] = ()
    figures: Sequence[Figure] = ()
    flags: Sequence[str] = ()
    left_out: Sequence[str] = field(default=())


def evaluated(files: ModelFiles) -> Evaluated:
    """Reads the evaluations beside a checkpoint's weights.

    Raises:
        AlumbenchError: One was made with other weights, or two contradict each other.
    """
    stored, left_out = [], []
    for path in sorted((files.path / EVALUATIONS).glob(f"*/{EVALUATION}")):
        one = Stored.read(path.parent)
        if not is_plain(one.document.identity):
            left_out.append(f"{path.parent.name}: cut, of other data, unprotected, or scored in another way")
            continue
        _check_weights(one, files)
        open_ = [name for name, entry in one.document.entries.items() if not entry.complete]
        left_out += [f"{path.parent.name}, {name}: not finished" for name in open_]
        if len(open_) < len(one.document.entries):
            document = make_document(without_places(one.document.to_json()), str(one.folder))
            stored.append(Stored(one.folder, document))
    figures = [figure for name, found in finished_columns(stored).items() for figure in _figures(name, *found)]
    flags = list(dict.fromkeys(str(flag) for one in stored for flag in one.document.flags or ()))
    return Evaluated(stored, figures, flags, left_out)


def _check_weights(stored: Stored, files: ModelFiles) -> None:
    changes = model_changes(stored.document.identity, files)
    if changes:
        raise AlumbenchError(
            f"{stored.folder}: made with other {some(changes)} than {files.path} has now, so its figures are not this "
            f"checkpoint's; move it away and run 'alumbench attack {files.path} --suite "
            f"{stored.document.identity.suite.name}' again"
        )


def _figures(name: str, stored: Stored, column: ColumnResult) -> Iterator[Figure]:
    document = stored.document
    # an ensemble's examples are its members'
    of = column if isinstance(column, EntryResult) else document.entries[column.members[0]]
    data = data_set_of(of, document.task)
    figures = column.figures
    found = [("", measure, of_it) for measure, of_it in figures.all_measures.items()]
    found += [(group, "accuracy", of_it) for group, of_it in (figures.groups or {}).items()]
    for group, measure, of_it in found:
        yield Figure(
            entry=name,
            kind=column.kind,
            measure=measure,
            group=group,
            value=of_it.value,
            low=of_it.low,
            high=of_it.high,
            n=of_it.n,
            reason=of_it.reason,
            signature=column.signature,
            data=data,
            date=document.begun or "",
        )


def checkpoint_folder(path: Path) -> Path:
    """A checkpoint's folder, as opposed to a hub id.

    Raises:
        AlumbenchError: There is no such folder.
    """
    if not path.is_dir():
        raise AlumbenchError(f"{path}: no such folder; 'alumbench train … --out {path}' makes a checkpoint")
    return path
