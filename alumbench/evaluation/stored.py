"""Evaluations read back from disk: their figures and, by example, what was right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from alumbench.checkpoints.identity import changed, differences
from alumbench.checkpoints.telling import some
from alumbench.errors import AlumbenchError
from alumbench.evaluation.document import EVALUATION, RECORDS, read_document
from alumbench.evaluation.ensembles import HARMLESS, as_entries, column_records
from alumbench.evaluation.shape import check_record
from alumbench.storage import read_records

EVALUATIONS = "evaluations"
#: What makes an evaluation one that no board takes, or none but one that says so.
SPECIAL = "--limit, --data, --no-protection or --skip-broken, or with --scoring or --precision unlike the board's"


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
            AlumbenchError: It holds no evaluation, or one of an unknown schema.
        """
        if not (folder / EVALUATION).exists():
            raise AlumbenchError(f"{folder}: no {EVALUATION}; 'alumbench attack CHECKPOINT --suite NAME' makes one")
        return cls(folder, read_document(folder / EVALUATION))

    @cached_property
    def records(self) -> list[dict[str, Any]]:
        """All records of its entries, torn tail left out.

        Raises:
            AlumbenchError: One is not what its kind is; its line is named.
        """
        path, entries, columns = self.folder / RECORDS, self.document["entries"], self.document["task"]["columns"]
        records = read_records(path)[0]
        for number, record in enumerate(records, start=1):
            at = f"{path}, line {number}"
            name = record.get("entry")
            if not isinstance(name, str) or name not in entries:
                raise AlumbenchError(f"{at}: is of no entry of {EVALUATION}")
            check_record(record, entries[name]["kind"], columns, at)
            if "texts" not in record:
                raise AlumbenchError(f"{at}: texts is missing")
        return records

    @cached_property
    def _by_entry(self) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        for record in self.records:
            found.setdefault(record["entry"], []).append(record)
        return found

    def complete_entries(self) -> dict[str, dict[str, Any]]:
        """The entries that were finished, by name, and after them the worst cases over ensembles of them."""
        entries = {name: entry for name, entry in self.document["entries"].items() if entry["complete"]}
        return entries | as_entries(self.document.get("ensembles", {}))

    def records_of(self, column: str) -> Sequence[Mapping[str, Any]]:
        """One record an example of an entry or a worst case, attack seeds after the first left out."""
        return column_records(column, self._by_entry, self.document.get("ensembles", {}))


def evaluations_of(path: Path, scored: Sequence[str] = ()) -> list[Stored]:
    """The evaluations of a checkpoint folder, or the one that the path itself is.

    Of a checkpoint, runs that were cut by `--limit`, made on the user's own data, without protection, with
    `--skip-broken` or scored otherwise than `scored` says are left out: they answer another question, and are read when
    their own folder is given.

    Raises:
        AlumbenchError: There are none.
    """
    if (path / EVALUATION).exists():
        return [Stored.read(path)]
    folders = sorted(at.parent for at in (path / EVALUATIONS).glob(f"*/{EVALUATION}"))
    if not folders:
        raise AlumbenchError(f"{path}: no evaluations; 'alumbench attack {path} --suite NAME' makes one")
    every = [Stored.read(folder) for folder in folders]
    plain = [s for s in every if is_plain(s.document["identity"], scored)]
    if not plain:
        raise AlumbenchError(
            f"{path}: only special evaluations (with {SPECIAL}): "
            f"give one of {', '.join(str(folder) for folder in folders)}"
        )
    return plain


def is_plain(identity: dict[str, Any], scored: Sequence[str] = ()) -> bool:
    """Whether an evaluation is of the suite's own examples, all under each attack, protected, and scored as asked."""
    cut = identity["limit"] or identity["data"] or identity.get("skip_broken")
    return not cut and bool(identity["protected"]) and scored_otherwise(identity) == list(scored)


def scored_otherwise(identity: Mapping[str, Any]) -> list[str]:
    """How a signature says that texts were scored in another way than by default: `scoring:fast`, `precision:bf16`."""
    default = {"scoring": "fixed", "precision": "fp32"}  # older evaluations do not say; they padded in fp32
    return [f"{name}:{identity[name]}" for name in default if identity.get(name, default[name]) != default[name]]


def finished_entries(evaluations: Sequence[Stored]) -> dict[str, tuple[Stored, dict[str, Any]]]:
    """By name, each finished entry of several evaluations of one checkpoint; the same entry twice counts once.

    Raises:
        AlumbenchError: They are of different weights, or two hold an entry of one name that was made otherwise (other
            data, seed or budget).
    """
    weights = {stored.document["identity"]["model"]: stored for stored in evaluations}
    if len(weights) > 1:
        raise AlumbenchError(
            f"{' and '.join(str(stored.folder) for stored in weights.values())} were made with different weights: "
            f"the checkpoint changed in between; delete the outdated one"
        )
    told = [stored for stored in evaluations if "configuration" in stored.document["identity"]]
    for stored in told[1:]:
        changes = list(changed(*(one.document["identity"]["configuration"] for one in (told[0], stored))))
        if changes:
            raise AlumbenchError(
                f"{told[0].folder} and {stored.folder} were made with the same weights, but the checkpoint changed in "
                f"between ({some(changes)}); delete the outdated one"
            )
    found: dict[str, tuple[Stored, dict[str, Any]]] = {}
    for stored in evaluations:
        for name, entry in stored.complete_entries().items():
            first, same = found.setdefault(name, (stored, entry))
            otherwise = made_otherwise(same, entry)
            if otherwise:
                raise AlumbenchError(
                    f"{first.folder} and {stored.folder} both have an entry '{name}', made otherwise ({otherwise}); "
                    f"give one evaluation folder instead of the checkpoint"
                )
    return found


def made_otherwise(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """In what two entries of one name were not made alike, '' where they were."""
    how = (made_how(one), made_how(other))
    return other_models(one, other) or ("; ".join(how) if how[0] != how[1] else "")


def other_models(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """What differs in the models that an attack asks beside the victim, as far as both entries say."""
    there, now = one.get("models", {}), other.get("models", {})
    found = {name: differences(there[name], now[name]) for name in sorted(there.keys() & now.keys())}
    return "; ".join(f"{name}: {some(changes)}" for name, changes in found.items() if changes)


def made_how(entry: Mapping[str, Any]) -> str:
    """How an entry was made: its signature without its suite: the clean dev set is the same in all of them.

    `--skip-broken` and further attack seeds are left out too: they change no figure but those they take away or add.
    """
    parts = str(entry["signature"]).split("|")[1:]
    return "|".join(part for part in parts if not part.startswith(HARMLESS))
