"""A board as one page to append to a paper: protocol, tables, plots, statistics, and how to recompute each figure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from alumbench.data.source import DataOrigin
from alumbench.evaluation.one_attack import options_of
from alumbench.evaluation.results import EnsembleResult, EntryResult
from alumbench.leaderboard.board import against_table, main_table, reference_table
from alumbench.leaderboard.config import TRAINING, Board, Column
from alumbench.leaderboard.entries import BoardEntry
from alumbench.leaderboard.validate import load
from alumbench.leaderboard.view import view
from alumbench.reports.history import training_command
from alumbench.reports.html.report import report_page
from alumbench.storage import write_text

#: The meaning of each part of a signature.
PARTS = {
    "atk": "attack",
    "q": "query budget",
    "s": "seconds per example",
    "seed": "attack seed",
    "seeds": "attack seeds",
    "worst": "worst case over",
    "from": "attack from",
    "set": "threat model",
    "set-from": "threat model from",
    "qpw": "query budget per word",
    "embedding-pgd@1": "embedding-pgd: norm, radius, steps",
    "embedding-pgd@2": "embedding-pgd: norm, radius, steps, losses, random restarts",
}
STATISTICS = (
    "Shares carry Wilson 95% intervals at n examples (Wilson 1927); a row's value is the mean over its training seeds, "
    "± their sample standard deviation. Under attack the denominator is all examples: an error or a timeout is never "
    "robust.",
    "Differences to the baseline are on the same examples and seeds. Interval and p are from the Multi-Bootstrap "
    "(Sellam "
    "et al. 2022), 10,000 draws of seeds and examples together, examples with the same first text as one; p is "
    "corrected over all of the table's differences (Holm 1979). Each seed's own p is from the exact McNemar test "
    "(McNemar 1947), of clusters where examples share a first text.",
    "A rank is one more than the number of rows that are significantly better (pairwise Multi-Bootstrap, Holm "
    "over the column). "
    "The smallest difference that n can show is that of the exact McNemar test at 80% power.",
)


def write_report(folder: Path, out: Path) -> None:
    """Writes a board's report as one HTML file.

    Args:
        folder: the board.
        out: the file to write.

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


def _protocol(board: Board, entries: Sequence[BoardEntry]) -> list[dict[str, str]]:
    """One line per column: its figure, data and budget."""
    lines = []
    for column in board.columns:
        made = _made(column, entries)
        if made is None:
            continue
        found = made.columns[column.entry]
        entry = found if isinstance(found, EntryResult) else None
        parts = dict(part.split(":", 1) for part in found.signature.split("|") if ":" in part)
        known = PARTS | {key: key for key in parts if "@" in key and key not in PARTS}  # others' white-box attacks
        lines.append(
            {
                "column": column.title,
                "suite": found.signature.partition("|")[0],
                "entry": column.entry + (f", {column.group}" if column.group else ""),
                "data": ", ".join(_origin(source) for source in (entry.sources if entry else None) or []),
                "n": parts.get("n", ""),
                "how": ", ".join(f"{name} {parts[key]}" for key, name in known.items() if key in parts),
                "kept": ", ".join((entry.protected if entry else None) or []),
            }
        )
    return lines


def _made(column: Column, entries: Sequence[BoardEntry]) -> BoardEntry | None:
    """The first entry that has the column, preferably one that was evaluated here."""
    here_first = sorted(entries, key=lambda entry: entry.reference is not None)
    return next((e for e in here_first if column.entry != TRAINING and e.measure(column) is not None), None)


def _origin(source: DataOrigin) -> str:
    return f"{source.name} ({source.sha256[:12]})" if source.sha256 else source.name


def _commands(board: Board, entries: Sequence[BoardEntry]) -> list[dict[str, str]]:
    """The commands that reproduce each figure: training by row, evaluation by column, tables from records."""
    found, at = [], board.folder.resolve().name
    rows: dict[str, list[BoardEntry]] = {}
    for entry in entries:
        rows.setdefault(entry.row, []).append(entry)
    cited = [name for name, members in rows.items() if members[0].reference is not None]
    if cited:
        line = f"alumbench leaderboard reference {at}"
        found.append({"what": f"references {', '.join(cited)}, from their published predictions", "command": line})
    for name, members in rows.items():
        training = members[0].training
        if training is None:
            continue
        for line in training_command(training, members[0].content.task):
            seeds = ", ".join(str(member.seed) for member in members)
            found.append({"what": f"checkpoints of {name} (--training-seed {seeds})", "command": line})
    for column in board.columns:
        made = _made(column, entries)
        if made is None or made.reference is not None:
            continue
        about = made.columns[column.entry]
        names = about.members if isinstance(about, EnsembleResult) else [column.entry]
        only = [word for name in names for word in ("--only", name)]
        suite = made.columns[names[0]].signature.partition("@")[0]
        identity = next(e for e in made.content.evaluations if e.suite.name == suite)
        attack = identity.suite.attack
        what = options_of(attack) if attack else ["--suite", suite, *only]
        command = ["alumbench", "attack", "CHECKPOINT", *what, "--attack-seed", str(identity.attack_seed)]
        found.append({"what": f"column {column.title}", "command": shlex.join(command)})
    found.append({"what": "all tables, from the records", "command": f"alumbench leaderboard build {at}"})
    found.append(
        {
            "what": "every adversarial text, against its checkpoint",
            "command": f"alumbench leaderboard verify {at} CHECKPOINT...",
        }
    )
    return found
