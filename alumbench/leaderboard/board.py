"""One leaderboard: a folder with `board.toml`, entries as JSON with their records, and what is built from them.

```
leaderboards/sst2-minilm/
  board.toml              title, columns, baseline
  results/*.json          one checkpoint each, with the hash of its records
  records/*.jsonl.gz      every example's outcome
  README.md table.csv table.json table.tex     built, never edited
```

No figure is taken over from an entry: `build` recomputes each from the records, and refuses if they differ.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import statistics
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alumbench.errors import AlumbenchError, unknown
from alumbench.evaluation.stored import evaluations_of, finished_entries, is_plain, made_how
from alumbench.evaluation.summary import is_right, summarize
from alumbench.leaderboard.compare import MEASURES, PAIRED, power_line
from alumbench.leaderboard.table import Table, percent, signed
from alumbench.statistics import paired_difference, proportion
from alumbench.storage import finite, read_json, sha256_of, write_bytes, write_json, write_text
from alumbench.tasks import Task
from alumbench.tasks.task import build as build_fields

SCHEMA = 1


@dataclass(frozen=True)
class Column:
    """One column: a measure of an entry, or of one group of it."""

    title: str
    entry: str
    measure: str
    group: str = ""


@dataclass(frozen=True)
class Board:
    """What `board.toml` says.

    Attributes:
        folder: where it is.
        title: heading of the page.
        about: a paragraph above the table.
        columns: what the table shows.
        baseline: the row that others are compared with, '' for none.
        reading: a paragraph under the table: what it means.
        tall: whether the page lists columns downwards, for boards of many columns and few rows.
    """

    folder: Path
    title: str
    columns: tuple[Column, ...]
    about: str = ""
    baseline: str = ""
    reading: str = ""
    tall: bool = False

    @classmethod
    def read(cls, folder: Path) -> Board:
        """Reads a board's settings.

        Raises:
            AlumbenchError: There is no board, or its settings are wrong.
        """
        path = folder / "board.toml"
        if not path.is_file():
            raise AlumbenchError(
                f"{path}: no such file. A board is a folder with a board.toml: title, baseline, and [[columns]] with "
                f"title, entry and measure"
            )
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise AlumbenchError(f"{path}: {error}") from None
        columns = tuple(Column(**build_fields(Column, c, f"{path}, column")) for c in values.pop("columns", []))
        for column in columns:
            if column.measure not in MEASURES:
                raise AlumbenchError(f"{path}: {unknown('measure', column.measure, MEASURES)}")
        return cls(**build_fields(cls, {**values, "columns": columns, "folder": folder}, str(path)))


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
            raise AlumbenchError(
                f"{stored.folder}: made with --limit, --data or --no-protection, so it can enter no leaderboard"
            )
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
    entries = finished_entries(evaluations)
    lines = sorted(
        json.dumps(finite(record), sort_keys=True)
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


def build(folder: Path) -> Table:
    """Rebuilds README.md, table.csv, table.json and table.tex from the entries; the same entries give the same bytes.

    Raises:
        AlumbenchError: An entry's records are missing or changed, or its figures do not follow from them.
    """
    board = Board.read(folder)
    entries = [_load_entry(folder, path) for path in sorted((folder / "results").glob("*.json"))]
    if not entries:
        raise AlumbenchError(f"{folder}: no entries; 'alumbench leaderboard add {folder} CHECKPOINT' adds one")
    _check_alike(folder, entries)
    table = _table(board, entries)
    against = _against(board, entries)
    write_text(folder / "table.csv", table.render("csv"))
    write_text(folder / "table.json", table.render("json"))
    write_text(folder / "table.tex", table.render("latex"))
    page = [f"# {board.title}", "", board.about.strip(), "", table.render("markdown").strip(), ""]
    if against is not None:
        page += [f"## Against `{board.baseline}`, seed by seed", "", against.render("markdown").strip(), ""]
    if board.reading:
        page += ["## What it means", "", board.reading.strip(), ""]
    page += ["## How it was made", "", *_provenance(entries), ""]
    write_text(folder / "README.md", "\n".join(page))
    return table


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


def _check_alike(folder: Path, entries: Sequence[_Entry]) -> None:
    """One row is one recipe with different seeds, one column is one protocol.

    Raises:
        AlumbenchError: Some are not; what differs is named.
    """
    rows: dict[str, _Entry] = {}
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
            raise AlumbenchError(f"{folder}: row '{entry.row}' was made with --limit, --data or --no-protection")
        for name, part in entry.content["entries"].items():
            if made.setdefault(name, made_how(part)) != made_how(part):
                raise AlumbenchError(f"{folder}: entry {name} was made in two ways: {made[name]}; {made_how(part)}")
            if len(entry.records.get(name, [])) != part["n"]:
                raise AlumbenchError(f"{folder}: row '{entry.row}': entry {name} has records missing")


@dataclass(frozen=True)
class _Entry:
    content: dict[str, Any]
    records: dict[str, list[dict[str, Any]]]

    @property
    def row(self) -> str:
        return str(self.content["row"])

    @property
    def seed(self) -> int:
        return int(self.content["training"]["seed"])

    def measure(self, column: Column) -> dict[str, Any] | None:
        entry = self.content["entries"].get(column.entry)
        if entry is None:
            return None
        summary = entry["summary"]
        found: dict[str, Any] | None
        found = summary.get("groups", {}).get(column.group) if column.group else summary["measures"].get(column.measure)
        return found

    def right(self, column: Column) -> dict[str, bool]:
        records = self.records.get(column.entry, [])
        return {r["id"]: is_right(r) for r in records if not column.group or r.get("group") == column.group}


def _load_entry(folder: Path, path: Path) -> _Entry:
    content = json.loads(path.read_text(encoding="utf-8"))
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
        again = finite(summarize(entry["kind"], task, records.get(name, []), entry["goal"]))
        for key in ("measures", "groups"):
            if not _close(again.get(key), entry["summary"].get(key)):
                raise AlumbenchError(f"{path}: entry {name}: its {key} do not follow from its records")
    return _Entry(content, records)


def _close(a: Any, b: Any) -> bool:
    """Equal, with numbers to nine digits: the last ones differ between library versions and processors."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_close(a[key], b[key]) for key in a)
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-9)
    return bool(a == b)


