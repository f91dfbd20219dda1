"""A board's entries: evaluated checkpoints as JSON with their records, checked when added and when read."""

from __future__ import annotations

import gzip
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alumbench.errors import AlumbenchError
from alumbench.evaluation.describe import records_of
from alumbench.evaluation.ensembles import WORST, as_entries, column_records, worst_case
from alumbench.evaluation.reliability import Flag, flags
from alumbench.evaluation.seeds import main_records
from alumbench.evaluation.stored import SPECIAL, evaluations_of, finished_entries, is_plain, made_how
from alumbench.evaluation.summary import summarize, under_attack
from alumbench.evaluation.thresholds import Thresholds
from alumbench.evaluation.validity import summarize_validity
from alumbench.leaderboard.compare import PAIRED, measures_of
from alumbench.leaderboard.settings import TRAINING, Board, Column
from alumbench.storage import finite, read_json, sha256_of, write_bytes, write_json
from alumbench.tasks import Task

SCHEMA = 1


@dataclass(frozen=True)
class Entry:
    """One checkpoint on a board.

    Attributes:
        content: its JSON.
        records: its records by entry of the suite.
    """

    content: dict[str, Any]
    records: dict[str, list[dict[str, Any]]]

    @property
    def row(self) -> str:
        """Its row of the table."""
        return str(self.content["row"])

    @property
    def seed(self) -> int:
        """Its training seed."""
        return int(self.content["training"]["seed"])

    def measure(self, column: Column) -> dict[str, Any] | None:
        """Its figure for a column, None where it was not evaluated on that."""
        if column.entry == TRAINING:
            return self._of_training(column.measure)
        entry = (self.content["entries"] | as_entries(self.content.get("ensembles", {}))).get(column.entry)
        if entry is None:
            return None
        summary = entry["summary"]
        found: dict[str, Any] | None
        found = (
            summary.get("groups", {}).get(column.group) if column.group else measures_of(summary).get(column.measure)
        )
        return found

    def _of_training(self, measure: str) -> dict[str, Any] | None:
        norm = self.content["training"].get("embedding_norm")
        if measure != "embedding_growth" or norm is None:
            return None
        return {"value": 100 * (norm["after"] / norm["before"] - 1), "n": 0}

    def flags(self) -> list[Flag]:
        """What makes its figures less than they seem; nothing for entries from before there were flags."""
        checks = self.content.get("model_checks")
        return flags(self.content["entries"], self.records, checks, self.content["task"]["labels"]) if checks else []

    def right(self, column: Column) -> dict[str, bool]:
        """For each example of a column, whether it answered right."""
        records = column_records(column.entry, self.records, self.content.get("ensembles", {}))
        return {
            r["id"]: PAIRED[column.measure](r) for r in records if not column.group or r.get("group") == column.group
        }


def add(folder: Path, checkpoint: Path, row: str = "") -> Path:
    """Takes a checkpoint's finished evaluations into the board as one entry with its records.

    Args:
        folder: the board.
        checkpoint: a checkpoint that `alumbench attack` evaluated, or one evaluation folder.
        row: name of its table row; by default its method and the parameters that differ from the defaults.

    Returns:
        The entry's file.

    Raises:
        AlumbenchError: An evaluation was cut by `--limit`, is unfinished, or has no training record.
    """
    Board.read(folder)
    evaluations = evaluations_of(checkpoint)
    for stored in evaluations:
        if not is_plain(stored.document["identity"]):
            raise AlumbenchError(f"{stored.folder}: made with {SPECIAL}, so it can enter no leaderboard")
        unfinished = [name for name, entry in stored.document["entries"].items() if not entry["complete"]]
        if unfinished:
            raise AlumbenchError(
                f"{stored.folder}: {', '.join(unfinished)} not finished; run the same 'alumbench attack' again"
            )
    document = evaluations[0].document
    training = document["checkpoint"]["training"]
    if training is None:
        raise AlumbenchError(f"{checkpoint}: it has no training.json, so how it came to be cannot be published")
    row = row or _row_name(training["method"])
    name = _file_name(f"{row}-seed{training['seed']}")
    finished = finished_entries(evaluations)
    entries = {name: found for name, found in finished.items() if found[1]["kind"] != "ensemble"}
    lines = sorted(
        json.dumps(finite(published(record)), sort_keys=True)
        for entry, (stored, _) in entries.items()
        for record in stored.records
        if record["entry"] == entry
    )
    records = folder / "records" / f"{name}.jsonl.gz"
    packed = gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0)
    path = folder / "results" / f"{name}.json"
    entry = {
        "schema": SCHEMA,
        "row": row,
        "training": training,
        "task": document["task"],
        "evaluations": [{**stored.document["identity"], "device": stored.document["device"]} for stored in evaluations],
        "entries": {entry: described for entry, (_, described) in sorted(entries.items())},
        "ensembles": {
            name.removeprefix(WORST): stored.document["ensembles"][name.removeprefix(WORST)]
            for name, (stored, described) in sorted(finished.items())
            if described["kind"] == "ensemble"
        },
        "model_checks": [
            stored.document["model_checks"] for stored in evaluations if "model_checks" in stored.document
        ],
        "records": {"file": f"records/{records.name}", "sha256": hashlib.sha256(packed).hexdigest(), "n": len(lines)},
    }
    if path.exists():
        there = read_json(path)
        if _recipe_of_training(there) != _recipe_of_training(entry):
            raise AlumbenchError(f"{path}: holds a checkpoint that was trained otherwise; name this one with --row")
        gone = sorted(there["entries"].keys() - entry["entries"].keys())
        if gone:
            raise AlumbenchError(f"{path}: has {', '.join(gone)} too; add the checkpoint, not one of its evaluations")
    write_bytes(records, packed)
    write_json(path, entry)
    return path


