"""All that a board shows, as one value that JSON can hold: its page, tables and report are made from it alone."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from alumbench.errors import AlumbenchError, unknown
from alumbench.evaluation.reliability import AT_CHANCE
from alumbench.leaderboard.cells import cell
from alumbench.leaderboard.compare import LOWER_IS_BETTER, MEASURES, PAIRED, power_line
from alumbench.leaderboard.contrast import NOT_COMPARED, compare_rows, correct, effective_robustness_of
from alumbench.leaderboard.curves import query_curves, security_curve
from alumbench.leaderboard.entries import Entry
from alumbench.leaderboard.inert import code
from alumbench.leaderboard.settings import ROLES, TRAINING, Board, Column
from alumbench.leaderboard.table import signed
from alumbench.statistics import detectable_difference

#: What a reference row says of itself wherever it is shown.
REFERENCE = "published predictions, scored here; not trained or run by us"
#: Measures that are no shares, and what they are in.
UNITS = {
    "training_cost": "ratio",
    "training_seconds": "number",
    "embedding_growth": "number",
    **dict.fromkeys(("f1", "matthews_correlation", "pearson", "spearman"), "number"),
}


def view(board: Board, entries: Sequence[Entry]) -> dict[str, Any]:
    """The view of a board.

    Args:
        board: its settings.
        entries: checked ones, by row and seed.

    Raises:
        AlumbenchError: The baseline names no row.
    """
    rows: dict[str, list[Entry]] = {}
    references: dict[str, list[Entry]] = {}  # beside the others: they have no part in ranks and differences
    for entry in sorted(entries, key=lambda e: (e.row != board.baseline, e.row, e.seed)):
        (rows if entry.reference is None else references).setdefault(entry.row, []).append(entry)
    if board.baseline and board.baseline not in rows and (rows or not references):
        raise AlumbenchError(f"{board.folder / 'board.toml'}: baseline: {unknown('row', board.baseline, rows)}")
    baseline = rows.get(board.baseline, [])
    shown = [_row(board, name, members, baseline) for name, members in rows.items()]
    cited = [_row(board, name, members, ()) for name, members in references.items()]
    columns = [_column(column, [*shown, *cited], entries) for column in board.columns]
    idle = [row["name"] for row in shown if any(flag["flag"] == AT_CHANCE for flag in row["flags"])]
    for column in board.columns:
        if column.measure in PAIRED:
            found = compare_rows(rows, column, board.baseline, idle)
            for row in shown:
                row["cells"][column.key] |= found[row["name"]]
    correct(shown)
    ranking = board.rank_column
    if ranking is not None:
        shown.sort(key=lambda row: _by_rank(row["cells"][ranking.key], row["name"]))
    x, y = _scatter(board)
    line = effective_robustness_of(rows, x, y, board.baseline)
    return {
        "title": board.title,
        "about": board.about.strip(),
        "reading": board.reading.strip(),
        "baseline": board.baseline,
        "rank": board.rank,
        "columns": columns,
        "rows": [*shown, *cited],
        "scatter": {"x": x.key, "y": y.key} if x and y else None,
        "effective_robustness": line,
        "notes": [*_notes(board, columns, shown, idle), _effective(line)],
        "provenance": [", ".join(names) + ": " + settings for names, settings in provenance([*shown, *cited])],
        "versions": _versions(entries),
        "signatures": sorted({part["signature"] for e in entries for part in e.columns.values()}),
    }


def provenance(rows: Sequence[Mapping[str, Any]]) -> list[tuple[list[str], str]]:
    """How rows came to be, with their names: references that were published together in one."""
    found: list[tuple[list[str], str]] = []
    for row in rows:
        if found and row["reference"] and found[-1][1] == row["settings"]:
            found[-1][0].append(row["name"])
        else:
            found.append(([row["name"]], row["settings"]))
    return found


def _row(board: Board, name: str, members: Sequence[Entry], baseline: Sequence[Entry]) -> dict[str, Any]:
    reference = members[0].reference
    made = _trained(members[0].training) if reference is None else _cited(reference)
    seeds = sorted(member.seed for member in members if reference is None)
    # Runs beside each other take longer than they cost; a board that vouches for its times has a column for them.
    told = any(column.measure == "training_cost" for column in board.columns)
    devices = {member.training["device"] for member in members if reference is None}
    return {
        "name": name,
        "task": members[0].task,
        **made,
        "seeds": seeds,
        "single_seed": len(seeds) == 1,
        "flags": _flags(members),
        "cells": {column.key: {**NOT_COMPARED, **cell(column, members, baseline)} for column in board.columns},
        "curves": {"security": security_curve(members), "queries": query_curves(members)},
        "cost": {
            "training_ratio": _mean(member.cost_over(baseline) for member in members) if told else None,
            "seconds": _mean(member.training_time for member in members) if told else None,
            "device": "several devices" if len(devices) > 1 else "".join(devices),
        },
    }


def _trained(training: Mapping[str, Any]) -> dict[str, str]:
    """How a row's checkpoints came to be."""
    parameters = ", ".join(f"{k} {v}" for k, v in training["method"]["parameters"].items())
    settings = ", ".join(f"{k} {v}" for k, v in training["settings"].items() if k != "trainer" or v)
    return {
        "reference": "",
        "method": training["method"]["name"],
        "model": training["model"]["name"],
        "parameters": parameters,
        "settings": f"{training['model']['name']}, method {training['method']['name']} "
        f"({parameters or 'no parameters'}); {settings}; {training['data']['train']['examples']} training examples; "
        f"trained on {training['device']}",
    }


