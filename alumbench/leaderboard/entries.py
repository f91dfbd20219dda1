"""A board's entries: evaluated checkpoints as JSON with their records, and what is wrong with them."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alumbench.errors import AlumbenchError
from alumbench.evaluation.contradictions import contradictory
from alumbench.evaluation.describe import records_of
from alumbench.evaluation.ensembles import Ensemble, as_entries, column_records, summarize_ensemble
from alumbench.evaluation.reliability import Flag, flags
from alumbench.evaluation.seeds import main_records, summarize_seeds
from alumbench.evaluation.stored import SPECIAL, is_plain, made_how
from alumbench.evaluation.summary import summarize
from alumbench.evaluation.thresholds import Thresholds
from alumbench.evaluation.validity import summarize_validity, without_remedies
from alumbench.leaderboard.compare import PAIRED, measures_of
from alumbench.leaderboard.reading import read_content, read_records
from alumbench.leaderboard.settings import TRAINING, Board, Column
from alumbench.leaderboard.shape import check_content
from alumbench.storage import finite
from alumbench.tasks import Task

#: Parts of a summary that older entries lack.
LATER = ("similarity", "attack_seeds")


@dataclass(frozen=True)
class Entry:
    """One checkpoint on a board, or one model of others by its published predictions: a reference.

    Attributes:
        board: whose.
        path: its file.
        content: its JSON.
        records: its records by entry of the suite.
    """

    board: Board
    path: Path
    content: dict[str, Any]
    records: dict[str, list[dict[str, Any]]]

    @classmethod
    def read(cls, board: Board, path: Path) -> Entry:
        """Reads an entry of the board and its records; errors as `of`."""
        return cls.of(board, read_content(path, board.folder), path, board.folder)

    @classmethod
    def of(cls, board: Board, content: Any, path: Path, folder: Path) -> Entry:
        """An entry from its JSON.

        Args:
            board: that it is for.
            content: its JSON.
            path: how messages call it.
            folder: where its records are, `records/` below it.

        Raises:
            AlumbenchError: It is of no known schema, or its records are missing, changed or unreadable.
        """
        content = check_content(content, str(path))
        Task.from_dict(content["task"], f"{path}, task")
        file = folder / content["records"]["file"]
        return cls(board, path, content, read_records(file, content, str(path), folder))

    @property
    def row(self) -> str:
        """Its row of the table."""
        return str(self.content["row"])

    @property
    def seed(self) -> int:
        """Its training seed; 0 for a reference, of which it is not known."""
        return int(self.training.get("seed", 0))

    @property
    def reference(self) -> dict[str, Any] | None:
        """Where its predictions were published, None for a checkpoint that was trained and evaluated here."""
        return self.content.get("reference")

    @property
    def task(self) -> str:
        """What its checkpoint was trained for."""
        return str(self.content["task"]["name"])

    @property
    def training(self) -> dict[str, Any]:
        """How its checkpoint came to be; nothing for a reference."""
        return dict(self.content["training"] or {})

    @property
    def training_time(self) -> float | None:
        """Seconds that training took, with the pre-training of its model where that is recorded."""
        training = self.training
        times = [_time(run) for run in (training, training.get("model", {}).get("pretraining")) if run]
        return sum(time for time in times if time) if times and all(times) else None

    def cost_over(self, others: Sequence[Entry]) -> float | None:
        """Its training time over the mean of those others that were timed alike: on such a device, by such a clock."""
        times = [other.training_time for other in others if other._timed == self._timed]
        mine, known = self.training_time, [time for time in times if time]
        return mine / statistics.fmean(known) if mine and known else None

    @property
    def _timed(self) -> tuple[Any, bool]:
        return self.training.get("device"), self.training.get("cpu_seconds") is not None

    @property
    def weights(self) -> set[str]:
        """The hash of the checkpoint's weights, as each evaluation took it."""
        return {evaluation["model"] for evaluation in self.content["evaluations"]}

    @property
    def columns(self) -> dict[str, dict[str, Any]]:
        """All that a column can be about: entries, and worst cases of the suites' ensembles and the board's own."""
        return {**self.content["entries"], **as_entries(self._ensembles())}

    def measure(self, column: Column) -> dict[str, Any] | None:
        """Its figure for a column, None where it was not evaluated on that."""
        if column.task not in ("", self.task):
            return None
        if column.entry == TRAINING:
            return self._of_training(column.measure)
        entry = self.columns.get(column.entry)
        if entry is None:
            return None
        summary = entry["summary"]
        found: dict[str, Any] | None
        found = (
            summary.get("groups", {}).get(column.group) if column.group else measures_of(summary).get(column.measure)
        )
        return found

    def flags(self) -> list[Flag]:
        """What makes its figures less than they seem; nothing for entries from before there were flags."""
        checks = self.content.get("model_checks")
        return flags(self.content["entries"], self.records, checks, self.content["task"]["labels"]) if checks else []

    def records_of(self, column: Column) -> list[Mapping[str, Any]]:
        """One record an example of a column."""
        records = column_records(column.entry, self.records, self._ensembles())
        return [record for record in records if not column.group or record.get("group") == column.group]

    def right(self, column: Column) -> dict[str, bool]:
        """For each example of a column, whether it answered right."""
        return {record["id"]: PAIRED[column.measure](record) for record in self.records_of(column)}

    def problems(self) -> Iterator[str]:
        """What keeps it off its board, a line each."""
        board = self.board
        if board.tasks and self.task not in board.tasks:
            yield f"was trained for {self.task}; this board is for {', '.join(board.tasks)}"
        if len(self.weights) > 1:
            yield "its evaluations are of different weights"
        for evaluation in self.content["evaluations"]:
            suite = f"{evaluation['suite']['name']}@{evaluation['suite']['version']}"
            if board.suites and suite not in board.suites:
                yield f"comes from suite {suite}; this board takes {', '.join(board.suites)}"
            if not is_plain(evaluation, () if self.reference else board.scored):
                yield f"was made with {SPECIAL}"
        if self.reference is not None and self.training:
            yield "has a training record and a reference; a row is of one of them"
        if self.reference is not None and self.reference["predictions"].keys() != self.content["entries"].keys():
            yield "names predictions of other entries than it has"
        if sum(map(len, self.records.values())) != self.content["records"]["n"]:
            yield f"has not the {self.content['records']['n']} records that it says"
        for name, described in self.content["entries"].items():
            yield from (f"entry {name}: {problem}" for problem in self._problems_of(name, described))
        for signature, found in self.content.get("ensembles", {}).items():
            yield from (f"ensemble {signature}: {problem}" for problem in self._problems_of_ensemble(signature, found))

    def _problems_of_ensemble(self, signature: str, found: Mapping[str, Any]) -> Iterator[str]:
        entries, (name, _, version) = self.content["entries"], signature.rpartition("@")
        if not version.isdigit() or not set(found["members"]) <= entries.keys():
            yield "has members that the entry does not describe, or no version"
            return
        every = [record for member in found["members"] for record in self.records.get(member, [])]
        again = summarize_ensemble(Ensemble(name, int(version), tuple(found["members"])), entries, every)
        for key in ("measures", "outcomes", "complete"):
            if not _close(finite(again[key]), found.get(key)):
                yield f"its {key} do not follow from its records"
        if made_how(again) != made_how({"signature": found["signature"]}):
            yield "its signature is not that of its members"

    def _problems_of(self, name: str, described: Mapping[str, Any]) -> Iterator[str]:
        records, suite = self.records.get(name, []), str(described["signature"]).partition("|")[0]
        if self.board.suites and suite not in self.board.suites:
            yield f"comes from suite {suite}; this board takes {', '.join(self.board.suites)}"
        if "limit:" in described["signature"]:
            yield "was made with --limit"
        if not described["complete"]:
            yield "is not finished"
        if len(records) != records_of(described):
            yield f"{len(records)} records instead of {records_of(described)}: records missing"
        for (identity, _), times in Counter((r["id"], r.get("seed")) for r in records).items():
            if times > 1:
                yield f"record {identity} is there {times} times"
        task = Task.from_dict(self.content["task"], str(self.path))
        summary = described["summary"]
        try:
            again = summarize(described["kind"], task, main_records(records), described["goal"])
        except ValueError as error:  # a metric that is none of such labels
            yield f"its measures cannot be computed: {error}"
            return
        again |= {"attack_seeds": summarize_seeds(records)} if summary.get("attack_seeds") else {}
        for key, value in finite(again).items():
            if key not in summary and key in LATER:
                continue
            if not _close(value, summary.get(key)):
                yield f"its {key} do not follow from its records"
        if described["kind"] == "fixed":
            yield from contradictory(records, task.labels)
        told = summary.get("validity")
        if told is not None:
            through = finite(summarize_validity(records, Thresholds(**told["thresholds"])))
            if not _close(without_remedies(through["measures"]), without_remedies(told["measures"])):
                yield "its validity does not follow from its records"

    def _of_training(self, measure: str) -> dict[str, Any] | None:
        norm, seconds = self.training.get("embedding_norm"), self.training.get("seconds")
        if measure == "embedding_growth" and norm is not None:
            return {"value": 100 * (norm["after"] / norm["before"] - 1), "n": 0}
        if measure == "training_seconds" and seconds is not None:
            return {"value": seconds, "n": 0}
        return None

    def _ensembles(self) -> dict[str, Any]:
        own: dict[str, Any] = dict(self.content.get("ensembles", {}))
        entries = self.content["entries"]
        for ensemble in self.board.ensembles:
            if ensemble.signature in own or not set(ensemble.entries) <= entries.keys():
                continue
            if len({entries[name]["data_sha256"] for name in ensemble.entries}) > 1:
                raise AlumbenchError(
                    f"{self.board.folder / 'board.toml'}: ensemble {ensemble.signature}: its members attack different "
                    f"examples; a worst case is taken over attacks on the same ones"
                )
            every = [record for name in ensemble.entries for record in self.records.get(name, [])]
            own[ensemble.signature] = summarize_ensemble(ensemble, entries, every)
        return own


def recipe_of_training(content: Mapping[str, Any]) -> dict[str, Any]:
    """What must be one for a row: all that decides a training run but its seed, or where predictions came from."""
    training = content["training"]
    if training is None:
        return {"reference": content["reference"]}
    settings = {name: value for name, value in training["settings"].items() if name != "steps"}
    return {
        "model": training["model"]["weights_sha256"],
        "method": training["method"],
        "settings": settings,
        "training data": training["data"]["train"]["sha256"],
    }


def _time(run: Mapping[str, Any]) -> float | None:
    """Seconds of a core on a CPU, where runs beside it do not count, else of the clock."""
    seconds = run.get("cpu_seconds") if run.get("device", "").startswith("cpu") else None
    found = run.get("seconds") if seconds is None else seconds
    return None if not found else float(found)


def _close(a: Any, b: Any) -> bool:
    """Equal, with numbers to nine digits: the last ones differ between library versions and processors."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_close(a[key], b[key]) for key in a)
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-9)
    return bool(a == b)
