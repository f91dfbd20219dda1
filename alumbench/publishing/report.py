"""A board as one page to append to a paper: protocol, tables, plots, statistics, and how to recompute each figure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alumbench.leaderboard.board import against_table, main_table, reference_table
from alumbench.leaderboard.checking import load
from alumbench.leaderboard.entries import Entry
from alumbench.leaderboard.page.report import report_page
from alumbench.leaderboard.settings import TRAINING, Board, Column
from alumbench.leaderboard.view import view
from alumbench.publishing.history import training_command
from alumbench.storage import write_text

#: What a part of a signature says.
PARTS = {
    "atk": "attack",
    "q": "query budget",
    "s": "seconds an example",
    "seed": "attack seed",
    "seeds": "attack seeds",
    "worst": "worst case over",
    "embedding-pgd@1": "embedding-pgd: norm, radius, steps",
    "embedding-pgd@2": "embedding-pgd: norm, radius, steps, losses, random restarts",
}
STATISTICS = (
    "Shares carry Wilson 95% intervals at n examples (Wilson 1927); a row's value is the mean over its training seeds, "
    "± their sample standard deviation. Under attack the denominator is all examples: an error or a timeout is never "
    "robust.",
    "Differences to the baseline are on the same examples and seeds. Interval and p are of the Multi-Bootstrap (Sellam "
    "et al. 2022), 10,000 draws of seeds and examples together, examples with the same first text as one; p is "
    "corrected over all of the table's differences (Holm 1979). Each seed's own p is of the exact McNemar test "
    "(McNemar 1947), of clusters where examples share a first text.",
    "A rank is one more than the rows that are better beyond chance (pairwise Multi-Bootstrap, Holm over the column). "
    "The smallest difference that n can show is that of the exact McNemar test at 80% power.",
)


def write_report(folder: Path, out: Path) -> None:
    """Writes a board's report, one file of HTML.

    Args:
        folder: the board.
        out: the file.

    Raises:
        AlumbenchError: The board does not pass its own checks, or the file cannot be written.
    """
    board, entries = load(folder)
    shown = view(board, entries)
    against, references = against_table(shown), reference_table(shown)
    write_text(
        out,
        report_page(
            shown,
            protocol=_protocol(board, entries),
            tables={"": main_table(shown, board.tall)}
            | ({"References": references} if references else {})
            | ({f"Against {board.baseline}": against} if against else {}),
            statistics=STATISTICS,
            commands=_commands(board, entries),
        ),
    )


def _protocol(board: Board, entries: Sequence[Entry]) -> list[dict[str, str]]:
    """A line a column: what its figure is, on what data, under which budget."""
    lines = []
    for column in board.columns:
        made = _made(column, entries)
        if made is None:
            continue
        found = made.columns[column.entry]
        parts = dict(part.split(":", 1) for part in found["signature"].split("|") if ":" in part)
        lines.append(
            {
                "column": column.title,
                "suite": found["signature"].partition("|")[0],
                "entry": column.entry + (f", {column.group}" if column.group else ""),
                "data": ", ".join(_origin(source) for source in found.get("sources", [])),
                "n": parts.get("n", ""),
                "how": ", ".join(f"{name} {parts[key]}" for key, name in PARTS.items() if key in parts),
                "kept": ", ".join(found.get("protected") or []),
            }
        )
    return lines


def _made(column: Column, entries: Sequence[Entry]) -> Entry | None:
    """The first entry that has the column, one that was evaluated here if there is one."""
    here_first = sorted(entries, key=lambda entry: entry.reference is not None)
    return next((e for e in here_first if column.entry != TRAINING and e.measure(column) is not None), None)


def _origin(source: Mapping[str, Any]) -> str:
    name = source.get("id") or source.get("path") or source.get("set") or source["from"]
    return f"{name} ({source['sha256'][:12]})" if "sha256" in source else str(name)


def _commands(board: Board, entries: Sequence[Entry]) -> list[dict[str, str]]:
    """For each figure the command that makes it again: training by row, evaluation by column, tables from records."""
    found, at = [], board.folder.resolve().name
    rows: dict[str, list[Entry]] = {}
    for entry in entries:
        rows.setdefault(entry.row, []).append(entry)
    cited = [name for name, members in rows.items() if members[0].reference is not None]
    if cited:
        line = f"alumbench leaderboard reference {at}"
        found.append({"what": f"references {', '.join(cited)}, from their published predictions", "command": line})
    for name, members in rows.items():
        if name in cited:
            continue
        for line in training_command({**members[0].training, "task": members[0].content["task"]}):
            seeds = ", ".join(str(member.seed) for member in members)
            found.append({"what": f"checkpoints of {name} (--seed {seeds})", "command": line})
    for column in board.columns:
        made = _made(column, entries)
        if made is None or made.reference is not None:
            continue
        members = made.columns[column.entry].get("members") or [column.entry]
        only = [word for member in members for word in ("--only", str(member))]
        suite = made.columns[str(members[0])]["signature"].partition("@")[0]
        seed = next(e["seed"] for e in made.content["evaluations"] if e["suite"]["name"] == suite)
        command = ["alumbench", "attack", "CHECKPOINT", "--suite", suite, *only, "--seed", str(seed)]
        found.append({"what": f"column {column.title}", "command": shlex.join(command)})
    found.append({"what": "all tables, from the records", "command": f"alumbench leaderboard build {at}"})
    found.append(
        {
            "what": "every adversarial text, against its checkpoint",
            "command": f"alumbench leaderboard verify {at} CHECKPOINT...",
        }
    )
    return found
