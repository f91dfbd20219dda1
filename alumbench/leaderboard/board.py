"""One leaderboard: a folder with `board.toml`, entries as JSON with their records, and what is built from them.

```
leaderboards/sst2-minilm/
  board.toml              title, tasks, suites, columns, baseline
  results/*.json          one checkpoint each, with the hash of its records
  records/*.jsonl.gz      every example's outcome and adversarial text; original texts only by their hash
  README.md table.csv table.json table.tex index.html     built, never edited
```

No figure is copied from an entry: `build` recomputes each from the records, and refuses if they differ.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from alumbench.formatting import format_compared, format_difference, format_interval, format_p, format_share
from alumbench.leaderboard.validate import load
from alumbench.leaderboard.view import REFERENCE, provenance, view
from alumbench.reports.escaping import code, prose
from alumbench.reports.html import page
from alumbench.reports.table import Table
from alumbench.reports.view import Cell, Difference, SetSearch, View, ViewColumn, ViewRow
from alumbench.storage import write_text

#: Endings of a figure's columns, and its fields.
ENDS = {"": "value", "_low": "low", "_high": "high", "_n": "n"}
BUILT = ("README.md", "table.csv", "table.json", "table.tex", "index.html")


def build(folder: Path) -> Table:
    """Rebuilds all files of `BUILT` from the entries; the same entries give the same bytes, in any order.

    Raises:
        AlumbenchError: An entry's records are missing or changed, or do not give its figures.
    """
    table, built = _built(folder)
    for name, text in built.items():
        write_text(folder / name, text)
    return table


def outdated(folder: Path) -> list[str]:
    """Built files that differ from what `build` would make, one line each; none if nothing was built yet.

    Raises:
        AlumbenchError: As `build`.
    """
    there = {name: folder / name for name in BUILT if (folder / name).exists()}
    if not there:
        return []
    _, built = _built(folder)
    return [
        f"{folder / name}: does not follow from its entries; run 'alumbench leaderboard build {folder}'"
        for name, text in built.items()
        if name not in there or there[name].read_bytes() != text.encode()
    ]


def _built(folder: Path) -> tuple[Table, dict[str, str]]:
    board, entries = load(folder)
    shown = view(board, entries)
    table, references = main_table(shown, board.tall), reference_table(shown)
    latex = [one.render("latex") for one in (table, references) if one is not None]
    forms = {"table.csv": table.render("csv"), "table.json": table.render("json"), "table.tex": "\n".join(latex)}
    html = page(replace(shown, downloads={"csv": forms["table.csv"], "json": forms["table.json"]}))
    return table, {"README.md": _readme(shown, table), **forms, "index.html": html}


def main_table(shown: View, tall: bool = False) -> Table:
    """The board's table: rows by columns, or columns downwards if `tall`; references are in its data only.

    Args:
        shown: the board's view.
        tall: whether to list columns downwards.
    """
    columns = shown.columns
    rows: list[list[str]] = []
    data: list[dict[str, object]] = []
    marked = any(row.reference for row in shown.rows)
    for row in shown.rows:
        mark: dict[str, object] = {"reference": row.reference} if marked else {}
        if row.reference:
            data += [_figure(row, column, figure) | mark for column, figure in _evaluated(shown, row)]
            continue
        rank = row.cells[_key(shown, shown.rank)].rank if shown.rank else None
        cells = ["" if rank is None else str(rank)] if shown.rank else []
        cells += [row.name, str(len(row.seeds)) + (" (single seed)" if row.single_seed else "")]
        for column in columns:
            figure = row.cells[column.key]
            cells.append(_cell(figure, column.unit, len(row.seeds)))
            data.append(_figure(row, column, figure) | mark)
        rows.append(cells)
    header = [*(["rank"] if shown.rank else []), "row", "seeds", *(column.title for column in columns)]
    if tall:
        header, *rows = [list(line) for line in zip(header, *rows, strict=True)]
    notes = [line for note in shown.notes for line in (note, "")]
    return Table(header, rows, [*notes, *_flag_lines(shown)], data)


def reference_table(shown: View) -> Table | None:
    """The rows of published predictions, with the columns they have; None without such rows."""
    references = [row for row in shown.rows if row.reference]
    if not references:
        return None
    keys = {column.key for row in references for column, _ in _evaluated(shown, row)}
    columns = [column for column in shown.columns if column.key in keys]
    rows = [
        [row.name, row.model, *(_cell(row.cells[column.key], column.unit, 1) for column in columns)]
        for row in references
    ]
    notes = [
        f"{REFERENCE[0].upper()}{REFERENCE[1:]}: one model per row, on the examples of the same column above. They "
        "are not part of the ranks, the differences or the correction of p."
    ]
    return Table(["reference", "model", *(column.title for column in columns)], rows, notes)


def _evaluated(shown: View, row: ViewRow) -> list[tuple[ViewColumn, Cell]]:
    """A row's figures with their columns; columns without a figure are left out."""
    cells = [(column, row.cells[column.key]) for column in shown.columns]
    return [(column, figure) for column, figure in cells if figure.value is not None]