def _cited(reference: Mapping[str, Any]) -> dict[str, str]:
    """Where a reference's predictions came from."""
    parts = [REFERENCE, reference["published"], *(reference.get(name) for name in ("url", "licence", "note"))]
    return {
        "reference": REFERENCE,
        "method": "",
        "model": str(reference.get("model", "")),
        "parameters": "",
        "settings": "; ".join(filter(None, parts)),
    }


def _mean(figures: Iterable[float | None]) -> float | None:
    found = [figure for figure in figures if figure is not None]
    return statistics.fmean(found) if found else None


def _flags(members: Sequence[Entry]) -> list[dict[str, Any]]:
    """Each flag once, with the seeds that have it and what was found at the first."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for member in members:
        for flag in member.flags():
            found.setdefault((flag["flag"], flag["entry"]), {**flag, "seeds": []})["seeds"].append(member.seed)
    return [found[key] for key in sorted(found)]


def _column(column: Column, rows: Sequence[Mapping[str, Any]], entries: Sequence[Entry]) -> dict[str, Any]:
    sizes = sorted({row["cells"][column.key]["n"] for row in rows} - {0})
    evaluated = [e for e in entries if column.task in ("", e.task) and column.entry in e.columns]
    described = [e.columns[column.entry] for e in evaluated]
    about = MEASURES[column.measure]
    if column.entry == TRAINING:
        about += ", of the checkpoint itself"
    elif sizes:
        about += f", n={sizes[0]}" + (f"–{sizes[-1]}" if sizes[-1] != sizes[0] else "")
    return {
        "key": column.key,
        "title": column.title,
        "task": column.task or (evaluated or entries)[0].task,
        "entry": column.entry,
        "measure": column.measure,
        "group": column.group,
        "role": column.role,
        "about": about,
        "higher_is_better": column.measure not in LOWER_IS_BETTER,
        "unit": UNITS.get(column.measure, "percent"),
        "n": [sizes[0], sizes[-1]] if sizes else [0, 0],
        "note": described[0].get("note", "") if described else "",
        "detectable": detectable_difference(sizes[0]) if sizes and column.measure in PAIRED else None,
    }


def _by_rank(shown: Mapping[str, Any], name: str) -> tuple[bool, float, float, str]:
    value = shown["value"]
    return value is None, shown["rank"] or math.inf, -(value or 0.0), name


def _scatter(board: Board) -> tuple[Column | None, Column | None]:
    """What a model does on clean examples, and what it does under the worst that the board has."""
    first = {role: next((c for c in board.columns if c.role == role), None) for role in ROLES}
    return first["generalization"], first["worst_case"] or board.rank_column or first["robustness"]


def _notes(
    board: Board, columns: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]], idle: Sequence[str]
) -> list[str]:
    sizes = {n for column in columns for n in column["n"] if column["unit"] == "percent"}
    notes = [
        "Percent; mean over training seeds ± standard deviation between them, then a Wilson 95% interval for the mean "
        "at n examples (seeds share the examples, so they do not add to n).",
        "Columns: " + "; ".join(f"**{column['title']}**: {column['about']}" for column in columns) + ".",
    ]
    if board.baseline:
        notes.append(
            f"Differences are to `{board.baseline}`, on the same examples and seeds, with a bootstrap interval over "
            "seeds and examples together (Multi-Bootstrap; examples with the same first text are drawn together); p is "
            "corrected over all of the table's differences (Holm)."
        )
        seeds = {row["name"]: row["seeds"] for row in rows}
        if others := [code(name) for name, own in seeds.items() if own != seeds[board.baseline]]:
            notes.append(
                f"Not on the seeds of `{board.baseline}`: {', '.join(others)}; their mean is held against that of all "
                "of its seeds."
            )
    if board.rank:
        notes.append(
            f"Ordered by **{board.rank}**. A rank is one more than the rows that are better beyond chance (5%, Holm "
            "over the column); rows of one rank are tied."
        )
    if board.rank and idle:
        notes.append(
            f"Without a rank, since a checkpoint of theirs answers no better than one label for all would, and has "
            f"nothing to lose to an attack: {', '.join(map(code, idle))}."
        )
    return [*notes, power_line(sizes)]


def _effective(line: Mapping[str, Any]) -> str:
    if line["reason"]:
        return f"Effective robustness (Taori et al. 2020) is withheld: {line['reason']}."
    told = ", ".join(f"{name} {signed(value)}" for name, value in line["values"].items())
    return f"Effective robustness (Taori et al. 2020), points above what clean accuracy predicts: {told}."


def _versions(entries: Sequence[Entry]) -> list[str]:
    made = [evaluation["versions"] for entry in entries for evaluation in entry.content["evaluations"]]
    every = sorted({json.dumps(versions, sort_keys=True) for versions in made})
    return [", ".join(f"{name} {version}" for name, version in json.loads(one).items()) for one in every]
