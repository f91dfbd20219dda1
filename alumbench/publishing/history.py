"""How a checkpoint came to be, told for people: sentences and commands from `training.json` or `pretraining.json`."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alumbench.errors import AlumbenchError
from alumbench.evaluation.stored import Stored
from alumbench.leaderboard.inert import code, prose
from alumbench.publishing.metadata import is_pretraining
from alumbench.tasks import Task, load_task, task_names


def told(record: Mapping[str, Any]) -> list[str]:
    """Markdown lines on model, method, settings, data and machine."""
    model = record["model"]
    began = f"random weights of {_listed(model)}"
    if "name" in model:  # a pre-training from random weights has the architecture there
        revision = f" at {code(model['revision'])}" if model["revision"] else ""
        began = f"{code(model['name'])}{revision}, weights SHA-256 {code(model['weights_sha256'])}"
    method = record["method"]
    settings = {k: v for k, v in record["settings"].items() if k != "trainer"} | record["settings"].get("trainer", {})
    lines = [
        f"- Began from: {began}",
        f"- Method: {code(method['name'])}" + (f": {_listed(method['parameters'])}" if method["parameters"] else ""),
        f"- Seed: {record['seed']}",
        f"- Settings: {_listed(settings)}",
    ]
    lines += list(_corpus(record["corpus"]) if is_pretraining(record) else _data(record))
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    return [
        *lines,
        f"- Trained in {record['seconds']:.0f} s on {prose(record['device'])}",
        f"- Versions: {prose(versions)}",
    ]


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{code(name)} {code(_value(value))}" for name, value in values.items())


def _data(record: Mapping[str, Any]) -> Iterator[str]:
    task, data = record["task"], record["data"]
    labels = ", ".join(map(code, task["labels"])) if task["labels"] else "a number"
    yield f"- Task: {code(task['name'])}: {prose(task['title'])}; answers: {labels}"
    if task["note"]:
        yield f"- Note on the task: {prose(task['note'])}"
    for part, title in (("train", "Training data"), ("dev", "Dev data")):
        found = data[part]
        yield f"- {title}: {found['examples']:,} examples, SHA-256 {code(found['sha256'])}"
        yield from (f"  - {_origin(origin)}" for origin in found["sources"])
        if any(origin["from"] == "mirror" for origin in found["sources"]):
            yield from (f"  - a copy of {_published(source)}" for source in task[part] if source["hub"])
    shared = data["shared_by_train_and_dev"]
    yield f"- Overlap: {shared:,} training examples also occur among the dev examples"


def _corpus(corpus: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"- Text: {corpus['tokens']:,} tokens in {corpus['blocks']:,} blocks of {corpus['block_length']}, "
        f"SHA-256 {code(corpus['sha256'])}; {corpus['train_blocks']:,} blocks trained on, {corpus['dev_blocks']:,} kept"
    )
    yield from (f"  - {_origin(origin)}" for origin in corpus["sources"])


def _published(source: Mapping[str, Any]) -> str:
    """The data set on the hub that a task names for a table; its copy was known by its hash, not by its revision."""
    name = code("/".join(filter(None, [source["hub"], source["config"], source["split"]])))
    return name + (f", which the task names at revision {code(source['revision'])}" if source["revision"] else "")


def _origin(origin: Mapping[str, Any]) -> str:
    """Where rows came from: whatever the record says of it."""
    names = {"from": "from", "id": "data set", "path": "file", "set": "set", "rows": "which holds"}
    told = [f"{names.get(key, key)} {code(_value(value))}" for key, value in origin.items() if value not in ("", 0)]
    return ", ".join(told)


def training_command(record: Mapping[str, Any]) -> list[str]:
    """The command that trains it again, [] where data or settings are in no catalog."""
    if is_pretraining(record) or record["settings"].get("trainer"):
        return []
    task = record["task"]["name"]
    try:
        same = task in task_names() and load_task(task) == Task.from_dict(record["task"])
    except AlumbenchError:
        same = False
    if not same:
        return []
    settings, method = record["settings"], record["method"]
    options: list[tuple[str, Any]] = [("task", task), ("model", record["model"]["name"]), ("method", method["name"])]
    options += [("set", f"{name}={_value(value)}") for name, value in method["parameters"].items()]
    schedule = settings.get("schedule", {})
    defaults = {"after": 0.0, "every": 1, "fraction": 1.0}
    options += [(f"adversary-{k}", v) for k, v in schedule.items() if v != defaults.get(k)]
    augmentation = settings.get("augmentation", {})
    named = {"typos": "typos", "dropped": "drop-words", "texts": "augmented-texts"}
    options += [(named[name], value) for name, value in augmentation.items()]
    names = ("epochs", "batch_size", "lr", "max_length", "precision", "train_size", "held_out", "label_noise")
    options += [(name.replace("_", "-"), settings[name]) for name in names if settings.get(name)]
    words = [word for name, value in [*options, ("seed", record["seed"])] for word in (f"--{name}", str(value))]
    return [shlex.join(["alumbench", "train", *words, "--out", "CHECKPOINT"])]


def _value(value: Any) -> str:
    """As the command line takes it."""
    return value if isinstance(value, str) else json.dumps(value)


def evaluation_commands(stored: Sequence[Stored]) -> list[str]:
    """The commands that evaluate it again, and the one that re-scores the adversarial texts."""
    identities = [one.document["identity"] for one in stored]
    return [
        shlex.join(["alumbench", "attack", "CHECKPOINT", "--suite", i["suite"]["name"], "--seed", str(i["seed"])])
        for i in identities
    ] + (["alumbench verify CHECKPOINT"] if identities else [])
