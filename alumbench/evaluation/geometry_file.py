"""The geometry of several checkpoints as files that can be published: figures, and every sentence's values beside them.

`NAME.json` has the figures, what they were made of, and the hash of `NAME.jsonl.gz`, a line a checkpoint and sentence:
row, training seed, the sentence's id (a hash of its content; no text) and its values.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from alumbench.attacks.victim import Victim
from alumbench.checkpoints import PROVENANCE, checkpoint_task, find_model
from alumbench.config import Name, check
from alumbench.devices import device_name, keep_freed_memory
from alumbench.errors import AlumbenchError
from alumbench.evaluation.geometry import MEASURES, Probe, probe_sentences, table_of
from alumbench.parsing import decoded, parse_json, read_json
from alumbench.statistics import multi_bootstrap_mean
from alumbench.storage import sha256_of, write_bytes, write_json
from alumbench.tasks import Task, data_hash
from alumbench.tasks.loading import load_examples_from
from alumbench.versions import library_versions

SCHEMA = 1
#: Of each figure `ROW/DIRECTION/EPSILON/MEASURE`, of each training seed, of each sentence's id, the value.
Runs = dict[str, dict[int, dict[str, float]]]


def measure_geometry(
    checkpoints: Sequence[str], out: Path, probe: Probe, examples: int, device: str, say: Callable[[str], None] = print
) -> list[dict[str, Any]]:
    """Measures checkpoints on their task's dev set and writes `out` with the values beside it.

    Args:
        checkpoints: folders of fine-tuned classifiers of one task, named ROW-SEED as `alumbench leaderboard run` does;
            a folder of another name is a row by its name.
        out: the JSON file.
        probe: which δ.
        examples: how many dev sentences, drawn once for everybody; 0 for all.
        device: auto, cpu or cuda.
        say: takes a line of progress.

    Returns:
        The figures.

    Raises:
        AlumbenchError: A checkpoint cannot be read, is given twice, is of another task, or is a regression.
    """
    described: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    tasks: dict[str, Task] = {}
    for name in checkpoints:
        files = find_model(name)
        task = checkpoint_task(files)
        tasks[task.name] = task
        if len(tasks) > 1 or task.is_regression:
            why = "a regression, which has no labels" if task.is_regression else "the others are of another"
            raise AlumbenchError(f"{name}: of task {task.name}, {why}; give classifiers of one task")
        training = read_json(files.path / PROVENANCE)
        victim = Victim(files, task, device)
        if victim.device.type == "cpu":
            keep_freed_memory()
        table = table_of(victim)
        row, seed = files.path.resolve().name.removesuffix(f"-{training['seed']}"), int(training["seed"])
        weights = files.weights_sha256()
        for other in described:
            if (other["row"], other["seed"]) == (row, seed) or other["weights_sha256"] == weights:
                raise AlumbenchError(f"{name}: is row {other['row']}, seed {other['seed']} again; give each once")
        described.append(
            {
                "row": row,
                "seed": seed,
                "weights_sha256": weights,
                "method": training["method"],
                "words": len(table.rows),
                "hidden": table.rows.shape[1],
                "directions_that_hold_half": table.holding(0.5),
            }
        )
        chosen = _drawn(load_examples_from(task.dev, task.columns, task.labels)[0], examples)
        for example, values in probe_sentences(victim, table, chosen, probe):
            lines.append({"row": row, "seed": seed, "id": example.id, "values": _rounded(values)})
        say(f"{name}: {len(chosen)} sentences")
    text = "".join(json.dumps(line, sort_keys=True) + "\n" for line in sorted(lines, key=_place))
    records = out.with_suffix(".jsonl.gz")
    write_bytes(records, gzip.compress(text.encode(), mtime=0))
    document = {
        "schema": SCHEMA,
        "task": task.name,
        "data": {"n": len(chosen), "sha256": data_hash(chosen), "examples": examples},
        "directions": list(probe.directions),
        "epsilons": list(probe.epsilons),
        "measures": MEASURES,
        "checkpoints": sorted(described, key=_place),
        "records": {"file": records.name, "sha256": sha256_of(records), "n": len(lines)},
        "device": device_name(victim.device),
        "versions": library_versions(),
    }
    figures = figures_of(_runs(lines))
    write_json(out, document | {"figures": figures})
    return figures


class _Records(TypedDict):
    file: Name
    sha256: str


class _Figure(TypedDict):
    name: str
    value: float | None


class _Geometry(TypedDict):
    records: _Records
    figures: list[_Figure]


class _Line(TypedDict):
    row: str
    seed: int
    id: str
    values: dict[str, float | None]


def read_geometry(path: Path) -> tuple[dict[str, Any], Runs]:
    """A file that `measure_geometry` wrote, and every sentence's value of each figure.

    Raises:
        AlumbenchError: It is of an unknown schema, its records are not those it was written with, or its figures do not
            follow from them.
    """
    document = read_json(path)
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise AlumbenchError(f"{path}: is no geometry file of schema {SCHEMA}; make it with 'alumbench geometry'")
    check(_Geometry, document, str(path))
    records = path.parent / str(document["records"]["file"])
    if not records.is_file() or sha256_of(records) != document["records"]["sha256"]:
        raise AlumbenchError(f"{path}: {records.name} is missing or changed; run 'alumbench geometry' again")
    lines = gzip.decompress(records.read_bytes()).splitlines()
    parsed = [parse_json(decoded(line, str(records)), f"{records}, line {n}") for n, line in enumerate(lines, start=1)]
    runs = _runs(check(list[_Line], parsed, str(records)))
    if figures_of(runs) != document["figures"]:
        raise AlumbenchError(f"{path}: its figures do not follow from {records.name}; run 'alumbench geometry' again")
    return document, runs


def figures_of(runs: Runs) -> list[dict[str, Any]]:
    """The mean of each figure over seeds and sentences, with its Multi-Bootstrap interval over both."""
    found = []
    for name, by_seed in sorted(runs.items()):
        mean = multi_bootstrap_mean(by_seed)
        figure = {"value": mean.value, "low": mean.low, "high": mean.high}
        rounded = {key: None if x is None else float(f"{x:.6g}") for key, x in figure.items()}
        found.append({"name": name, **rounded, "n": mean.n, "seeds": len(by_seed)})
    return found


def _drawn(examples: list[Any], count: int) -> list[Any]:
    """So many of the examples, those that a suite would draw."""
    if not count or count >= len(examples):
        return examples
    return [examples[i] for i in sorted(np.random.default_rng(0).permutation(len(examples))[:count])]


def _rounded(values: Mapping[str, float | None]) -> dict[str, float | None]:
    """To six digits: the last ones differ between processors."""
    return {name: None if value is None else float(f"{value:.6g}") for name, value in values.items()}


def _place(line: Mapping[str, Any]) -> tuple[str, int, str]:
    return str(line["row"]), int(line["seed"]), str(line.get("id", ""))


def _runs(lines: Sequence[Mapping[str, Any]]) -> Runs:
    runs: Runs = {}
    for line in lines:
        for name, value in line["values"].items():
            if value is not None:
                runs.setdefault(f"{line['row']}/{name}", {}).setdefault(line["seed"], {})[line["id"]] = value
    return runs