def _table(board: Board, entries: Sequence[_Entry]) -> Table:
    rows, data = [], []
    sizes: set[int] = set()
    for row, members in _by_row(board, entries).items():
        seeds = sorted({member.seed for member in members})
        cells = [row, str(len(seeds)) + (" (single seed)" if len(seeds) == 1 else "")]
        for column in board.columns:
            measures = [m for m in (member.measure(column) for member in members) if m is not None]
            figure: dict[str, Any] = {
                "row": row,
                "column": column.title,
                "entry": column.entry,
                "measure": column.measure,
                "group": column.group,
            }
            figure |= _over_seeds(measures)
            cells.append(_cell(figure, len(seeds)))
            data.append(figure)
            if figure["n"]:
                sizes.add(figure["n"])
        rows.append(cells)
    notes = [
        "Percent; mean over training seeds ± standard deviation between them, then a Wilson 95% interval for the mean "
        "at n examples (seeds share the examples, so they do not add to n).",
        "",
        "Columns: " + "; ".join(f"**{c.title}**: {MEASURES[c.measure]}, {_size(data, c)}" for c in board.columns) + ".",
        "",
        power_line(sizes),
    ]
    header = ["row", "seeds", *(column.title for column in board.columns)]
    if board.tall:
        header, *rows = [list(line) for line in zip(header, *rows, strict=True)]
    return Table(header, rows, notes, data)


