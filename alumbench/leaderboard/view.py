"""The view of a board: its page, tables and report are made only from it."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from alumbench.errors import AlumbenchError, unknown
from alumbench.evaluation.optimality import QUERY_SHARE
from alumbench.evaluation.reliability_flags import AT_CHANCE
from alumbench.evaluation.results import EntryResult
from alumbench.formatting import format_difference, format_measure, format_share
from alumbench.leaderboard.cells import cell
from alumbench.leaderboard.compare import power_line
from alumbench.leaderboard.config import ROLES, TRAINING, Board, Column
from alumbench.leaderboard.curves import degree_curves, query_curves, security_curve
from alumbench.leaderboard.entries import BoardEntry
from alumbench.leaderboard.measures import LOWER_IS_BETTER, paired_by, words_of_measure
from alumbench.leaderboard.significance import (
    Compared,
    compare_rows,
    correct,
    effective_robustness_of,
    too_many_to_rank,
)
from alumbench.leaderboard.submission import Reference
from alumbench.models.checkpoint.provenance import Training
from alumbench.reports.escaping import code
from alumbench.reports.view import (
    Cell,
    Cost,
    Curves,
    EffectiveRobustness,
    RowFlag,
    SetSearch,
    View,
    ViewColumn,
    ViewRow,
)
from alumbench.statistics import detectable_difference
from alumbench.statistics.bootstrap import DRAWS

#: The note on a reference row, wherever it is shown.
REFERENCE = "published predictions, scored here; not trained or run by us"
#: Measures that are not shares, and their units.
UNITS = {
    "training_cost": "ratio",
    "training_seconds": "number",
    "embedding_growth": "number",
    QUERY_SHARE: "number",
    **dict.fromkeys(("f1", "matthews_correlation", "pearson", "spearman"), "number"),
}


def view(board: Board, entries: Sequence[BoardEntry]) -> View:
    """The view of a board.

    Args:
        board: its settings.
        entries: checked ones, by row and seed.

    Raises:
        AlumbenchError: The baseline names no row.
    """
    rows: dict[str, list[BoardEntry]] = {}
    references: dict[str, list[BoardEntry]] = {}  # kept apart: they take no part in ranks and differences
    for entry in sorted(entries, key=lambda e: (e.row != board.baseline, e.row, e.seed)):
        (rows if entry.reference is None else references).setdefault(entry.row, []).append(entry)
    if board.baseline and board.baseline not in rows and (rows or not references):
        raise AlumbenchError(f"{board.folder / 'board.toml'}: baseline: {unknown('row', board.baseline, rows)}")
    baseline = rows.get(board.baseline, [])
    shown = [_row(board, name, members, baseline) for name, members in rows.items()]
    cited = [_row(board, name, members, ()) for name, members in references.items()]
    columns = [_column(column, [*shown, *cited], entries) for column in board.columns]
    idle = [row.name for row in shown if any(flag.flag == AT_CHANCE for flag in row.flags)]
    compared = {c.key: compare_rows(rows, c, board.baseline, idle) for c in board.columns if paired_by(c.measure)}
    shown = _with_comparisons(shown, compared)
    ranking = board.rank_column
    if ranking is not None:
        shown.sort(key=lambda row: _by_rank(row.cells[ranking.key], row.name))
    x, y = _scatter(board)
    line = effective_robustness_of(rows, x, y, board.baseline)
    return View(
        title=board.title,
        about=board.about.strip(),
        reading=board.reading.strip(),
        baseline=board.baseline,
        rank=board.rank,
        columns=columns,
        rows=[*shown, *cited],
        scatter=(x.key, y.key) if x and y else None,
        effective_robustness=line,
        notes=[*_notes(board, columns, shown, idle), _effective(line)],
        provenance=[", ".join(names) + ": " + settings for names, settings in provenance([*shown, *cited])],
        versions=_versions(entries),
        signatures=sorted({part.signature for e in entries for part in e.columns.values()}),
    )


def _with_comparisons(rows: Sequence[ViewRow], compared: Mapping[str, Mapping[str, Compared]]) -> list[ViewRow]:
    """The rows with ranks and differences, with p corrected over the table."""
    found = {(row.name, key): compared[key][row.name] for row in rows for key in row.cells if key in compared}
    corrected = correct(found)
    return [
        replace(
            row,
            cells={
                key: replace(cell, **vars(corrected[row.name, key])) if key in compared else cell
                for key, cell in row.cells.items()
            },
        )
        for row in rows
    ]


def provenance(rows: Sequence[ViewRow]) -> list[tuple[list[str], str]]:
    """Rows' names and how they were made; references that were published together share an item."""
    found: list[tuple[list[str], str]] = []
    for row in rows:
        if found and row.reference and found[-1][1] == row.settings:
            found[-1][0].append(row.name)
        else:
            found.append(([row.name], row.settings))
    return found


