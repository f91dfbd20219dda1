"""One leaderboard: a folder with `board.toml`, entries as JSON with their records, and what is built from them.

```
leaderboards/sst2-minilm/
  board.toml              title, tasks, suites, columns, baseline
  results/*.json          one checkpoint each, with the hash of its records
  records/*.jsonl.gz      every example's outcome and adversarial text; originals by the hash of their content
  README.md table.csv table.json table.tex index.html     built, never edited
```

No figure is taken over from an entry: `build` recomputes each from the records, and refuses if they differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alumbench.leaderboard.checking import load
from alumbench.leaderboard.inert import code, prose
from alumbench.leaderboard.page import page
from alumbench.leaderboard.table import Table, percent, signed
from alumbench.leaderboard.view import REFERENCE, provenance, view
from alumbench.storage import write_text

BUILT = ("README.md", "table.csv", "table.json", "table.tex", "index.html")


def build(folder: Path) -> Table:
    """Rebuilds all of `BUILT` from the entries; the same entries give the same bytes, in whatever order they came.

    Raises:
        AlumbenchError: An entry's records are missing or changed, or its figures do not follow from them.
    """
    table, built = _built(folder)
    for name, text in built.items():
        write_text(folder / name, text)
    return table


def outdated(folder: Path) -> list[str]:
    """Built files that are not what `build` would make, a line each; none where nothing was built yet.

    Raises:
        AlumbenchError: As `build`.
    """
    there = {name: folder / name for name in BUILT if (folder / name).exists()}
    if not there:
        return []
    _, built = _built(folder)
    return [
        f"{folder / name}: is not what its entries make; run 'alumbench leaderboard build {folder}'"
        for name, text in built.items()
        if name not in there or there[name].read_bytes() != text.encode()
    ]


def _built(folder: Path) -> tuple[Table, dict[str, str]]:
    board, entries = load(folder)
    shown = view(board, entries)
    table, references = main_table(shown, board.tall), reference_table(shown)
    latex = [one.render("latex") for one in (table, references) if one is not None]
    forms = {"table.csv": table.render("csv"), "table.json": table.render("json"), "table.tex": "\n".join(latex)}
    html = page({**shown, "downloads": {"csv": forms["table.csv"], "json": forms["table.json"]}})
    return table, {"README.md": _readme(shown, table), **forms, "index.html": html}


def main_table(shown: Mapping[str, Any], tall: bool = False) -> Table:
    """The board's table: rows by columns, or columns downwards where the board is `tall`; references in its data alone.

    Args:
        shown: the board's view.
        tall: whether to list columns downwards.
    """
    columns, rows, data = shown["columns"], [], []
    marked = any(row["reference"] for row in shown["rows"])
    for row in shown["rows"]:
        mark = {"reference": row["reference"]} if marked else {}
        if row["reference"]:
            data += [_figure(row, column, figure) | mark for column, figure in _evaluated(shown, row)]
            continue
        rank = row["cells"][_key(shown, shown["rank"])]["rank"] if shown["rank"] else None
        cells = ["" if rank is None else str(rank)] if shown["rank"] else []
        cells += [row["name"], str(len(row["seeds"])) + (" (single seed)" if row["single_seed"] else "")]
        for column in columns:
            figure = row["cells"][column["key"]]
            cells.append(_cell(figure, column["unit"], len(row["seeds"])))
            data.append(_figure(row, column, figure) | mark)
        rows.append(cells)
    header = [*(["rank"] if shown["rank"] else []), "row", "seeds", *(column["title"] for column in columns)]
    if tall:
        header, *rows = [list(line) for line in zip(header, *rows, strict=True)]
    notes = [line for note in shown["notes"] for line in (note, "")]
    return Table(header, rows, [*notes, *_flag_lines(shown)], data)


def reference_table(shown: Mapping[str, Any]) -> Table | None:
    """The rows of published predictions, in the columns that they have; None where there are none."""
    references = [row for row in shown["rows"] if row["reference"]]
    if not references:
        return None
    keys = {column["key"] for row in references for column, _ in _evaluated(shown, row)}
    columns = [column for column in shown["columns"] if column["key"] in keys]
    rows = [
        [row["name"], row["model"], *(_cell(row["cells"][column["key"]], column["unit"], 1) for column in columns)]
        for row in references
    ]
    notes = [
        f"{REFERENCE[0].upper()}{REFERENCE[1:]}: one model a row, on the examples of the same column above. They have "
        "no part in ranks, differences and the correction of p."
    ]
    return Table(["reference", "model", *(column["title"] for column in columns)], rows, notes)


def _evaluated(shown: Mapping[str, Any], row: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """A row's figures with their columns, where it has one."""
    cells = [(column, row["cells"][column["key"]]) for column in shown["columns"]]
    return [(column, figure) for column, figure in cells if figure["value"] is not None]


