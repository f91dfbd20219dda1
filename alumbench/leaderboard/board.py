"""One leaderboard: a folder with `board.toml`, entries as JSON with their records, and what is built from them.

```
leaderboards/sst2-minilm/
  board.toml              title, columns, baseline
  results/*.json          one checkpoint each, with the hash of its records
  records/*.jsonl.gz      every example's outcome and adversarial text; originals by the hash of their content
  README.md table.csv table.json table.tex     built, never edited
```

No figure is taken over from an entry: `build` recomputes each from the records, and refuses if they differ.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alumbench.errors import AlumbenchError, unknown
from alumbench.leaderboard.compare import MEASURES, PAIRED, power_line
from alumbench.leaderboard.entries import Entry, check_alike, load_entry
from alumbench.leaderboard.settings import TRAINING, Board, Column
from alumbench.leaderboard.table import Table, percent, signed
from alumbench.statistics import paired_difference, proportion
from alumbench.storage import write_text


def build(folder: Path) -> Table:
    """Rebuilds README.md, table.csv, table.json and table.tex from the entries; the same entries give the same bytes.

    Raises:
        AlumbenchError: An entry's records are missing or changed, or its figures do not follow from them.
    """
    board = Board.read(folder)
    entries = [load_entry(folder, path) for path in sorted((folder / "results").glob("*.json"))]
    if not entries:
        raise AlumbenchError(f"{folder}: no entries; 'alumbench leaderboard add {folder} CHECKPOINT' adds one")
    check_alike(folder, entries)
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


def _table(board: Board, entries: Sequence[Entry]) -> Table:
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
        *_flags(entries),
    ]
    header = ["row", "seeds", *(column.title for column in board.columns)]
    if board.tall:
        header, *rows = [list(line) for line in zip(header, *rows, strict=True)]
    return Table(header, rows, notes, data)


def _flags(entries: Sequence[Entry]) -> list[str]:
    """One line a flag: which rows and seeds have it, and what was found at the first."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for entry in sorted(entries, key=lambda e: (e.row, e.seed)):
        for flag in entry.flags():
            found.setdefault((flag["flag"], flag["entry"]), []).append((f"{entry.row} {entry.seed}", flag["detail"]))
    lines = []
    for (name, about), rows in sorted(found.items()):
        where = ", ".join(row for row, _ in rows)
        lines.append(f"- **{name}**{f', {about}' if about else ''}: {rows[0][1]} (row and seed: {where})")
    return ["", "Flags, each with what was found at the first row that has it:", "", *lines] if lines else []


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
    if column.entry == TRAINING:
        return "of the checkpoint itself"
    sizes = sorted({figure["n"] for figure in data if figure["column"] == column.title and figure["n"]})
    return "n=" + (f"{sizes[0]}–{sizes[-1]}" if len(sizes) > 1 else str(sizes[0] if sizes else 0))


def _against(board: Board, entries: Sequence[Entry]) -> Table | None:
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


def _by_row(board: Board, entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Entries by row, the baseline first, then by name; inside a row by seed."""
    rows: dict[str, list[Entry]] = {}
    for entry in sorted(entries, key=lambda e: (e.row != board.baseline, e.row, e.seed)):
        rows.setdefault(entry.row, []).append(entry)
    return rows


def _provenance(entries: Sequence[Entry]) -> list[str]:
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
