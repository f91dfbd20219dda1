"""What the boards' records say of each part of each claim."""

from __future__ import annotations

import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from alumbench.claims.settings import CLAIMS, Claim, Claims, Part
from alumbench.claims.verdict import SEEDS, UNMEASURED, line, of_claim, verdict
from alumbench.config import check
from alumbench.errors import AlumbenchError, unknown
from alumbench.evaluation.geometry_file import read_geometry
from alumbench.leaderboard.cells import over_seeds
from alumbench.leaderboard.checking import load
from alumbench.leaderboard.compare import PAIRED
from alumbench.leaderboard.contrast import row_difference
from alumbench.leaderboard.entries import Entry
from alumbench.leaderboard.settings import Board, Column
from alumbench.parsing import read_toml
from alumbench.statistics import detectable_difference, holm, largest_unseen, multi_bootstrap_difference, p_of_unseen


@dataclass(frozen=True)
class Finding:
    """What was found of a part.

    Attributes:
        part: which.
        command: makes its evidence again.
        verdict: one of `alumbench.claims.verdict`.
        reason: why it is not measured, or has no interval.
        own: the row's own figure, a share.
        others: that of the row it is held against.
        value: their difference.
        low: lower end of its 95% interval.
        high: upper end.
        p: for the difference being on the part's line.
        p_holm: the same, corrected over all parts of the page.
        n: examples.
        seeds: training seeds of each row.
        cost: training time of the row over the other's, where the board has a column for it.
        detectable: the smallest difference found at this n with 80% power, of right answers.
    """

    part: Part
    command: str
    verdict: str = UNMEASURED
    reason: str = ""
    own: float | None = None
    others: float | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_holm: float | None = None
    n: int = 0
    seeds: int = 0
    cost: float | None = None
    detectable: float | None = None


@dataclass(frozen=True)
class Judged:
    """A claim with what was found of its parts."""

    claim: Claim
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> str:
        """Of the claim."""
        return of_claim([finding.verdict for finding in self.findings])


def judge(claims: Claims) -> list[Judged]:
    """All claims with their evidence and verdicts.

    Raises:
        AlumbenchError: A board or file is wrong, or a part names what it has not and its plan does not promise.
    """
    boards: dict[str, tuple[Board, list[Entry]] | None] = {}
    found = {
        (claim.id, at): _finding(claims, part, boards) for claim in claims.claims for at, part in enumerate(claim.parts)
    }
    corrected = holm({key: finding.p for key, finding in found.items()}).p
    for key, finding in found.items():
        if finding.value is not None:
            part, p = finding.part, corrected[key]
            told = verdict(part.direction, part.margin / 100, finding.low, finding.high, p, finding.seeds)
            few = f"{finding.seeds} of {SEEDS} seeds" if finding.seeds < SEEDS else finding.reason
            found[key] = replace(finding, p_holm=p, verdict=told, reason=few)
    return [Judged(claim, tuple(found[claim.id, at] for at in range(len(claim.parts)))) for claim in claims.claims]


def _finding(claims: Claims, part: Part, boards: dict[str, tuple[Board, list[Entry]] | None]) -> Finding:
    if part.figures:
        return _of_figures(claims, part)
    folder = claims.folder
    place = folder / part.board
    command = _command(folder, place)
    if part.board not in boards:
        boards[part.board] = load(place) if any((place / "results").glob("*.json")) else None
    promised = _promised(place)
    loaded = boards[part.board]
    if loaded is None and not promised:
        raise AlumbenchError(
            f"{folder / CLAIMS}: board {part.board}: {place} has neither entries nor a runs.toml that could make them"
        )
    board, entries = loaded or (None, [])
    rows = {name: [entry for entry in entries if entry.row == name] for name in (part.row, part.against)}
    for name, members in rows.items():
        if not members and name not in promised:
            known = {entry.row for entry in entries} | promised
            raise AlumbenchError(f"{folder / CLAIMS}: board {part.board}: {unknown('row', name, known)}")
    absent = [name for name, members in rows.items() if not members]
    if board is None or absent:
        return Finding(part, command, reason=f"no entry of {', '.join(absent)} yet")
    return _of_rows(part, command, _column(folder, part, board), rows[part.row], rows[part.against], board)


