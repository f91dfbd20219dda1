"""The fields of a board's `results/*.json`; `BoardEntry.problems` checks the figures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta, Struct

from alumbench.attacks.recipes.embedding_pgd import RECIPE as EMBEDDING_PGD
from alumbench.attacks.recipes.embedding_pgd import radius_of
from alumbench.config import JsonObject, typed
from alumbench.data import Task
from alumbench.data.source import DataOrigin
from alumbench.errors import AlumbenchError
from alumbench.evaluation.results import EnsembleResult, EntryResult, Identity, ModelCheck
from alumbench.models.checkpoint.provenance import Training
from alumbench.records import Positive, Sha256, Text, as_json

#: Version of the format.
SCHEMA = 1
#: Kinds of entries with the same examples for every model, so that predictions on them can be published.
PREDICTABLE = ("clean", "fixed")


class Reference(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The source of published predictions.

    Attributes:
        published: repository, commit and path.
        model: a description.
        url: an address to read more at.
        licence: the predictions' licence.
        note: caveats for comparisons.
        predictions: by entry, the table and its columns.
    """

    published: Text
    model: str | None = None
    url: str | None = None
    licence: str | None = None
    note: str | None = None
    predictions: dict[str, DataOrigin]


class RecordsFile(Struct, frozen=True):
    """The file that holds a submission's records.

    Attributes:
        file: its path in the board's folder.
        sha256: hash of the file.
        n: number of records in it.
    """

    file: Annotated[str, Meta(pattern=r"^records/[^/\\]+\.jsonl\.gz$")]
    sha256: Sha256
    n: Positive


class Submission(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One checkpoint's entry on a board, or another's model, known by its published predictions.

    Attributes:
        schema: version of the format.
        row: name of its table row.
        training: the checkpoint's training record; None for published predictions.
        reference: the source of published predictions.
        task: the task that the checkpoint was trained for.
        evaluations: the identity of each of its evaluations.
        entries: the evaluations' finished entries.
        ensembles: worst cases by signature.
        model_checks: the findings of the model checks, one per evaluation.
        records: the file of the records.
    """

    schema: int
    row: Annotated[str, Meta(min_length=1, max_length=200)]
    training: Training | None
    reference: Reference | None = None
    task: Task
    evaluations: list[Identity]
    entries: dict[str, EntryResult]
    ensembles: dict[str, EnsembleResult] | None = None
    model_checks: list[ModelCheck] | None = None
    records: RecordsFile

    def to_json(self) -> JsonObject:
        """The content of the file."""
        return as_json(self) | {"task": self.task.to_dict()}

    @property
    def file_name(self) -> str:
        """Name of its file, without the ending."""
        return self.records.file.rpartition("/")[2].removesuffix(".jsonl.gz")

    @property
    def recipe(self) -> Mapping[str, object]:
        """The settings that a row's entries share: all of a training run but its seed, or the predictions' source."""
        training = self.training
        if training is None:
            return {"reference": self.reference}
        return {
            "model": training.model.weights_sha256,
            "method": training.method.comparable,
            "settings": {name: value for name, value in training.settings.items() if name != "steps"},
            "training data": training.data.train.sha256,
        }


def make_submission(content: Any, where: str) -> Submission:
    """A submission from its JSON.

    Args:
        content: any JSON value.
        where: the name that messages use.

    Raises:
        AlumbenchError: Its schema is unknown, or a field (named) is missing or has the wrong type.
    """
    if not isinstance(content, dict) or content.get("schema") != SCHEMA or isinstance(content["schema"], bool):
        there = content.get("schema") if isinstance(content, dict) else None
        raise AlumbenchError(f"{where}: schema {str(there)[:40]} is unknown to this alumbench (it knows {SCHEMA})")
    submission = typed(Submission, content, where)
    if not submission.entries:
        raise AlumbenchError(f"{where}: entries: has none")
    for name, result in submission.entries.items():
        if submission.training is None and result.kind not in PREDICTABLE:
            raise AlumbenchError(
                f"{where}: entry {name} is of kind {result.kind}, which published predictions cannot show"
            )
        _check_entry(result, f"{where}: entries.{name}")
    if submission.training is None and (submission.reference is None or submission.evaluations):
        raise AlumbenchError(f"{where}: training is null, so it needs a reference and no evaluations")
    if submission.training is not None and not submission.evaluations:
        raise AlumbenchError(f"{where}: evaluations: has none")
    return submission


def _check_entry(result: EntryResult, where: str) -> None:
    if result.summary is None:
        raise AlumbenchError(f"{where}.summary: expected a table, found null")
    if result.summary.seeds and result.kind != "attack":
        raise AlumbenchError(f"{where}: has attack seeds but is not an attack")
    if result.kind == "embedding" and not _names_attack(result.signature):
        raise AlumbenchError(f"{where}.signature: names no attack in embedding space with its radius")


def _names_attack(signature: str) -> bool:
    """True if a signature names a white-box attack with its settings; for embedding PGD, with its radius."""
    attacks = re.findall(r"\|([^|@:]+)@\d+:", signature)
    return bool(attacks) and (EMBEDDING_PGD.name not in attacks or radius_of(signature) is not None)
