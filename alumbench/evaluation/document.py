"""`evaluation.json`: identifies an evaluation, so that it is resumed unchanged or refused."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from alumbench.attacks.victim import Victim
from alumbench.config import JsonObject, check, typed
from alumbench.data import Task
from alumbench.devices import device_name
from alumbench.errors import AlumbenchError
from alumbench.evaluation.request import Request
from alumbench.evaluation.results import SCHEMA, CheckpointPlace, Document, Identity, SuiteIdentity
from alumbench.evaluation.suite import Suite
from alumbench.models.checkpoint import PROVENANCE, ModelFiles
from alumbench.models.checkpoint.identity import changed, configuration
from alumbench.models.checkpoint.provenance import Training
from alumbench.models.checkpoint.telling import some
from alumbench.models.classifier import ClassifierFiles
from alumbench.old_names import TRAINING, renamed, silent
from alumbench.parsing import read_json
from alumbench.records import as_json
from alumbench.storage import write_json
from alumbench.versions import library_versions

EVALUATION = "evaluation.json"
RECORDS = "records.jsonl"


def open_document(request: Request, victim: Victim, out: Path) -> Document:
    """The evaluation's document, new or resumed.

    Raises:
        AlumbenchError: The records there were made with another model, suite, seed, version or data; names the field.
    """
    spared = request.suite.ensemble_to_skip_by(victim.task).signature if request.skip_broken else None
    identity = Identity(
        model=victim.files.weights_sha256(),
        configuration=configuration(victim.files),
        task=victim.task.name,
        suite=SuiteIdentity(
            name=request.suite.name,
            version=request.suite.version,
            sha256=request.suite.digest(),
            origin=_origin(request.suite),
            attack=request.suite.attack,
        ),
        attack_seed=request.attack_seed,
        limit=request.limit,
        labels=list(request.labels),
        data=request.data.file if request.data else "",
        protected=request.protect,
        device=victim.device_kind,
        batch_size=victim.batch_size,
        scoring=victim.scorer.scoring,
        precision=victim.scorer.precision,
        versions=dict(library_versions()),
        classifier=_classifier(victim.files),
        hard_labels=True if victim.hard_labels else None,
        skip_broken=spared,
    )
    path = out / EVALUATION
    if path.exists():
        document = read_document(path)
        changes = [*model_changes(document.identity, victim.files), *_task_changes(document.task, victim)]
        if changes:
            raise AlumbenchError(
                f"{out}: cannot resume, changed since it was started: {some(changes)}. "
                f"Give another --out, or restore what it was started with"
            )
        for name, there, now in _differences(as_json(document.identity), as_json(identity)):
            raise AlumbenchError(
                f"{out}: cannot resume, {name} changed: {there!r} there, {now!r} now. "
                f"Give another --out, or restore what it was started with"
            )
        return document
    if (out / RECORDS).exists() and (out / RECORDS).stat().st_size:
        raise AlumbenchError(
            f"{out}: has {RECORDS} but no {EVALUATION}, so how they were made is unknown; give another --out"
        )
    trained = victim.files.path / PROVENANCE
    training = _training(read_json(trained)) if trained.exists() else None
    document = Document(
        schema=SCHEMA,
        identity=identity,
        checkpoint=CheckpointPlace(victim.place, training),
        task=victim.task,
        suite_title=request.suite.title,
        device=device_name(victim.device) if victim.device_kind != "unknown" else "an unknown device",
        begun=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        entries={},
    )
    write_json(path, document.to_json())
    return document


def read_document(path: Path) -> Document:
    """An `evaluation.json`.

    Raises:
        AlumbenchError: It is not JSON, its schema is unknown to this version, or a field is wrong; names the field.
    """
    return make_document(read_json(path), str(path))


def make_document(values: Any, where: str) -> Document:
    """An `evaluation.json` from parsed JSON; errors as `read_document`."""
    schema = check(JsonObject, values, where).get("schema")
    if schema != SCHEMA:
        raise AlumbenchError(
            f"{where}: schema {schema} is unknown to this alumbench (it knows {SCHEMA}); "
            f"pip install --upgrade alumbench"
        )
    return typed(Document, values, where)


def model_changes(identity: Identity, files: ModelFiles) -> list[str]:
    """Parts of a model that differ from an evaluation's record: `weights`, `config.json: id2label`, `tokenizer.json`.

    Earlier versions recorded the weights alone, so changes of the rest are unknown there.
    """
    if isinstance(files, ClassifierFiles):
        changes = files.identity.changes(identity.classifier or {})
        return [f"the classifier's {name}" for name in changes]
    found = [] if identity.model == files.weights_sha256() else ["weights"]
    if identity.configuration is not None:
        found += changed(identity.configuration, configuration(files))
    return found


def _classifier(files: ModelFiles) -> dict[str, str] | None:
    """The classifier's identity, None for a whole model in a folder."""
    if isinstance(files, ClassifierFiles):
        return files.identity.to_dict()
    if files.base is None:
        return None
    # hashes of an adapter's weights and of its base's, which `model` covers together
    parts = {"adapter_sha256": replace(files, base=None).weights_sha256(), "base_sha256": files.base.weights_sha256()}
    return {"kind": "peft", "name": str(files.path), **parts}


def _task_changes(there: Task, victim: Victim) -> list[str]:
    """Changed parts of the task that decide a text's rows and label."""
    names = ("columns", "labels", "protected")
    return [f"the task's {name}" for name in names if getattr(there, name) != getattr(victim.task, name)]


def _origin(suite: Suite) -> dict[str, str] | None:
    """A suite's origin; for a file also its path, so that `verify` finds it here. Boards leave the path out."""
    return (suite.origin.record() | ({"file": suite.path} if suite.path else {})) if suite.origin else None


def _training(record: Mapping[str, object]) -> dict[str, object]:
    """The part of a `training.json` that a table needs."""
    record = renamed(record, TRAINING, silent)
    return {name: record[name] for name in Training.__struct_fields__ if name in record}


def _differences(
    there: Mapping[str, object], now: Mapping[str, object], prefix: str = ""
) -> list[tuple[str, object, object]]:
    found = []
    # `model_changes` checks the first three; a suite's file may move, its hash covers its content
    for name in sorted((there.keys() | now.keys()) - {"model", "configuration", "classifier", "origin"}):
        a, b = there.get(name), now.get(name)
        if isinstance(a, dict) and isinstance(b, dict):
            found += _differences(a, b, f"{prefix}{name}.")
        elif a != b:
            found.append((prefix + name, a, b))
    return found
