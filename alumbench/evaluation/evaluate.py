"""One suite on one checkpoint: every example's outcome as a record, resumable at any point."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alumbench.attacks.outcome import ALREADY_WRONG, BROKEN, ROBUST
from alumbench.attacks.recipe import load_recipe
from alumbench.attacks.victim import Victim
from alumbench.checkpoints import PROVENANCE
from alumbench.devices import device_name
from alumbench.errors import AlumbenchError
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
    """

    suite: Suite
    seed: int = 1
    limit: int = 0
    only: tuple[str, ...] = ()
    data: Source | None = None
    labels: tuple[str, ...] = ()
    protect: bool = True


def evaluate(
    request: Request, victim: Victim, out: Path, progress: Callable[[str, int, int, Mapping[str, int]], None]
) -> dict[str, Any]:
    """Runs what is not yet recorded in `out` and writes `evaluation.json`.

    Args:
        request: what to run.
        victim: on whom.
        out: folder of the evaluation.
        progress: called with entry, examples done, examples in all, and outcomes so far.

    Returns:
        The content of `evaluation.json`.

    Raises:
        AlumbenchError: `out` holds an evaluation of something else, or an entry cannot run; what is done is kept.
    """
    task = victim.task
    entries = request.suite.entries_for(task, request.only, own_data=request.data is not None)
    missing = [f"entry {e.name}: {m}" for e in entries if e.recipe for m in load_recipe(_recipe_name(e)).missing()]
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
            done = {record["id"]: record for record in log.records if record["entry"] == entry.name}
            if entry.kind == "attack":
                records = _attack(entry, examples, done, victim, request, log, progress)
            elif entry.kind == "embedding":
                records = _perturb(entry, examples, done, victim, log, progress)
            else:
                records = _score(entry, examples, done, victim, log, progress)
            document["entries"][entry.name] |= {
                "complete": True,
                "summary": summarize(entry.kind, task, records, described["goal"]),
            }
            write_json(out / EVALUATION, document)
    return document


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


def _score(
    entry: Entry, examples: Sequence[Example], done: Mapping[str, Any], victim: Victim, log: RecordLog, progress: Any
) -> list[dict[str, Any]]:
    """Predictions for a fixed set. Batches are cut from the whole set, so that resuming changes no padding."""
    records = dict(done)
    task = victim.task
    for batch in victim.batches_by_length([example.texts for example in examples]):
        chosen = [examples[i] for i in batch]
        if any(example.id not in records for example in chosen):
            logits = victim.scores([example.texts for example in chosen])
            scores = logits if task.is_regression else logits.softmax(-1)
            for example, row in zip(chosen, scores.tolist(), strict=True):
                if example.id not in records:
                    records[example.id] = _fixed_record(entry, example, row, task)
                    log.append(records[example.id])
        progress(entry.name, sum(e.id in records for e in examples), len(examples), {})
    return [records[example.id] for example in examples]


def _fixed_record(entry: Entry, example: Example, scores: list[float], task: Task) -> dict[str, Any]:
    prediction: str | float = scores[0]
    outcome = "scored"
    if not task.is_regression:
        named = task.labels[int(np.argmax(scores))]
        prediction = entry.collapse.get(named, named)
        outcome = "correct" if prediction == example.label else "wrong"
    return _base_record(entry, example, task) | {"scores": scores, "prediction": prediction, "outcome": outcome}


def _attack(
    entry: Entry,
    examples: Sequence[Example],
    done: Mapping[str, Any],
    victim: Victim,
    request: Request,
    log: RecordLog,
    progress: Any,
) -> list[dict[str, Any]]:
    from alumbench.attacks.search import Searcher

    records = dict(done)
    task = victim.task
    counts: dict[str, int] = {}
    for record in records.values():
        counts[record["outcome"]] = counts.get(record["outcome"], 0) + 1
    if all(example.id in records for example in examples):
        return [records[example.id] for example in examples]
    searcher = Searcher(
        load_recipe(_recipe_name(entry)),
        victim,
        request.seed,
        query_budget=entry.queries or None,
        seconds=entry.seconds or None,
        protect=request.protect,
    )
    for number, example in enumerate(examples, start=1):
        if example.id not in records:
            found = searcher.run(example)
            record = _base_record(entry, example, task) | {
                "outcome": found.outcome,
                "scores": found.scores,
                "prediction": None if found.scores is None else task.labels[int(np.argmax(found.scores))],
                "adversarial": found.adversarial,
                "adversarial_scores": found.adversarial_scores,
                "queries": found.queries,
                "queries_unique": found.queries_unique,
                "words": found.words,
                "words_changed": found.words_changed,
                "similarity": None if found.similarity is None else round(found.similarity, 4),
                "seed": request.seed,
                "message": found.message,
                "seconds": round(found.seconds, 4),
            }
            log.append(record)
            records[example.id] = record
            counts[found.outcome] = counts.get(found.outcome, 0) + 1
        progress(entry.name, number, len(examples), counts)
    return [records[example.id] for example in examples]


def _perturb(
    entry: Entry, examples: Sequence[Example], done: Mapping[str, Any], victim: Victim, log: RecordLog, progress: Any
) -> list[dict[str, Any]]:
    """The embedding attack, batch by batch; batches are cut from the whole set, as in `_score`."""
    from alumbench.attacks.embedding_pgd import EmbeddingPgd

    pgd = EmbeddingPgd(entry.radius, entry.steps)
    records, task = dict(done), victim.task
    for batch in victim.batches_by_length([example.texts for example in examples]):
        chosen = [examples[i] for i in batch]
        if any(example.id not in records for example in chosen):
            texts, labels = [e.texts for e in chosen], [task.labels.index(str(e.label)) for e in chosen]
            clean = victim.scores(texts).softmax(-1).tolist()
            perturbed = pgd.scores(victim, texts, labels).softmax(-1).tolist()
            for example, label, before, after in zip(chosen, labels, clean, perturbed, strict=True):
                if example.id not in records:
                    outcome = ROBUST if int(np.argmax(after)) == label else BROKEN
                    named = task.labels[int(np.argmax(before))]
                    records[example.id] = _base_record(entry, example, task) | {
                        "outcome": outcome if named == example.label else ALREADY_WRONG,
                        "scores": before,
                        "prediction": named,
                        "adversarial_scores": after,
                    }
                    log.append(records[example.id])
        progress(entry.name, sum(e.id in records for e in examples), len(examples), {})
    return [records[example.id] for example in examples]


def _recipe_name(entry: Entry) -> str:
    return entry.recipe.partition("@")[0]


def _base_record(entry: Entry, example: Example, task: Task) -> dict[str, Any]:
    record = {
        "entry": entry.name,
        "id": example.id,
        "texts": dict(zip(task.columns, example.texts, strict=True)),
        "label": example.label,
    }
    return record | ({"group": example.group} if example.group else {})


def _describe(
    entry: Entry, request: Request, task: Task, examples: Sequence[Example], origins: list[dict[str, Any]]
) -> dict[str, Any]:
    """An entry's part of `evaluation.json`, with the signature that says how its figures were made."""
    digest = data_hash(examples)
    parts = [f"{request.suite.name}@{request.suite.version}", entry.name, f"data:{digest[:12]}", f"n:{len(examples)}"]
    protected = task.protected if request.protect and entry.kind == "attack" else ()
    if entry.kind == "attack":
        recipe = load_recipe(_recipe_name(entry))
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