def _row(board: Board, name: str, members: Sequence[BoardEntry], baseline: Sequence[BoardEntry]) -> ViewRow:
    # Parallel runs slow each other down; a board that vouches for its times has a column for them.
    told = any(column.measure == "training_cost" for column in board.columns)
    devices = {member.training.device for member in members if member.training}
    first = members[0]
    row = ViewRow(
        name=name,
        task=first.task,
        seeds=sorted(member.seed for member in members if member.reference is None),
        flags=_flags(members),
        cells={column.key: cell(column, members, baseline) for column in board.columns},
        curves=Curves(security_curve(members), query_curves(members), degree_curves(members)),
        cost=Cost(
            _mean(member.cost_over(baseline) for member in members) if told else None,
            _mean(member.training_time for member in members) if told else None,
            "several devices" if len(devices) > 1 else "".join(devices),
        ),
    )
    if first.reference is not None:
        return _cited(row, first.reference)
    return row if first.training is None else _trained(row, first.training)


def _trained(row: ViewRow, training: Training) -> ViewRow:
    """A row with how its checkpoints were made."""
    model, method = training.model.name, training.method.name
    parameters = ", ".join(f"{k} {v}" for k, v in training.method.parameters.items())
    settings = ", ".join(f"{k} {v}" for k, v in training.settings.items() if k != "trainer" or v)
    return replace(
        row,
        method=method,
        model=model,
        parameters=parameters,
        settings=f"{model}, method {method} ({parameters or 'no parameters'}); {settings}; "
        f"{training.data.train.examples} training examples; trained on {training.device}",
    )


def _cited(row: ViewRow, reference: Reference) -> ViewRow:
    """A row with the source of its predictions."""
    parts = [REFERENCE, reference.published, reference.url, reference.licence, reference.note]
    return replace(
        row, reference=REFERENCE, model=reference.model or "", settings="; ".join(part for part in parts if part)
    )


def _mean(figures: Iterable[float | None]) -> float | None:
    found = [figure for figure in figures if figure is not None]
    return statistics.fmean(found) if found else None


def _flags(members: Sequence[BoardEntry]) -> list[RowFlag]:
    """Each flag once, with the seeds that have it and the finding for the first."""
    found: dict[tuple[str, str], RowFlag] = {}
    for member in members:
        for flag in member.flags():
            first = found.get((flag.flag, flag.entry), RowFlag(flag.flag, flag.entry, flag.detail))
            found[flag.flag, flag.entry] = replace(first, seeds=[*first.seeds, member.seed])
    return [found[key] for key in sorted(found)]


def _column(column: Column, rows: Sequence[ViewRow], entries: Sequence[BoardEntry]) -> ViewColumn:
    sizes = sorted({row.cells[column.key].n for row in rows} - {0})
    evaluated = [e for e in entries if column.task in ("", e.task) and column.entry in e.columns]
    described = [e.columns[column.entry] for e in evaluated]
    first = described[0] if described else None
    about = words_of_measure(column.measure)
    if column.entry == TRAINING:
        about += ", of the checkpoint"
    elif sizes:
        about += f", n={sizes[0]}" + (f"–{sizes[-1]}" if sizes[-1] != sizes[0] else "")
    return ViewColumn(
        key=column.key,
        title=column.title,
        task=column.task or (evaluated or entries)[0].task,
        entry=column.entry,
        measure=column.measure,
        group=column.group,
        role=column.role,
        about=about,
        higher_is_better=column.measure not in LOWER_IS_BETTER,
        unit=UNITS.get(column.measure, "percent"),
        n=(sizes[0], sizes[-1]) if sizes else (0, 0),
        note=(first.note or "") if isinstance(first, EntryResult) else "",
        detectable=detectable_difference(sizes[0]) if sizes and paired_by(column.measure) else None,
    )


def _by_rank(shown: Cell, name: str) -> tuple[bool, float, float, str]:
    return shown.value is None, shown.rank or math.inf, -(shown.value or 0.0), name


