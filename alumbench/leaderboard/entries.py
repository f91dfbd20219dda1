"""A board's entries: evaluated checkpoints as JSON with their records, and what is wrong with them."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from alumbench.errors import AlumbenchError
from alumbench.evaluation.contradictions import TIE, contradictory
from alumbench.evaluation.degrees import summarize_within
from alumbench.evaluation.ensembles import Ensemble, summarize_ensemble
from alumbench.evaluation.membership import claims_of_entry, disagreements
from alumbench.evaluation.optimality import optimality_in
from alumbench.evaluation.reliability_flags import flags
from alumbench.evaluation.results import ColumnResult, EnsembleResult, EntryResult, Flag, Measure, Summary
from alumbench.evaluation.seeds import key_of, main_records, summarize_seeds
from alumbench.evaluation.stored import SPECIAL, Results, is_plain, protocol_signature
from alumbench.evaluation.summary import summarize
from alumbench.evaluation.validity import summarize_validity, without_remedies
from alumbench.leaderboard.config import TRAINING, Board, Column
from alumbench.leaderboard.measures import AGAINST_ENUMERATION, paired_by
from alumbench.leaderboard.reading import read_content, read_records
from alumbench.leaderboard.submission import Reference, Submission, make_submission
from alumbench.models.checkpoint.provenance import Training
from alumbench.records import Attacked, Record
from alumbench.storage import finite

#: Parts of a summary that older entries lack.
LATER = ("similarity", "attack_seeds")


@dataclass(frozen=True)
class BoardEntry:
    """One checkpoint on a board, or a reference: another's model, known by its published predictions.

    Attributes:
        board: its board.
        path: its file.
        content: its JSON.
        records: its records, by entry of the suite.
    """

    board: Board
    path: Path
    content: Submission
    records: dict[str, list[Record]]

    @classmethod
    def read(cls, board: Board, path: Path) -> BoardEntry:
        """Reads an entry of the board and its records; errors as `of`."""
        return cls.of(board, make_submission(read_content(path, board.folder), str(path)), path, board.folder)

    @classmethod
    def of(cls, board: Board, content: Submission, path: Path, folder: Path) -> BoardEntry:
        """An entry with its records.

        Args:
            board: the entry's board.
            content: the content of its file.
            path: the name that messages use.
            folder: the folder that has its records in `records/`.

        Raises:
            AlumbenchError: Its records are missing, changed or unreadable.
        """
        return cls(board, path, content, read_records(folder / content.records.file, content, str(path), folder))

    @property
    def row(self) -> str:
        """Its row of the table."""
        return self.content.row

    @property
    def seed(self) -> int:
        """Its training seed; 0 for a reference, whose seed is unknown."""
        return self.training.training_seed if self.training else 0

    @property
    def reference(self) -> Reference | None:
        """The source of its published predictions; None for a checkpoint trained and evaluated here."""
        return self.content.reference

    @property
    def task(self) -> str:
        """The task that its checkpoint was trained for."""
        return self.content.task.name

    @property
    def training(self) -> Training | None:
        """Its checkpoint's training record; None for a reference."""
        return self.content.training

    @property
    def training_time(self) -> float | None:
        """Training time in seconds, including the pre-training of its model where recorded."""
        return self.training.time if self.training else None

    def cost_over(self, others: Sequence[BoardEntry]) -> float | None:
        """Its training time divided by the mean of the others timed on the same kind of device and clock."""
        times = [other.training_time for other in others if other._timed == self._timed]
        mine, known = self.training_time, [time for time in times if time]
        return mine / statistics.fmean(known) if mine and known else None

    @property
    def _timed(self) -> tuple[str | None, bool]:
        training = self.training
        return (training.device, training.cpu_seconds is not None) if training else (None, False)

    @property
    def weights(self) -> set[str]:
        """The hash of the checkpoint's weights, as recorded by each evaluation."""
        return {evaluation.model for evaluation in self.content.evaluations}

    @cached_property
    def results(self) -> Results:
        """Its entries with their records, and the worst cases over the suites' and the board's ensembles."""
        return Results(self.content.entries, self._ensembles(), self.records)

    @property
    def columns(self) -> dict[str, ColumnResult]:
        """The results that columns can show."""
        return self.results.columns

    def measure(self, column: Column) -> Measure | None:
        """Its figure for a column, None if it was not evaluated on that."""
        if column.task not in ("", self.task):
            return None
        if column.entry == TRAINING:
            return self._of_training(column.measure)
        entry = self.columns.get(column.entry)
        if entry is None:
            return None
        if column.measure in AGAINST_ENUMERATION:
            return self._against_enumeration(column)
        figures = entry.figures
        return (figures.groups or {}).get(column.group) if column.group else figures.all_measures.get(column.measure)

    def flags(self) -> list[Flag]:
        """The flags that cast doubt on its figures; none for entries older than flags."""
        checks = self.content.model_checks
        return flags(self.content.entries, self.records, checks, self.content.task.labels) if checks else []

    def records_of(self, column: Column) -> list[Record]:
        """One record per example of a column."""
        return self.results.records_of(column.entry, column.group)

    def right(self, column: Column) -> dict[str, bool]:
        """By example of a column, True if the answer is right."""
        is_right = paired_by(column.measure)
        return {record.id: is_right(record) for record in self.records_of(column)} if is_right else {}

    def problems(self) -> Iterator[str]:
        """The problems that keep it off its board, one line each."""
        board = self.board
        if board.tasks and self.task not in board.tasks:
            yield f"was trained for {self.task}; this board is for {', '.join(board.tasks)}"
        if len(self.weights) > 1:
            yield "its evaluations are of different weights"
        for evaluation in self.content.evaluations:
            suite = evaluation.suite.signature
            if suite not in board.suites:
                yield f"comes from suite {suite}; this board takes {', '.join(board.suites)}"
            if not is_plain(evaluation, () if self.reference else board.scored):
                yield f"was made with {SPECIAL}"
        if self.reference is not None and self.training:
            yield "has a training record and a reference; a row has one or the other"
        if self.reference is not None and self.reference.predictions.keys() != self.content.entries.keys():
            yield "names predictions of other entries than it has"
        if sum(map(len, self.records.values())) != self.content.records.n:
            yield f"does not have the {self.content.records.n} records that it states"
        for name, described in self.content.entries.items():
            yield from (f"entry {name}: {problem}" for problem in self._problems_of(name, described))
        for name, problem in disagreements(self.content.entries, self.records, TIE):
            yield f"entry {name}: {problem}"
        for signature, found in (self.content.ensembles or {}).items():
            yield from (f"ensemble {signature}: {problem}" for problem in self._problems_of_ensemble(signature, found))

    def _problems_of_ensemble(self, signature: str, found: EnsembleResult) -> Iterator[str]:
        entries, (name, _, version) = self.content.entries, signature.rpartition("@")
        if not version.isdigit() or not set(found.members) <= entries.keys():
            yield "has members that the entry does not describe, or no version"
            return
        every = [record for member in found.members for record in self.records.get(member, [])]
        again = summarize_ensemble(Ensemble(name, int(version), tuple(found.members)), entries, every)
        for key in ("measures", "outcomes", "complete"):
            if not _follows(getattr(again, key), getattr(found, key)):
                yield f"its {key} do not follow from its records"
        if protocol_signature(again.signature) != protocol_signature(found.signature):
            yield "its signature is not that of its members"

    def _problems_of(self, name: str, described: EntryResult) -> Iterator[str]:
        records, suite = self.records.get(name, []), described.signature.partition("|")[0]
        if suite not in self.board.suites:
            yield f"comes from suite {suite}; this board takes {', '.join(self.board.suites)}"
        if "limit:" in described.signature:
            yield "was made with --limit"
        if not described.complete:
            yield "is not finished"
        if len(records) != described.records:
            yield f"{len(records)} records instead of {described.records}: records missing"
        for (identity, _), times in Counter(map(key_of, records)).items():
            if times > 1:
                yield f"record {identity} occurs {times} times"
        yield from claims_of_entry(described)
        task, summary = self.content.task, described.figures
        try:
            again = summarize(described.kind, task, main_records(records), described.goal)
        except ValueError as error:  # a metric that these labels do not allow
            yield f"its measures cannot be computed: {error}"
            return
        if described.threat_model is not None:
            attacked = [record for record in main_records(records) if isinstance(record, Attacked)]
            again = replace(again, within=summarize_within(attacked, described.threat_model.signature))
        if summary.seeds:
            again = replace(again, attack_seeds=summarize_seeds(records))
        for key in sorted(set(Summary.__struct_fields__) - {"validity"}, key=Summary.__struct_fields__.index):
            value, there = getattr(again, key), getattr(summary, key)
            if value is UNSET or (there is UNSET and key in LATER):
                continue
            if not _follows(value, there):
                yield f"its {key} do not follow from its records"
        if described.kind == "fixed":
            yield from contradictory(records, task.labels)
        told = summary.validity
        if told is not None:
            through = summarize_validity([r for r in records if isinstance(r, Attacked)], told.thresholds)
            if not _follows(without_remedies(through.measures), without_remedies(told.measures)):
                yield "its validity does not follow from its records"

    def _of_training(self, measure: str) -> Measure | None:
        training = self.training
        if training is None:
            return None
        norm, seconds = training.embedding_norm, training.seconds
        if measure == "embedding_growth" and norm is not None:
            return Measure(value=100 * (norm.after / norm.before - 1), n=0)
        if measure == "training_seconds" and seconds is not None:
            return Measure(value=seconds, n=0)
        return None

    def _against_enumeration(self, column: Column) -> Measure | None:
        main = {name: main_records(records) for name, records in self.records.items()}
        found = optimality_in(column.entry, self.content.entries, main)
        return None if found is None else found[AGAINST_ENUMERATION.index(column.measure)]

    def _ensembles(self) -> dict[str, EnsembleResult]:
        own = dict(self.content.ensembles or {})
        entries = self.content.entries
        for ensemble in self.board.ensembles:
            if ensemble.signature in own or not set(ensemble.entries) <= entries.keys():
                continue
            if len({entries[name].data_sha256 for name in ensemble.entries}) > 1:
                raise AlumbenchError(
                    f"{self.board.folder / 'board.toml'}: ensemble {ensemble.signature}: its members attack different "
                    f"examples; a worst case is taken over attacks on the same ones"
                )
            every = [record for name in ensemble.entries for record in self.records.get(name, [])]
            own[ensemble.signature] = summarize_ensemble(ensemble, entries, every)
        return own


def _follows(again: object, there: object) -> bool:
    """True if a figure follows from the records; non-finite numbers are null in files."""
    return _close(finite(msgspec.to_builtins(again)), finite(msgspec.to_builtins(there)))


def _close(a: Any, b: Any) -> bool:
    """True if equal, with numbers compared to nine digits: the last vary with library versions and processors."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_close(a[key], b[key]) for key in a)
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-9)
    return bool(a == b)