def _of_rows(
    part: Part, command: str, column: Column, row: Sequence[Entry], against: Sequence[Entry], board: Board
) -> Finding:
    cells = [over_seeds([m for m in (e.measure(column) for e in members) if m]) for members in (row, against)]
    if any(cell["value"] is None for cell in cells):
        return Finding(part, command, reason=f"a row has no {column.title} yet")
    n = min(cell["n"] for cell in cells)
    return _compared(
        Finding(
            part,
            command,
            own=cells[0]["value"],
            others=cells[1]["value"],
            n=n,
            seeds=min(cell["seeds"] for cell in cells),
            cost=_cost(board, row, against),
            detectable=detectable_difference(n),
        ),
        partial(row_difference, row, against, column),
    )


def _of_figures(claims: Claims, part: Part) -> Finding:
    path, command = claims.folder / part.figures, claims.commands[part.figures]
    if not path.is_file():
        return Finding(part, command, reason="not made yet")
    document, runs = read_geometry(path)
    for name in (part.name, part.against):
        if name not in runs:
            raise AlumbenchError(f"{claims.folder / CLAIMS}: {part.figures}: {unknown('figure', name, runs)}")
    own, others = runs[part.name], runs[part.against]
    paired = own.keys() == others.keys()

    def difference(null: float = 0.0) -> Mapping[str, Any]:
        found = vars(multi_bootstrap_difference(others, own, paired_seeds=paired, null=null))
        return {**found, "agree": own == others, "drawn": found["clusters"]}

    means = {figure["name"]: figure["value"] for figure in document["figures"]}
    n = len(next(iter(own.values())))
    seeds = min(len(own), len(others))
    return _compared(
        Finding(part, command, own=means[part.name], others=means[part.against], n=n, seeds=seeds), difference
    )


def _compared(finding: Finding, difference: Any) -> Finding:
    """With the difference, its interval, and p for the part's line."""
    part, found = finding.part, difference()
    null = line(part.direction, part.margin / 100, found["value"])
    if found["agree"]:
        most = largest_unseen(found["drawn"])
        return replace(finding, value=0.0, low=-most, high=most, p=p_of_unseen(found["drawn"], abs(null)))
    p = found["p"] if null == 0 else difference(null=null)["p"]
    ends = {name: found[name] for name in ("value", "low", "high", "reason")}
    return replace(finding, **ends, p=p)


def _column(folder: Path, part: Part, board: Board) -> Column:
    columns = {column.title: column for column in board.columns}
    if part.column not in columns:
        raise AlumbenchError(f"{folder / CLAIMS}: board {part.board}: {unknown('column', part.column, columns)}")
    column = columns[part.column]
    if column.measure not in PAIRED:
        raise AlumbenchError(
            f"{folder / CLAIMS}: board {part.board}: column {part.column} is {column.measure}, which is not compared "
            f"example by example; take one of {', '.join(PAIRED)}"
        )
    return column


def _cost(board: Board, row: Sequence[Entry], against: Sequence[Entry]) -> float | None:
    """Training time in that of the other, where the board vouches for its times."""
    if not any(column.measure == "training_cost" for column in board.columns):
        return None
    costs = [cost for cost in (entry.cost_over(against) for entry in row) if cost is not None]
    return statistics.fmean(costs) if costs else None


def _promised(board: Path) -> set[str]:
    """The rows that a board's plan will make."""
    path = board / "runs.toml"
    rows = read_toml(path).get("rows", []) if path.is_file() else []
    return {str(row.get("row")) for row in check(Sequence[Mapping[str, Any]], rows, f"{path}: rows")}


def _command(folder: Path, board: Path) -> str:
    told = _told(folder, board)
    if (board / "runs.toml").is_file():
        return f"alumbench leaderboard run {told}"
    return f"sh {told}/run.sh" if (board / "run.sh").is_file() else f"alumbench leaderboard build {told}"


def _told(folder: Path, path: Path) -> str:
    """A path as seen from where the folder of boards lies, two above the claims' own: the same on every machine."""
    return Path(os.path.relpath(os.path.abspath(path), Path(os.path.abspath(folder)).parent.parent)).as_posix()
