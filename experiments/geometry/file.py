"""The geometry of several checkpoints as files to publish: the figures, and every sentence's values beside them.

`NAME.json` has the figures, how they were made, and the hash of `NAME.jsonl.gz`, one line a checkpoint and sentence:
row, training seed, the sentence's id (a hash of its content; no text) and its values.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct

from alumbench.attacks.victim import Victim
from alumbench.config import Name, typed
from alumbench.data import Task, data_hash
from alumbench.data.dataset import load_examples_from
from alumbench.devices import device_name, keep_freed_memory
from alumbench.errors import AlumbenchError
from alumbench.models.checkpoint import PROVENANCE, checkpoint_task, find_model
from alumbench.models.checkpoint.provenance import MethodRecord, Training
from alumbench.parsing import decoded, parse_json, read_json
from alumbench.records import as_json
from alumbench.statistics import multi_bootstrap_mean
from alumbench.storage import sha256_of, write_bytes, write_json
from alumbench.versions import library_versions
from experiments.geometry.measure import MEASURES, Probe, probe_sentences, table_of

AGAIN = "make it with 'python -m experiments.geometry'"
SCHEMA = 1
#: Values by figure (`ROW/DIRECTION/EPSILON/MEASURE`), training seed and sentence id.
Runs = dict[str, dict[int, dict[str, float]]]


def measure_geometry(
    checkpoints: Sequence[str], out: Path, probe: Probe, examples: int, device: str, say: Callable[[str], None] = print
) -> list[Figure]:
    """Measures checkpoints on their task's dev set and writes `out` with the values beside it.

    Args:
        checkpoints: folders of fine-tuned classifiers of one task, named ROW-SEED as `alumbench leaderboard run` does;
            a folder with another kind of name is a row of that name.
        out: the JSON file.
        probe: the δ to measure.
        examples: number of dev sentences, the same draw for everybody; 0 for all.
        device: auto, cpu or cuda.
        say: called with one line about each checkpoint that is done.

    Returns:
        The figures.

    Raises:
        AlumbenchError: A checkpoint cannot be read, is given twice, is of another task, or is a regression.
    """
    described: list[Measured] = []
    lines: list[Line] = []
    tasks: dict[str, Task] = {}
    for name in checkpoints:
        files = find_model(name)
        task = checkpoint_task(files)
        tasks[task.name] = task
        if len(tasks) > 1 or task.is_regression:
            why = "a regression, which has no labels" if task.is_regression else "the others are of another"
            raise AlumbenchError(f"{name}: of task {task.name}, {why}; give classifiers of one task")
        training = typed(Training, read_json(files.path / PROVENANCE), str(files.path / PROVENANCE))
        victim = Victim(files, task, device)
        if victim.device.type == "cpu":
            keep_freed_memory()
        table = table_of(victim)
        row, seed = files.path.resolve().name.removesuffix(f"-{training.training_seed}"), training.training_seed
        weights = files.weights_sha256()
        for other in described:
            if (other.row, other.seed) == (row, seed) or other.weights_sha256 == weights:
                raise AlumbenchError(f"{name}: repeats row {other.row}, seed {other.seed}; give each once")
        half = table.holding(0.5)
        described.append(Measured(row, seed, weights, training.method, len(table.rows), table.rows.shape[1], half))
        chosen = _drawn(load_examples_from(task.dev, task.columns, task.labels)[0], examples)
        for example, values in probe_sentences(victim, table, chosen, probe):
            lines.append(Line(row, seed, example.id, _rounded(values)))
        say(f"{name}: {len(chosen)} sentences")
    text = "".join(json.dumps(as_json(line), sort_keys=True) + "\n" for line in sorted(lines, key=_place))
    records = out.with_suffix(".jsonl.gz")
    write_bytes(records, gzip.compress(text.encode(), mtime=0))
    figures = figures_of(_runs(lines))
    document = Geometry(
        schema=SCHEMA,
        task=task.name,
        data=Sentences(len(chosen), data_hash(chosen), examples),
        directions=list(probe.directions),
        epsilons=list(probe.epsilons),
        measures=dict(MEASURES),
        checkpoints=sorted(described, key=_place),
        records=LinesFile(records.name, sha256_of(records), len(lines)),
        device=device_name(victim.device),
        versions=dict(library_versions()),
        figures=figures,
    )
    write_json(out, as_json(document))
    return figures


class Line(Struct, frozen=True):
    """One sentence's values under one checkpoint.

    Attributes:
        row: the checkpoint's row.
        seed: its training seed.
        id: the sentence's id, a hash of its content.
        values: by `DIRECTION/EPSILON/MEASURE`; None if undefined.
    """

    row: str
    seed: int
    id: str
    values: dict[str, float | None]


class Measured(Struct, frozen=True):
    """A checkpoint that was measured.

    Attributes:
        row: its row.
        seed: its training seed.
        weights_sha256: hash of its weights.
        method: its training method.
        words: rows of its embedding table.
        hidden: size of an embedding.
        directions_that_hold_half: principal directions that hold half of the table's variance.
    """

    row: str
    seed: int
    weights_sha256: str
    method: MethodRecord
    words: int
    hidden: int
    directions_that_hold_half: int


class Sentences(Struct, frozen=True):
    """The dev sentences.

    Attributes:
        n: number of sentences.
        sha256: hash of the sentences.
        examples: number asked for, 0 for all.
    """

    n: int
    sha256: str
    examples: int


class LinesFile(Struct, frozen=True):
    """The file that holds the lines.

    Attributes:
        file: its name.
        sha256: hash of the file.
        n: number of lines.
    """

    file: Name
    sha256: str
    n: int


class Figure(Struct, frozen=True):
    """A mean over seeds and sentences with its Multi-Bootstrap interval.

    Attributes:
        name: `ROW/DIRECTION/EPSILON/MEASURE`.
        value: the mean, None if undefined.
        low: lower end of the interval.
        high: upper end.
        n: number of sentences.
        seeds: number of training seeds.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    seeds: int


