"""The evidence for each part of each claim, from the boards' records."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from alumbench.config import JsonObject, check
from alumbench.errors import AlumbenchError, unknown
from alumbench.leaderboard.cells import over_seeds
from alumbench.leaderboard.config import Board, Column
from alumbench.leaderboard.entries import BoardEntry
from alumbench.leaderboard.measures import PAIRED
from alumbench.leaderboard.significance import RowDifference, row_difference
from alumbench.leaderboard.validate import load
from alumbench.parsing import read_toml
from alumbench.reports.view import Difference
from alumbench.statistics import detectable_difference, holm, largest_unseen, multi_bootstrap_difference, p_of_unseen
from experiments.claims.settings import CLAIMS, Claim, Claims, Part
from experiments.claims.verdict import SEEDS, UNMEASURED, line, of_claim, verdict
from experiments.geometry.file import read_geometry


@dataclass(frozen=True)
class Finding:
    """The evidence for one part of a claim.

    Attributes:
        part: the part of the claim.
        command: reproduces the evidence.
        verdict: one of `experiments.claims.verdict`.
        reason: why it is not measured, or has no interval.
        own: the row's own figure, a share.
        others: the figure of the row it is compared with.
        value: the difference of the two.
        low: lower end of its 95% interval.
        high: upper end.
        p: for the null hypothesis that the difference is on the part's line.
        p_holm: the same, corrected over all parts of the page.
        n: examples.
        seeds: training seeds of each row.
        cost: training time of the row divided by the other's, where the board has a column for it.
        detectable: the smallest difference in the share of right answers found at this n with 80% power.
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
    """A claim with the findings on its parts."""

    claim: Claim
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> str:
        """The verdict on the claim."""
        return of_claim([finding.verdict for finding in self.findings])


def judge(claims: Claims) -> list[Judged]:
    """All claims with their evidence and verdicts.

    Raises:
        AlumbenchError: A board or file is wrong, or a part names something that it lacks and its plan does not promise.
    """
    boards: dict[str, tuple[Board, list[BoardEntry]] | None] = {}
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


def _finding(claims: Claims, part: Part, boards: dict[str, tuple[Board, list[BoardEntry]] | None]) -> Finding:
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
    part: Part, command: str, column: Column, row: Sequence[BoardEntry], against: Sequence[BoardEntry], board: Board
) -> Finding:
    cells = [over_seeds([m for m in (e.measure(column) for e in members) if m]) for members in (row, against)]
    if any(cell.value is None for cell in cells):
        return Finding(part, command, reason=f"a row has no {column.title} yet")
    n = min(cell.n for cell in cells)
    return _compared(
        Finding(
            part,
            command,
            own=cells[0].value,
            others=cells[1].value,
            n=n,
            seeds=min(cell.seeds for cell in cells),
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

    def difference(null: float = 0.0) -> RowDifference:
        found = multi_bootstrap_difference(others, own, paired_seeds=paired, null=null)
        told = Difference(found.value, found.low, found.high, found.p, found.reason)
        return RowDifference(told, own == others, found.clusters)

    means = {figure.name: figure.value for figure in document.figures}
    n = len(next(iter(own.values())))
    seeds = min(len(own), len(others))
    return _compared(
        Finding(part, command, own=means[part.name], others=means[part.against], n=n, seeds=seeds), difference
    )


def _compared(finding: Finding, difference: Callable[[float], RowDifference]) -> Finding:
    """The finding with the difference, its interval, and p for the part's line."""
    part, row = finding.part, difference(0.0)
    found = row.difference
    null = line(part.direction, part.margin / 100, found.value or 0.0)
    if row.agree:
        most = largest_unseen(row.drawn)
        return replace(finding, value=0.0, low=-most, high=most, p=p_of_unseen(row.drawn, abs(null)))
    p = found.p if null == 0 else difference(null).difference.p
    return replace(finding, value=found.value, low=found.low, high=found.high, reason=found.reason, p=p)


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


def _cost(board: Board, row: Sequence[BoardEntry], against: Sequence[BoardEntry]) -> float | None:
    """Training time divided by the other's, where the board vouches for its times."""
    if not any(column.measure == "training_cost" for column in board.columns):
        return None
    costs = [cost for cost in (entry.cost_over(against) for entry in row) if cost is not None]
    return statistics.fmean(costs) if costs else None


def _promised(board: Path) -> set[str]:
    """The rows that a board's plan will make."""
    path = board / "runs.toml"
    rows = read_toml(path).get("rows", []) if path.is_file() else []
    return {str(row.get("row")) for row in check(Sequence[JsonObject], rows, f"{path}: rows")}


def _command(folder: Path, board: Path) -> str:
    told = _told(folder, board)
    if (board / "runs.toml").is_file():
        return f"alumbench leaderboard run {told}"
    return f"sh {told}/run.sh" if (board / "run.sh").is_file() else f"alumbench leaderboard build {told}"


def _told(folder: Path, path: Path) -> str:
    """A path relative to the folder two levels above the claims: the same on every machine."""
    return Path(os.path.relpath(os.path.abspath(path), Path(os.path.abspath(folder)).parent.parent)).as_posix()
