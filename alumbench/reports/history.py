"""A readable history of a checkpoint: sentences and commands from `training.json` or `pretraining.json`."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alumbench.data import Source, Task, load_task, task_names
from alumbench.data.source import DataOrigin
from alumbench.evaluation.results import Identity
from alumbench.models.checkpoint.provenance import (
    CorpusRecord,
    PretrainingRecord,
    TextOrigin,
    Training,
    TrainingRecord,
)
from alumbench.old_names import comparable
from alumbench.origins import Origin
from alumbench.records import as_json
from alumbench.reports.escaping import code, prose


def format_history(record: TrainingRecord | PretrainingRecord) -> list[str]:
    """Markdown lines on model, method, settings, data and machine."""
    model = record.model
    began = f"random weights of {_listed(as_json(model))}"
    if model.name is not None:  # None in pre-training from random weights: it records the architecture
        revision = f" at {code(model.revision)}" if model.revision else ""
        began = f"{code(model.name)}{revision}, weights SHA-256 {code(str(model.weights_sha256))}"
    base = record.model.adapter_of if isinstance(record, TrainingRecord) else None
    if base is not None:
        revision = f" at {code(base.revision)}" if base.revision else ""
        began += f", a PEFT adapter of {code(base.name)}{revision}, weights SHA-256 {code(base.weights_sha256)}"
    method = record.method
    settings = {k: v for k, v in record.settings.items() if k != "trainer"} | record.settings.get("trainer", {})
    lines = [
        f"- Base model:  {began}",
        f"- Method: {code(method.name)}"
        + (f": {_listed(method.parameters)}" if method.parameters else "")
        + (f"; from {prose(str(Origin.read(method.origin)))}" if method.origin else ""),
        f"- Training seed: {record.training_seed}",
        f"- Settings: {_listed(settings)}",
    ]
    lines += list(_corpus(record.corpus) if isinstance(record, PretrainingRecord) else _data(record))
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    return [
        *lines,
        f"- Trained in {record.seconds or 0:.0f} s on {prose(record.device)}",
        f"- Versions: {prose(versions)}",
    ]


def _listed(values: Mapping[str, object]) -> str:
    return ", ".join(f"{code(name)} {code(_value(value))}" for name, value in values.items())


def _data(record: TrainingRecord) -> Iterator[str]:
    task, data = record.task, record.data
    labels = ", ".join(map(code, task.labels)) if task.labels else "a number"
    yield f"- Task: {code(task.name)}: {prose(task.title)}; labels: {labels}"
    if task.note:
        yield f"- Note on the task: {prose(task.note)}"
    for found, title, tables in ((data.train, "Training data", task.train), (data.dev, "Dev data", task.dev)):
        if found is None:
            continue
        yield f"- {title}: {found.examples:,} examples, SHA-256 {code(found.sha256)}"
        yield from (f"  - {_origin(origin)}" for origin in found.sources or ())
        if any(origin.kind == "mirror" for origin in found.sources or ()):
            yield from (f"  - a copy of {_published(source)}" for source in tables if source.hub)
    yield f"- Overlap: {data.shared_by_train_and_dev or 0:,} training examples also occur among the dev examples"


def _corpus(corpus: CorpusRecord) -> Iterator[str]:
    yield (
        f"- Text: {corpus.tokens:,} tokens in {corpus.blocks:,} blocks of {corpus.block_length}, "
        f"SHA-256 {code(corpus.sha256)}; {corpus.train_blocks:,} blocks trained on, {corpus.dev_blocks:,} kept"
    )
    yield from (f"  - {_origin(origin)}" for origin in corpus.sources)


def _published(source: Source) -> str:
    """The hub data set that a task names for a table; the copy used was identified by hash, not by revision."""
    name = code("/".join(filter(None, [source.hub, source.config, source.split])))
    return name + (f", which the task names at revision {code(source.revision)}" if source.revision else "")


def _origin(origin: DataOrigin | TextOrigin) -> str:
    """The source of the rows, as recorded."""
    names = {"from": "from", "id": "data set", "path": "file", "set": "set", "rows": "which holds"}
    found = as_json(origin).items()
    told = [f"{names.get(key, key)} {code(_value(value))}" for key, value in found if value not in ("", 0)]
    return ", ".join(told)


def training_command(training: Training, task: Task) -> list[str]:
    """The command that trains it again; [] if the command line cannot express its data or settings."""
    settings, method = training.settings, training.method
    if settings.get("trainer") or task.name not in task_names() or load_task(task.name) != task:
        return []
    options: list[tuple[str, Any]] = [("task", task.name), ("model", training.model.name)]
    options += [("method", (method.origin or {}).get("file") or method.name)]
    options += [("set", f"{name}={_value(value)}") for name, value in comparable(method.parameters).items()]
    schedule = settings.get("schedule", {})
    defaults = {"after": 0.0, "every": 1, "fraction": 1.0}
    options += [(f"adversary-{k}", v) for k, v in schedule.items() if v != defaults.get(k)]
    augmentation = settings.get("augmentation", {})
    named = {"typos": "typos", "dropped": "drop-words", "texts": "augmented-texts"}
    options += [(named[name], value) for name, value in augmentation.items()]
    names = ("epochs", "batch_size", "lr", "max_length", "precision", "train_size", "held_out", "label_noise")
    options += [(name.replace("_", "-"), settings[name]) for name in names if settings.get(name)]
    options += [("training-seed", training.training_seed)]
    words = [word for name, value in options for word in (f"--{name}", str(value))]
    return [shlex.join(["alumbench", "train", *words, "--out", "CHECKPOINT"])]


def _value(value: object) -> str:
    """The value as the command line accepts it."""
    return value if isinstance(value, str) else json.dumps(value)


def evaluation_commands(identities: Sequence[Identity]) -> list[str]:
    """The commands that evaluate it again, and the one that scores the adversarial texts again."""
    return [
        shlex.join(["alumbench", "attack", "CHECKPOINT", "--suite", i.suite.name, "--attack-seed", str(i.attack_seed)])
        for i in identities
    ] + (["alumbench verify CHECKPOINT"] if identities else [])