def _over_seeds(measures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    values = [m["value"] for m in measures if m["value"] is not None]
    n = min((m["n"] for m in measures), default=0)  # a success rate's n differs by seed: the least is the honest one
    figure: dict[str, Any] = {"n": n, "seeds": len(values), "value": None, "low": None, "high": None}
    if not values:
        return figure | {
            "sd": None,
            "min": None,
            "max": None,
            "reason": "not evaluated" if not measures else measures[0]["reason"],
        }
    mean = statistics.fmean(values)
    figure |= {"value": mean, "min": min(values), "max": max(values)}
    figure["sd"] = statistics.stdev(values) if len(values) > 1 else None
    if all("count" in m for m in measures):
        interval = proportion(min(mean * n, n), n)
        figure |= {"low": interval.low, "high": interval.high}
    return figure


def _cell(figure: Mapping[str, Any], seeds: int) -> str:
    if figure["value"] is None:
        return "–"
    some = f" ({figure['seeds']} of {seeds} seeds)" if figure["seeds"] < seeds else ""
    if figure["low"] is None:  # a correlation or F1: no share, so no percent
        return f"{figure['value']:.3f}" + ("" if figure["sd"] is None else f" ± {figure['sd']:.3f}") + some
    spread = "" if figure["sd"] is None else f" ± {percent(figure['sd'])}"
    interval = f" [{percent(figure['low'])}–{percent(figure['high'])}]"
    return percent(figure["value"]) + spread + interval + some


def _size(data: Sequence[Mapping[str, Any]], column: Column) -> str:
    sizes = sorted({figure["n"] for figure in data if figure["column"] == column.title and figure["n"]})
    return "n=" + (f"{sizes[0]}–{sizes[-1]}" if len(sizes) > 1 else str(sizes[0] if sizes else 0))


def _against(board: Board, entries: Sequence[_Entry]) -> Table | None:
    """Each row against the baseline, seed with like seed, on the same examples."""
    rows = _by_row(board, entries)
    columns = [column for column in board.columns if column.measure in PAIRED]
    if board.baseline and board.baseline not in rows:
        raise AlumbenchError(f"{board.folder / 'board.toml'}: baseline: {unknown('row', board.baseline, rows)}")
    if not board.baseline or len(rows) < 2 or not columns:
        return None
    body = []
    for row, members in rows.items():
        if row == board.baseline:
            continue
        cells = [row]
        for column in columns:
            pairs = [
                paired_difference(base.right(column), member.right(column))
                for member in members
                for base in rows[board.baseline]
                if base.seed == member.seed and member.measure(column) and base.measure(column)
            ]
            differences = [pair.difference for pair in pairs if pair.difference is not None]
            each = ", ".join(f"{signed(pair.difference)} (p {pair.p:.3f})" for pair in pairs)
            cells.append(f"{signed(statistics.fmean(differences))}: {each}" if differences else "–")
        body.append(cells)
    notes = [
        "Mean difference in points, then each seed's with its exact McNemar p (not corrected for the number of cells)."
    ]
    return Table(["row", *(column.title for column in columns)], body, notes)


def _by_row(board: Board, entries: Sequence[_Entry]) -> dict[str, list[_Entry]]:
    """Entries by row, the baseline first, then by name; inside a row by seed."""
    rows: dict[str, list[_Entry]] = {}
    for entry in sorted(entries, key=lambda e: (e.row != board.baseline, e.row, e.seed)):
        rows.setdefault(entry.row, []).append(entry)
    return rows


def _provenance(entries: Sequence[_Entry]) -> list[str]:
    """Lines that say what each row is, from the entries themselves."""
    lines, seen = [], set()
    for entry in sorted(entries, key=lambda e: (e.row, e.seed)):
        training = entry.content["training"]
        if entry.row not in seen:
            seen.add(entry.row)
            settings = ", ".join(f"{k} {v}" for k, v in training["settings"].items() if k not in {"trainer"})
            parameters = ", ".join(f"{k} {v}" for k, v in training["method"]["parameters"].items()) or "no parameters"
            lines.append(
                f"- `{entry.row}`: {training['model']['name']}, method {training['method']['name']} "
                f"({parameters}); {settings}; {training['data']['train']['examples']} training examples; "
                f"trained on {training['device']}."
            )
    made = [evaluation for e in entries for evaluation in e.content["evaluations"]]
    versions = sorted({json.dumps(evaluation["versions"], sort_keys=True) for evaluation in made})
    for version in versions:
        lines.append("- Versions: " + ", ".join(f"{k} {v}" for k, v in json.loads(version).items()) + ".")
    signatures = sorted({part["signature"] for e in entries for part in e.content["entries"].values()})
    lines += [f"- `{signature}`" for signature in signatures]
    lines.append("- `alumbench leaderboard build` on this folder recomputes all of it from `results/` and `records/`.")
    return lines


def _row_name(method: Mapping[str, Any]) -> str:
    from alumbench.methods import make_method

    defaults = make_method(method["name"], {}).parameters()
    other = [f"{k}={v}" for k, v in method["parameters"].items() if defaults.get(k) != v]
    return str(method["name"]) + (f" ({', '.join(other)})" if other else "")


def _file_name(text: str) -> str:
    kept = "".join(c if c.isalnum() or c in ".=-" else "-" for c in text)
    return "-".join(filter(None, kept.split("-")))
