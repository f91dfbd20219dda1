"""`evaluation.json`: what an evaluation is of, so that it is resumed as what it was begun as, or refused."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alumbench.attacks.victim import Victim
from alumbench.checkpoints import PROVENANCE, ModelFiles
from alumbench.checkpoints.identity import changed, configuration
from alumbench.checkpoints.telling import some
from alumbench.config import check
from alumbench.devices import device_name
from alumbench.errors import AlumbenchError
from alumbench.evaluation.request import Request
from alumbench.evaluation.shape import Document
from alumbench.storage import read_json, write_json
from alumbench.versions import library_versions

EVALUATION = "evaluation.json"
RECORDS = "records.jsonl"
SCHEMA = 1


def open_document(request: Request, victim: Victim, out: Path) -> dict[str, Any]:
    """The evaluation's document, new or resumed.

    Raises:
        AlumbenchError: What is there was made from another model, suite, seed, version or data; the field is named.
    """
    identity = {
        "model": victim.files.weights_sha256(),
        "configuration": configuration(victim.files),
        "task": victim.task.name,
        "suite": {"name": request.suite.name, "version": request.suite.version, "sha256": request.suite.digest()},
        "seed": request.seed,
        "limit": request.limit,
        "labels": list(request.labels),
        "data": request.data.file if request.data else "",
        "protected": request.protect,
        "device": victim.device.type,
        "batch_size": victim.batch_size,
        "scoring": victim.scorer.scoring,
        "precision": victim.scorer.precision,
        "versions": library_versions(),
    }
    if request.skip_broken:
        identity["skip_broken"] = request.suite.ensemble_to_skip_by(victim.task).signature
    path = out / EVALUATION
    if path.exists():
        document = read_document(path)
        changes = [*model_changes(document["identity"], victim.files), *_task_changes(document["task"], victim)]
        if changes:
            raise AlumbenchError(
                f"{out}: cannot go on, changed since it was begun: {some(changes)}. "
                f"Give another --out, or run with what was there"
            )
        for name, there, now in _differences(document["identity"], identity):
            raise AlumbenchError(
                f"{out}: cannot go on, {name} changed: {there!r} there, {now!r} now. "
                f"Give another --out, or run with what was there"
            )
        return document
    if (out / RECORDS).exists() and (out / RECORDS).stat().st_size:
        raise AlumbenchError(
            f"{out}: has {RECORDS} but no {EVALUATION}, so what made them is unknown; give another --out"
        )
    trained = victim.files.path / PROVENANCE
    document = {
        "schema": SCHEMA,
        "identity": identity,
        "checkpoint": {
            "path": str(victim.files.path.resolve()),
            "training": _training(read_json(trained)) if trained.exists() else None,
        },
        "task": victim.task.to_dict(),
        "suite_title": request.suite.title,
        "device": device_name(victim.device),
        "begun": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "entries": {},
    }
    write_json(path, document)
    return document


def read_document(path: Path) -> dict[str, Any]:
    """An `evaluation.json`.

    Raises:
        AlumbenchError: It is no JSON, of a schema that this version does not know, or a field is wrong; it is named.
    """
    document: dict[str, Any] = check(dict[str, Any], read_json(path), str(path))
    if document.get("schema") != SCHEMA:
        raise AlumbenchError(
            f"{path}: schema {document.get('schema')} is unknown to this alumbench (it knows {SCHEMA}); "
            f"pip install --upgrade alumbench"
        )
    check(Document, document, str(path))
    return document


def model_changes(identity: Mapping[str, Any], files: ModelFiles) -> list[str]:
    """What of a model is not as an evaluation recorded it: `weights`, `config.json: id2label`, `tokenizer.json`.

    Evaluations by earlier versions recorded the weights alone; of the rest nothing can be said.
    """
    found = [] if identity["model"] == files.weights_sha256() else ["weights"]
    if "configuration" in identity:
        found += changed(identity["configuration"], configuration(files))
    return found


def _task_changes(there: Mapping[str, Any], victim: Victim) -> list[str]:
    """What of the task that decides a text's rows and label is not as it was."""
    now = victim.task.to_dict()
    return [
        f"the task's {name}"
        for name in ("columns", "labels", "protected")
        if list(there.get(name, ())) != list(now[name])
    ]


def _training(record: Mapping[str, Any]) -> dict[str, Any]:
    """The part of `training.json` that a table needs."""
    names = ("model", "method", "seed", "settings", "data", "dev", "embedding_norm", "device", "versions")
    times = ("seconds", "cpu_seconds")
    return {name: record[name] for name in (*names, *times) if name in record}


def _differences(there: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any, Any]]:
    found = []
    for name in sorted((there.keys() | now.keys()) - {"model", "configuration"}):  # see `model_changes`
        a, b = there.get(name), now.get(name)
        if isinstance(a, dict) and isinstance(b, dict):
            found += _differences(a, b, f"{prefix}{name}.")
        elif a != b:
            found.append((prefix + name, a, b))
    return found