def against_table(shown: Mapping[str, Any]) -> Table | None:
    """Each row against the baseline, None where there is nothing to compare."""
    columns = [c for c in shown["columns"] if any(row["cells"][c["key"]]["difference"] for row in shown["rows"])]
    rows = [
        [row["name"], *(_difference(row["cells"][column["key"]]["difference"]) for column in columns)]
        for row in shown["rows"]
        if row["name"] != shown["baseline"] and not row["reference"]
    ]
    if not columns or not rows:
        return None
    notes = [
        "Mean difference in points with its 95% interval, and p after Holm; **bold** where p is below .05. Each seed's "
        "own difference with its exact McNemar p is in table.json."
    ]
    return Table(["row", *(column["title"] for column in columns)], rows, notes)


def _readme(shown: Mapping[str, Any], table: Table) -> str:
    text = [f"# {shown['title']}", "", shown["about"], ""]
    text += ["[index.html](index.html) is the same as a page with plots and the examples behind each cell.", ""]
    text += [table.render("markdown").strip(), ""]
    references = reference_table(shown)
    if references is not None:
        text += ["## References", "", references.render("markdown").strip(), ""]
    against = against_table(shown)
    if against is not None:
        text += [f"## Against `{shown['baseline']}`", "", against.render("markdown").strip(), ""]
    if shown["reading"]:
        text += ["## What it means", "", shown["reading"], ""]
    text += ["## How it was made", ""]
    for names, settings in provenance(shown["rows"]):
        text += [f"- {', '.join(map(code, names))}: {prose(settings)}."]
    text += [f"- Versions: {prose(versions)}." for versions in shown["versions"]]
    text += [f"- {code(signature)}" for signature in shown["signatures"]]
    text += ["- `alumbench leaderboard build` on this folder recomputes all of it from `results/` and `records/`;"]
    text += ["  `alumbench leaderboard check` says whether it is what they make.", ""]
    return "\n".join(text)


def _key(shown: Mapping[str, Any], title: str) -> str:
    return str(next(column["key"] for column in shown["columns"] if column["title"] == title))


def _cell(figure: Mapping[str, Any], unit: str, seeds: int) -> str:
    if figure["value"] is None:
        return f"– ({figure['reason']})"
    some = f" ({figure['seeds']} of {seeds} seeds)" if figure["seeds"] < seeds else ""
    failed = sum(figure["counts"].get(name, 0) for name in ("error", "timeout"))
    some += f" ({failed} errors or timeouts)" if failed else ""
    if unit != "percent":
        digits = 2 if unit == "ratio" else 3
        sd = "" if figure["sd"] is None else f" ± {figure['sd']:.{digits}f}"
        return f"{figure['value']:.{digits}f}{sd}{some}"
    spread = "" if figure["sd"] is None else f" ± {percent(figure['sd'])}"
    interval = "" if figure["low"] is None else f" [{percent(figure['low'])}–{percent(figure['high'])}]"
    return percent(figure["value"]) + spread + interval + some


def _difference(found: Mapping[str, Any] | None) -> str:
    if found is None or found["value"] is None:
        return "–"
    text = signed(found["value"])
    text += "" if found["low"] is None else f" [{signed(found['low'])}, {signed(found['high'])}]"
    text += "" if found["p_holm"] is None else f" (p {found['p_holm']:.3f})"
    return f"**{text}**" if found["distinct"] else text


def _figure(row: Mapping[str, Any], column: Mapping[str, Any], figure: Mapping[str, Any]) -> dict[str, Any]:
    """A cell as a line of the CSV and an item of the JSON."""
    names = ("value", "low", "high", "sd", "min", "max", "n", "seeds", "rank", "reason")
    difference = figure["difference"] or {}
    return {
        "row": row["name"],
        "column": column["title"],
        "entry": column["entry"],
        "measure": column["measure"],
        "group": column["group"],
        "role": column["role"],
        **{name: figure[name] for name in names},
        "relative_drop": (figure["relative_drop"] or {}).get("value"),
        **{f"difference_{name}": difference.get(name) for name in ("value", "low", "high", "p", "p_holm")},
        "difference_by_seed": "; ".join(
            f"seed {one['seed']}: {signed(one['value'])} (p {one['p']:.3f})" for one in difference.get("by_seed", [])
        ),
        **{
            outcome: figure["counts"].get(outcome)
            for outcome in ("robust", "broken", "already_wrong", "error", "timeout")
        },
        "signature": figure["signature"],
        "flags": "; ".join(flag["flag"] for flag in row["flags"] if flag["entry"] in ("", column["entry"])),
    }


def _flag_lines(shown: Mapping[str, Any]) -> list[str]:
    """One line a flag: which rows and seeds have it, and what was found at the first."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for row in sorted(shown["rows"], key=lambda row: str(row["name"])):
        for flag in row["flags"]:
            where = f"{prose(row['name'])} {' '.join(map(str, flag['seeds']))}"
            found.setdefault((flag["flag"], flag["entry"]), []).append((where, prose(flag["detail"])))
    lines = []
    for (name, about), rows in sorted(found.items()):
        where = ", ".join(row for row, _ in rows)
        lines.append(f"- **{name}**{f', {prose(about)}' if about else ''}: {rows[0][1]} (row and seeds: {where})")
    return ["Flags, each with what was found at the first row that has it:", "", *lines] if lines else []