def against_table(shown: View) -> Table | None:
    """Each row compared with the baseline; None if there is nothing to compare."""
    columns = [c for c in shown.columns if any(row.cells[c.key].difference for row in shown.rows)]
    rows = [
        [row.name, *(_difference(row.cells[column.key].difference) for column in columns)]
        for row in shown.rows
        if row.name != shown.baseline and not row.reference
    ]
    if not columns or not rows:
        return None
    notes = [
        "Mean difference in points with its 95% interval and Holm-corrected p; **bold** where p is below .05. "
        "Each seed's "
        "own difference with its exact McNemar p is in table.json."
    ]
    return Table(["row", *(column.title for column in columns)], rows, notes)


def _readme(shown: View, table: Table) -> str:
    text = [f"# {shown.title}", "", shown.about, ""]
    text += ["[index.html](index.html) shows this board with plots and the examples behind each cell.", ""]
    text += [table.render("markdown").strip(), ""]
    references = reference_table(shown)
    if references is not None:
        text += ["## References", "", references.render("markdown").strip(), ""]
    against = against_table(shown)
    if against is not None:
        text += [f"## Against `{shown.baseline}`", "", against.render("markdown").strip(), ""]
    if shown.reading:
        text += ["## What it means", "", shown.reading, ""]
    text += ["## How it was made", ""]
    for names, settings in provenance(shown.rows):
        text += [f"- {', '.join(map(code, names))}: {prose(settings)}."]
    text += [f"- Versions: {prose(versions)}." for versions in shown.versions]
    text += [f"- {code(signature)}" for signature in shown.signatures]
    text += ["- `alumbench leaderboard build` on this folder recomputes all of it from `results/` and `records/`;"]
    text += ["  `alumbench leaderboard check` verifies that nothing differs.", ""]
    return "\n".join(text)


def _key(shown: View, title: str) -> str:
    return next(column.key for column in shown.columns if column.title == title)


def _cell(figure: Cell, unit: str, seeds: int) -> str:
    if figure.value is None:
        return f"– ({figure.reason})"
    some = f" ({figure.seeds} of {seeds} seeds)" if figure.seeds < seeds else ""
    failed = sum(figure.counts.get(name, 0) for name in ("error", "timeout"))
    some += f" ({failed} errors or timeouts)" if failed else ""
    if unit != "percent":
        digits = 2 if unit == "ratio" else 3
        sd = "" if figure.sd is None else f" ± {figure.sd:.{digits}f}"
        return f"{figure.value:.{digits}f}{sd}{some}"
    spread = "" if figure.sd is None else f" ± {format_share(figure.sd)}"
    interval = "" if figure.low is None else f" {format_interval(figure.low, figure.high)}"
    return format_share(figure.value) + spread + interval + some


def _difference(found: Difference | None) -> str:
    if found is None or found.value is None:
        return "–"
    text = format_compared(found.value, found.low, found.high)
    text += "" if found.p_holm is None else f" (p {format_p(found.p_holm)})"
    return f"**{text}**" if found.distinct else text


def _figure(row: ViewRow, column: ViewColumn, figure: Cell) -> dict[str, object]:
    """A cell as a CSV line and a JSON item."""
    names = ("value", "low", "high", "sd", "min", "max", "n", "seeds", "rank", "reason")
    difference = figure.difference
    return {
        "row": row.name,
        "column": column.title,
        "entry": column.entry,
        "measure": column.measure,
        "group": column.group,
        "role": column.role,
        **{name: getattr(figure, name) for name in names},
        "relative_drop": figure.relative_drop.value if figure.relative_drop else None,
        **{f"difference_{name}": getattr(difference, name, None) for name in ("value", "low", "high", "p", "p_holm")},
        "difference_by_seed": "; ".join(
            f"seed {one.seed}: {format_difference(one.value)}" + ("" if one.p is None else f" (p {format_p(one.p)})")
            for one in (difference.by_seed if difference else ())
        ),
        **{
            outcome: figure.counts.get(outcome) for outcome in ("robust", "broken", "already_wrong", "error", "timeout")
        },
        **(_of_set(figure.searched) if figure.searched else {}),
        "signature": figure.signature,
        "flags": "; ".join(flag.flag for flag in row.flags if flag.entry in ("", column.entry)),
    }


def _of_set(searched: SetSearch) -> dict[str, object]:
    """How far an attack within a threat model came; only boards with such attacks have these columns."""
    optimality, queries = searched.optimality, searched.query_share
    return {
        "threat_model": searched.threat_model,
        "median_degree": searched.median_degree,
        "empty_sets": searched.empty_sets,
        "exhausted": searched.exhausted,
        **{f"optimality{end}": getattr(optimality, name, None) for end, name in ENDS.items()},
        "query_share": queries.value if queries else None,
    }


def _flag_lines(shown: View) -> list[str]:
    """One line per flag: the rows and seeds that have it, and the finding for the first."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for row in sorted(shown.rows, key=lambda row: row.name):
        for flag in row.flags:
            where = f"{prose(row.name)} {' '.join(map(str, flag.seeds))}"
            found.setdefault((flag.flag, flag.entry), []).append((where, prose(flag.detail)))
    lines = []
    for (name, about), rows in sorted(found.items()):
        where = ", ".join(row for row, _ in rows)
        lines.append(f"- **{name}**{f', {prose(about)}' if about else ''}: {rows[0][1]} (row and seeds: {where})")
    return ["Flags, each with the finding for the first row that has it:", "", *lines] if lines else []
