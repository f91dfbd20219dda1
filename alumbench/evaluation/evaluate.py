"""One suite on one checkpoint: every example's outcome as a record, resumable at any point."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alumbench.attacks.search import IN_FLIGHT
from alumbench.attacks.victim import Victim
from alumbench.checkpoints import PROVENANCE
from alumbench.devices import device_name
from alumbench.errors import AlumbenchError
from alumbench.evaluation.entry_run import EntryRun, Progress
from alumbench.evaluation.suite import Entry, Suite
from alumbench.evaluation.summary import summarize
from alumbench.storage import RecordLog, read_json, write_json
from alumbench.tasks import Example, Source, Task, data_hash
from alumbench.tasks.source import load_examples_from
from alumbench.versions import library_versions

EVALUATION = "evaluation.json"
RECORDS = "records.jsonl"
SCHEMA = 1


@dataclass(frozen=True)
class Request:
    """What decides an evaluation's records; the same request again resumes it.

    Attributes:
        suite: what to run.
        seed: seeds the attacks, with each example's id.
        limit: examples an entry is cut to, 0 for none; a cut run can enter no leaderboard.
        only: names of entries to run now, all when empty. Not part of the evaluation's identity.
        data: the user's own examples in place of the task's dev set, or None.
        labels: names of the checkpoint's outputs, where it has none.
        protect: whether context columns are protected from attacks.
        in_flight: examples attacked at a time. Not part of the identity, since no result depends on it.
        workers: processes that search, 0 for this one; not part of it either.
    """

    suite: Suite
    seed: int = 1
    limit: int = 0
    only: tuple[str, ...] = ()
    data: Source | None = None
    labels: tuple[str, ...] = ()
    protect: bool = True
    in_flight: int = IN_FLIGHT
    workers: int = 0


def evaluate(request: Request, victim: Victim, out: Path, progress: Progress) -> dict[str, Any]:
    """Runs what is not yet recorded in `out` and writes `evaluation.json`.

    Args:
        request: what to run.
        victim: on whom.
        out: folder of the evaluation.
        progress: told how far it is.

    Returns:
        The content of `evaluation.json`.

    Raises:
        AlumbenchError: `out` holds an evaluation of something else, or an entry cannot run; what is done is kept.
    """
    task = victim.task
    entries = request.suite.entries_for(task, request.only, own_data=request.data is not None)
    missing = [f"entry {e.name}: {m}" for e in entries if e.recipe for m in e.load_recipe().missing()]
    if missing:
        raise AlumbenchError(f"nothing was run: {'; '.join(missing)}. --only runs other entries of the suite")
    with RecordLog(out / RECORDS) as log:
        document = _open_document(request, victim, out)
        if log.dropped:
            print(
                f"note: {log.path}: a torn last line of {log.dropped} bytes was dropped; that example is done again",
                flush=True,
            )
        for entry in entries:
            examples, origins = load_entry(entry, task, request)
            described = _describe(entry, request, task, examples, origins)
            known = document["entries"].get(entry.name)
            if known is not None and known["data_sha256"] != described["data_sha256"]:
                raise AlumbenchError(
                    f"{out}: entry {entry.name}: data changed since it was begun ({known['data_sha256'][:12]} there, "
                    f"{described['data_sha256'][:12]} now); give another --out"
                )
            document["entries"][entry.name] = described
            write_json(out / EVALUATION, document)
            records = EntryRun(entry, examples, victim, request, log, progress).records()
            log.sort(_place(request.suite, entry, examples))
            document["entries"][entry.name] |= {
                "complete": True,
                "summary": summarize(entry.kind, task, records, described["goal"]),
            }
            write_json(out / EVALUATION, document)
    return document


def _place(suite: Suite, finished: Entry, examples: Sequence[Example]) -> Callable[[Mapping[str, Any]], Any]:
    """Sorts records by entry, and those of the one that was just finished by example."""
    entries = {entry.name: at for at, entry in enumerate(suite.entries)}
    places = {example.id: at for at, example in enumerate(examples)}

    def place(record: Mapping[str, Any]) -> tuple[int, int]:
        return entries[record["entry"]], places[record["id"]] if record["entry"] == finished.name else 0

    return place


def load_entry(entry: Entry, task: Task, request: Request) -> tuple[list[Example], list[dict[str, Any]]]:
    """The examples of an entry, drawn and cut as it and the request say, and where they came from.

    Raises:
        AlumbenchError: They cannot be had.
    """
    if entry.collapse and set(entry.collapse) != set(task.labels):
        raise AlumbenchError(
            f"entry {entry.name}: collapse names {', '.join(entry.collapse)}; the task has {', '.join(task.labels)}"
        )
    labels = tuple(dict.fromkeys(entry.collapse.values())) or task.labels
    if request.data is not None:
        sources: Sequence[Source] = [request.data]
    else:
        sources = entry.source or task.dev
    try:
        examples, origins = load_examples_from(sources, task.columns, labels, entry.group if entry.source else "")
    except AlumbenchError as error:
        raise AlumbenchError(
            f"entry {entry.name}: {error}. What is recorded is kept; --only runs other entries of the suite, "
            f"--data FILE takes your own examples"
        ) from error
    if entry.kind in {"attack", "embedding"} and entry.examples and len(examples) > entry.examples:
        # One draw for everybody: neither the run's seed nor the checkpoint changes which examples are attacked.
        drawn = np.random.default_rng(0).permutation(len(examples))[: entry.examples]
        examples = [examples[i] for i in sorted(drawn)]
    return (examples[: request.limit] if request.limit else examples), origins


def _describe(
    entry: Entry, request: Request, task: Task, examples: Sequence[Example], origins: list[dict[str, Any]]
) -> dict[str, Any]:
    """An entry's part of `evaluation.json`, with the signature that says how its figures were made."""
    digest = data_hash(examples)
    parts = [f"{request.suite.name}@{request.suite.version}", entry.name, f"data:{digest[:12]}", f"n:{len(examples)}"]
    protected = task.protected if request.protect and entry.kind == "attack" else ()
    if entry.kind == "attack":
        recipe = entry.load_recipe()
        parts += [
            f"atk:{entry.recipe}",
            f"q:{entry.queries or 'inf'}",
            f"s:{entry.seconds or 'inf'}",
            f"seed:{request.seed}",
        ]
        parts += [f"protected:{','.join(protected)}"] if protected else []
    if entry.kind == "embedding":
        parts += [f"embedding-pgd@1:l2-sentence:{entry.radius:g}:{entry.steps}"]
    return {
        "kind": entry.kind,
        "goal": recipe.goal if entry.kind == "attack" else "",
        "signature": "|".join(parts + ([f"limit:{request.limit}"] if request.limit else [])),
        "data_sha256": digest,
        "n": len(examples),
        "sources": origins,
        "protected": list(protected),
        "note": entry.note,
        "complete": False,
        "summary": None,
    }


def _open_document(request: Request, victim: Victim, out: Path) -> dict[str, Any]:
    """The evaluation's document, new or resumed.

    Raises:
        AlumbenchError: What is there was made from another model, suite, seed, version or data; the field is named.
    """
    identity = {
        "model": victim.files.weights_sha256(),
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
    path = out / EVALUATION
    if path.exists():
        document: dict[str, Any] = read_json(path)
        if document.get("schema") != SCHEMA:
            raise AlumbenchError(
                f"{path}: schema {document.get('schema')} is unknown to this alumbench (it knows {SCHEMA})"
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


def _training(record: Mapping[str, Any]) -> dict[str, Any]:
    """The part of `training.json` that a table needs."""
    names = ("model", "method", "seed", "settings", "data", "dev", "embedding_norm", "seconds", "device", "versions")
    return {name: record[name] for name in names if name in record}


def _differences(there: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any, Any]]:
    found = []
    for name in sorted(there.keys() | now.keys()):
        a, b = there.get(name), now.get(name)
        if isinstance(a, dict) and isinstance(b, dict):
            found += _differences(a, b, f"{prefix}{name}.")
        elif a != b:
            found.append((prefix + name, a, b))
    return found