def _scatter(board: Board) -> tuple[Column | None, Column | None]:
    """The columns of the scatter plot: clean examples, and the worst case that the board has."""
    first = {role: next((c for c in board.columns if c.role == role), None) for role in ROLES}
    return first["generalization"], first["worst_case"] or board.rank_column or first["robustness"]


def _notes(board: Board, columns: Sequence[ViewColumn], rows: Sequence[ViewRow], idle: Sequence[str]) -> list[str]:
    sizes = {n for column in columns for n in column.n if column.unit == "percent"}
    notes = [
        "Percent; mean over training seeds ± standard deviation between them, then a Wilson 95% interval for the mean "
        "at n examples (seeds share the examples, so they do not add to n).",
        "Columns: " + "; ".join(f"**{column.title}**: {column.about}" for column in columns) + ".",
    ]
    if board.baseline:
        notes.append(
            f"Differences are to `{board.baseline}`, on the same examples and seeds, with a bootstrap interval over "
            "seeds and examples together (Multi-Bootstrap; examples with the same first text are drawn together); p is "
            "corrected over all of the table's differences (Holm)."
        )
        seeds = {row.name: row.seeds for row in rows}
        if others := [code(name) for name, own in seeds.items() if own != seeds[board.baseline]]:
            notes.append(
                f"Trained with other seeds than `{board.baseline}`: {', '.join(others)}; their mean is compared "
                f"with its "
                "mean over all of its seeds."
            )
    if board.rank:
        notes.append(
            f"Ordered by **{board.rank}**. A rank is one more than the number of rows that are significantly "
            f"better (5%, "
            "Holm over the column); rows with the same rank are tied."
        )
    ranking = board.rank_column
    ranked = 0 if ranking is None else sum(row.cells[ranking.key].rank is not None for row in rows)
    if too_many_to_rank(ranked):
        notes.append(
            f"No two of {ranked} ranked rows can differ significantly ({DRAWS:,} draws give a p of at least "
            f"{2 / DRAWS:g}, "
            "which Holm multiplies by the number of pairs); all share rank 1 and are ordered by their figures."
        )
    if board.rank and idle:
        notes.append(
            f"Not ranked, because a checkpoint of the row is no more accurate than a constant answer, which no attack "
            f"can change: {', '.join(map(code, idle))}."
        )
    return [*notes, *_of_sets(columns, rows), power_line(sizes)]


def _of_sets(columns: Sequence[ViewColumn], rows: Sequence[ViewRow]) -> list[str]:
    """How far the searches within threat models came, a column a line."""
    lines = []
    for column in columns:
        found = {row.name: searched for row in rows if (searched := row.cells[column.key].searched)}
        if found:
            at = next(iter(found.values())).threat_model
            told = "; ".join(f"{code(name)} {_of_set(searched)}" for name, searched in found.items())
            lines.append(f"**{column.title}**, within {code(at)}: {told}.")
    return lines


def _of_set(searched: SetSearch) -> str:
    parts = ["nothing found" if searched.median_degree is None else f"median degree {searched.median_degree:g}"]
    if searched.exhausted:
        parts.append(f"{searched.exhausted} of {searched.robust} robust examples exact, as all members were scored")
    parts += [f"{searched.empty_sets} sets empty"] if searched.empty_sets else []
    optimality, queries = searched.optimality, searched.query_share
    if optimality and optimality.value is not None:
        share = format_measure(optimality.value, optimality.low, optimality.high)
        at = f" at {format_share(queries.value)}% of its queries" if queries and queries.value is not None else ""
        parts.append(f"optimality {share}{at}")
    return ", ".join(parts)


def _effective(line: EffectiveRobustness) -> str:
    if line.reason:
        return f"Effective robustness (Taori et al. 2020) is not reported: {line.reason}."
    told = ", ".join(f"{name} {format_difference(value)}" for name, value in line.values.items())
    return f"Effective robustness (Taori et al. 2020), points above what clean accuracy predicts: {told}."


def _versions(entries: Sequence[BoardEntry]) -> list[str]:
    made = [evaluation.versions for entry in entries for evaluation in entry.content.evaluations]
    every = sorted({json.dumps(versions, sort_keys=True) for versions in made})
    return [", ".join(f"{name} {version}" for name, version in json.loads(one).items()) for one in every]