class Geometry(Struct, frozen=True, kw_only=True):
    """A file that `measure_geometry` writes.

    Attributes:
        schema: version of the format.
        task: the task's name.
        data: the sentences.
        directions: kinds of δ that were measured.
        epsilons: their lengths, relative to the embeddings.
        measures: what each measure is, by name.
        checkpoints: the checkpoints that were measured.
        records: the file with every sentence's values.
        device: the device it ran on.
        versions: versions of the libraries.
        figures: means over seeds and sentences.
    """

    schema: int
    task: str
    data: Sentences
    directions: list[str]
    epsilons: list[float]
    measures: dict[str, str]
    checkpoints: list[Measured]
    records: LinesFile
    device: str
    versions: dict[str, str | None]
    figures: list[Figure]


def read_geometry(path: Path) -> tuple[Geometry, Runs]:
    """A file that `measure_geometry` wrote, and every sentence's value of each figure.

    Raises:
        AlumbenchError: Its schema is unknown, its records have changed, or its figures do not follow from them.
    """
    content = read_json(path)
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise AlumbenchError(f"{path}: not a geometry file of schema {SCHEMA}; {AGAIN}")
    document = typed(Geometry, content, str(path))
    records = path.parent / document.records.file
    if not records.is_file() or sha256_of(records) != document.records.sha256:
        raise AlumbenchError(f"{path}: {records.name} is missing or changed; {AGAIN}")
    lines = gzip.decompress(records.read_bytes()).splitlines()
    parsed = [parse_json(decoded(line, str(records)), f"{records}, line {n}") for n, line in enumerate(lines, start=1)]
    runs = _runs([typed(Line, line, f"{records}, line {n}") for n, line in enumerate(parsed, start=1)])
    if figures_of(runs) != document.figures:
        raise AlumbenchError(f"{path}: its figures do not follow from {records.name}; {AGAIN}")
    return document, runs


def figures_of(runs: Runs) -> list[Figure]:
    """The mean of each figure over seeds and sentences, with its Multi-Bootstrap interval over both."""
    found = []
    for name, by_seed in sorted(runs.items()):
        mean = multi_bootstrap_mean(by_seed)
        value, low, high = (None if x is None else float(f"{x:.6g}") for x in (mean.value, mean.low, mean.high))
        found.append(Figure(name, value, low, high, mean.n, len(by_seed)))
    return found


def _drawn(examples: list[Any], count: int) -> list[Any]:
    """`count` of the examples, the same ones that a suite would draw."""
    if not count or count >= len(examples):
        return examples
    return [examples[i] for i in sorted(np.random.default_rng(0).permutation(len(examples))[:count])]


def _rounded(values: Mapping[str, float | None]) -> dict[str, float | None]:
    """The values to six digits: further digits differ between processors."""
    return {name: None if value is None else float(f"{value:.6g}") for name, value in values.items()}


def _place(line: Line | Measured) -> tuple[str, int, str]:
    return line.row, line.seed, line.id if isinstance(line, Line) else ""


def _runs(lines: Sequence[Line]) -> Runs:
    runs: Runs = {}
    for line in lines:
        for name, value in line.values.items():
            if value is not None:
                runs.setdefault(f"{line.row}/{name}", {}).setdefault(line.seed, {})[line.id] = value
    return runs
