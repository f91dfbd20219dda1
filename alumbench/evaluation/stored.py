"""Evaluations read back from disk: their figures and, by example, what was right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from alumbench.errors import AlumbenchError
from alumbench.evaluation.evaluate import EVALUATION, RECORDS
from alumbench.evaluation.summary import is_right
from alumbench.storage import read_json, read_records

EVALUATIONS = "evaluations"


@dataclass(frozen=True)
class Stored:
    """One evaluation folder.

    Attributes:
        folder: where it is.
        document: its `evaluation.json`.
    """

    folder: Path
    document: dict[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Stored:
        """Reads a folder that `alumbench attack` wrote.

        Raises:
            AlumbenchError: It holds no evaluation.
        """
        if not (folder / EVALUATION).exists():
            raise AlumbenchError(f"{folder}: no {EVALUATION}; 'alumbench attack CHECKPOINT --suite NAME' makes one")
        return cls(folder, read_json(folder / EVALUATION))

    @cached_property
    def records(self) -> list[dict[str, Any]]:
        """All records, torn tail left out."""
        return read_records(self.folder / RECORDS)[0]

    def complete_entries(self) -> dict[str, dict[str, Any]]:
        """The entries that were finished, by name."""
        return {name: entry for name, entry in self.document["entries"].items() if entry["complete"]}

    def right(self, entry: str) -> dict[str, bool]:
        """For each example of an entry, whether the model answered it right."""
        return {record["id"]: is_right(record) for record in self.records if record["entry"] == entry}


def evaluations_of(path: Path) -> list[Stored]:
    """The evaluations of a checkpoint folder, or the one that the path itself is.

    Raises:
        AlumbenchError: There are none.
    """
    if (path / EVALUATION).exists():
        return [Stored.read(path)]
    folders = sorted(at.parent for at in (path / EVALUATIONS).glob(f"*/{EVALUATION}"))
    if not folders:
        raise AlumbenchError(f"{path}: no evaluations; 'alumbench attack {path} --suite NAME' makes one")
    return [Stored.read(folder) for folder in folders]


def finished_entries(evaluations: Sequence[Stored]) -> dict[str, tuple[Stored, dict[str, Any]]]:
    """By name, each finished entry of several evaluations of one checkpoint; the same entry twice counts once.

    Raises:
        AlumbenchError: Two evaluations hold an entry of one name on different data.
    """
    found: dict[str, tuple[Stored, dict[str, Any]]] = {}
    for stored in evaluations:
        for name, entry in stored.complete_entries().items():
            other = found.get(name)
            if other is not None and other[1]["data_sha256"] != entry["data_sha256"]:
                raise AlumbenchError(
                    f"{other[0].folder} and {stored.folder} both have an entry '{name}', on different data; "
                    f"give one evaluation folder instead of the checkpoint"
                )
            found.setdefault(name, (stored, entry))
    return found