def load_entry(folder: Path, path: Path) -> Entry:
    """Reads an entry and recomputes its figures.

    Raises:
        AlumbenchError: Its schema is unknown, its records are missing or changed, or its figures are not theirs.
    """
    return check_entry(folder, json.loads(path.read_text(encoding="utf-8")), path)


def check_entry(folder: Path, content: dict[str, Any], path: Path) -> Entry:
    """An entry from its JSON, whose records are below `folder`; `path` is how messages call it.

    Raises:
        AlumbenchError: As `load_entry`.
    """
    if content.get("schema") != SCHEMA:
        raise AlumbenchError(f"{path}: schema {content.get('schema')} is unknown to this alumbench (it knows {SCHEMA})")
    file = folder / content["records"]["file"]
    if not file.is_file():
        raise AlumbenchError(f"{path}: its records {file} are missing")
    if sha256_of(file) != content["records"]["sha256"]:
        raise AlumbenchError(f"{path}: {file} is not the file that was added (its hash differs)")
    task = Task.from_dict(content["task"], str(path))
    records: dict[str, list[dict[str, Any]]] = {}
    for line in gzip.decompress(file.read_bytes()).decode().splitlines():
        record = json.loads(line)
        records.setdefault(record["entry"], []).append(record)
    for name, entry in content["entries"].items():
        again = finite(summarize(entry["kind"], task, main_records(records.get(name, [])), entry["goal"]))
        for key in ("measures", "groups"):
            if not _close(again.get(key), entry["summary"].get(key)):
                raise AlumbenchError(f"{path}: entry {name}: its {key} do not follow from its records")
        told = entry["summary"].get("validity")
        if told is not None:
            through = finite(summarize_validity(records.get(name, []), Thresholds(**told["thresholds"])))
            if not _close(through["measures"], told["measures"]):
                raise AlumbenchError(f"{path}: entry {name}: its validity does not follow from its records")
    for signature, found in content.get("ensembles", {}).items():
        worst = worst_case({name: records.get(name, []) for name in found["members"]})
        if not _close(finite(under_attack(worst)), found["measures"]):
            raise AlumbenchError(f"{path}: ensemble {signature}: its measures do not follow from its records")
    return Entry(content, records)


def check_alike(folder: Path, entries: Sequence[Entry]) -> None:
    """One row is one recipe with different seeds, one column is one protocol.

    Raises:
        AlumbenchError: Some are not; what differs is named.
    """
    rows: dict[str, Entry] = {}
    seeds: set[tuple[str, int]] = set()
    made: dict[str, str] = {}
    for entry in entries:
        first = rows.setdefault(entry.row, entry)
        mine, theirs = _recipe_of_training(entry.content), _recipe_of_training(first.content)
        for name in mine:
            if mine[name] != theirs[name]:
                raise AlumbenchError(f"{folder}: row '{entry.row}' mixes checkpoints whose {name} differs; use --row")
        if (entry.row, entry.seed) in seeds:
            raise AlumbenchError(f"{folder}: row '{entry.row}' has seed {entry.seed} twice")
        seeds.add((entry.row, entry.seed))
        if not all(map(is_plain, entry.content["evaluations"])):
            raise AlumbenchError(f"{folder}: row '{entry.row}' was made with {SPECIAL}")
        for name, part in entry.content["entries"].items():
            if made.setdefault(name, made_how(part)) != made_how(part):
                raise AlumbenchError(f"{folder}: entry {name} was made in two ways: {made[name]}; {made_how(part)}")
            told = part["summary"].get("validity") or {}
            filtered = json.dumps([told.get("thresholds"), told.get("means")])
            if told and made.setdefault(f"{name} validity", filtered) != filtered:
                raise AlumbenchError(f"{folder}: entry {name}: validity was judged in two ways; evaluate it anew")
            if len(entry.records.get(name, [])) != records_of(part):
                raise AlumbenchError(f"{folder}: row '{entry.row}': entry {name} has records missing")


def published(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record as boards carry it: without the data set's own texts, which keep their licence and stay where they are.

    The id is a hash of the content, so the text can be found again in the data set that the entry names. Adversarial
    texts stay: they are the evidence. Probabilities are written with the nine digits that a 32-bit float has.
    """
    kept = {name: value for name, value in record.items() if name != "texts"}
    for name in ("scores", "adversarial_scores"):
        if kept.get(name):
            kept[name] = [float(f"{value:.9g}") for value in kept[name]]
    return kept


def _recipe_of_training(content: Mapping[str, Any]) -> dict[str, Any]:
    """What must be one for a row: all that decides a training run but its seed."""
    training = content["training"]
    settings = {name: value for name, value in training["settings"].items() if name != "steps"}
    return {
        "model": training["model"]["weights_sha256"],
        "method": training["method"],
        "settings": settings,
        "training data": training["data"]["train"]["sha256"],
    }


def _close(a: Any, b: Any) -> bool:
    """Equal, with numbers to nine digits: the last ones differ between library versions and processors."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_close(a[key], b[key]) for key in a)
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-9)
    return bool(a == b)


def _row_name(method: Mapping[str, Any]) -> str:
    from alumbench.methods import make_method

    defaults = make_method(method["name"], {}).parameters()
    other = [f"{k}={v}" for k, v in method["parameters"].items() if defaults.get(k) != v]
    return str(method["name"]) + (f" ({', '.join(other)})" if other else "")


def _file_name(text: str) -> str:
    kept = "".join(c if c.isalnum() or c in ".=-" else "-" for c in text)
    return "-".join(filter(None, kept.split("-")))
