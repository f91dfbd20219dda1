"""What a `claims.toml` says: claims in words, and the comparisons that decide them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alumbench.claims.verdict import DIRECTIONS
from alumbench.errors import AlumbenchError, unknown
from alumbench.tasks.task import build

CLAIMS = "claims.toml"


@dataclass(frozen=True)
class Part:
    """A comparison of two rows of a board, or of two figures of a file that `alumbench geometry` wrote.

    Attributes:
        against: the row or figure that the first is held against.
        direction: one of `DIRECTIONS`: what the claim says of the first.
        board: a board's folder, relative to that of the claims; '' for figures.
        row: a row of the board.
        column: title of one of its columns, one that counts right answers.
        figures: a geometry file, relative likewise; '' for a board.
        name: a figure of it.
        margin: in points, for `no less` and `equal`.
        shows: what it is there to show.
    """

    against: str
    direction: str
    board: str = ""
    row: str = ""
    column: str = ""
    figures: str = ""
    name: str = ""
    margin: float = 0.0
    shows: str = ""

    @property
    def subject(self) -> str:
        """The row or figure that the claim is about."""
        return self.row or self.name

    @property
    def source(self) -> str:
        """Where the evidence is, relative to the claims' folder."""
        return self.board or self.figures


@dataclass(frozen=True)
class Claim:
    """A claim.

    Attributes:
        id: how it is called.
        says: what the paper says, in our words.
        source: where it says so.
        parts: what must hold for it to hold.
    """

    id: str
    says: str
    source: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Claims:
    """A `claims.toml`.

    Attributes:
        folder: where it is.
        title: heading of the page.
        claims: in the order of the page.
        about: paragraphs above the table.
        reading: paragraphs under it.
        commands: for each file of figures, the command that makes it.
    """

    folder: Path
    title: str
    claims: tuple[Claim, ...]
    about: str = ""
    reading: str = ""
    commands: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Claims:
        """Reads a folder's claims.

        Raises:
            AlumbenchError: There are none, a key is unknown or missing, or a part cannot decide anything.
        """
        path = folder / CLAIMS
        if not path.is_file():
            raise AlumbenchError(
                f"{path}: no such file. It has a title, and [[claim]] with id, says, source and [[claim.part]]: board, "
                f"row, against, column and direction"
            )
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise AlumbenchError(f"{path}: {error}") from None
        claims = tuple(_claim(claim, path) for claim in values.pop("claim", []))
        ids = [claim.id for claim in claims]
        for name in ids:
            if ids.count(name) > 1:
                raise AlumbenchError(f"{path}: two claims are '{name}'")
        if not claims:
            raise AlumbenchError(f"{path}: it has no [[claim]]")
        read = cls(**build(cls, {**values, "claims": claims, "folder": folder}, str(path)))
        for name in sorted({part.figures for claim in claims for part in claim.parts if part.figures}):
            if name not in read.commands:
                raise AlumbenchError(
                    f'{path}: no command makes {name}; add [commands] with "{name}" = "alumbench geometry …"'
                )
        return read


def _claim(values: Mapping[str, Any], path: Path) -> Claim:
    where = f"{path}, claim {values.get('id', '')}".rstrip()
    parts = tuple(Part(**build(Part, part, f"{where}, part")) for part in values.get("part", []))
    others = {key: value for key, value in values.items() if key != "part"}
    claim = Claim(**build(Claim, {**others, "parts": parts}, where))
    if not parts:
        raise AlumbenchError(f"{where}: has no [[claim.part]], so nothing can decide it")
    for part in parts:
        _check(part, where)
    return claim


def _check(part: Part, where: str) -> None:
    if part.direction not in DIRECTIONS:
        raise AlumbenchError(f"{where}: {unknown('direction', part.direction, DIRECTIONS)}")
    if part.margin < 0 or bool(part.margin) != (part.direction != "more"):
        raise AlumbenchError(
            f"{where}: margin = {part.margin:g} with direction '{part.direction}'; 'no less' and 'equal' take one "
            f"above 0, in points, 'more' takes none"
        )
    of_board, of_figures = (part.board, part.row, part.column), (part.figures, part.name)
    if not (all(of_board) and not any(of_figures)) and not (all(of_figures) and not any(of_board)):
        raise AlumbenchError(f"{where}: a part has board, row and column, or figures and name")
    if part.subject == part.against:
        raise AlumbenchError(f"{where}: '{part.against}' is held against itself")
