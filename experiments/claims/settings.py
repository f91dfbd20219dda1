"""The contents of a `claims.toml`: claims in words, and the comparisons that decide them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from alumbench.config import Amount, Name, convert
from alumbench.errors import AlumbenchError, unknown
from alumbench.parsing import read_toml
from experiments.claims.verdict import DIRECTIONS

CLAIMS = "claims.toml"


@dataclass(frozen=True)
class Part:
    """A comparison of two rows of a board, or of two figures of a file that `python -m experiments.geometry` wrote.

    Attributes:
        against: the row or figure that the first is compared with.
        direction: one of `DIRECTIONS`: how the first compares, according to the claim.
        board: a board's folder, relative to that of the claims; '' for figures.
        row: a row of the board.
        column: title of one of its columns, one that counts right answers.
        figures: a geometry file, also relative to that folder; '' for a board.
        name: a figure in that file.
        margin: in points, for `no less` and `equal`.
        shows: the purpose of the comparison.
    """

    against: Name
    direction: str
    board: str = ""
    row: str = ""
    column: str = ""
    figures: str = ""
    name: str = ""
    margin: Amount = 0.0
    shows: str = ""

    def check(self) -> None:
        """Checks the values.

        Raises:
            AlumbenchError: The comparison cannot decide anything.
        """
        if self.direction not in DIRECTIONS:
            raise unknown("direction", self.direction, DIRECTIONS)
        if self.margin < 0 or bool(self.margin) != (self.direction != "more"):
            raise AlumbenchError(
                f"margin = {self.margin:g} with direction '{self.direction}'; 'no less' and 'equal' take one "
                f"above 0, in points, 'more' takes none"
            )
        of_board, of_figures = (self.board, self.row, self.column), (self.figures, self.name)
        if not (all(of_board) and not any(of_figures)) and not (all(of_figures) and not any(of_board)):
            raise AlumbenchError("a part has board, row and column, or figures and name")
        if self.subject == self.against:
            raise AlumbenchError(f"'{self.against}' is held against itself")

    @property
    def subject(self) -> str:
        """The row or figure that the claim is about."""
        return self.row or self.name

    @property
    def source(self) -> str:
        """The path of the evidence, relative to the claims' folder."""
        return self.board or self.figures


@dataclass(frozen=True)
class Claim:
    """A claim.

    Attributes:
        id: its identifier.
        says: the paper's statement, in our words.
        source: where the paper says so.
        parts: the comparisons that must all hold.
    """

    id: Name
    says: str
    source: str
    parts: tuple[Part, ...] = field(metadata={"key": "part"})

    def check(self) -> None:
        """Raises an `AlumbenchError` if the claim has no parts."""
        if not self.parts:
            raise AlumbenchError("has no [[claim.part]], so nothing can decide it")


@dataclass(frozen=True)
class Claims:
    """A `claims.toml`.

    Attributes:
        folder: its folder.
        title: heading of the page.
        claims: in the order of the page.
        about: paragraphs above the table.
        reading: paragraphs under it.
        commands: for each file of figures, the command that makes it.
    """

    folder: Path
    title: str
    claims: tuple[Claim, ...] = field(metadata={"key": "claim"})
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
        return convert(cls, read_toml(path), str(path), folder=folder)

    def check(self) -> None:
        """Checks the claims.

        Raises:
            AlumbenchError: There are none, two have the same id, or a file of figures has no command that makes it.
        """
        ids = [claim.id for claim in self.claims]
        for name in ids:
            if ids.count(name) > 1:
                raise AlumbenchError(f"two claims are '{name}'")
        if not self.claims:
            raise AlumbenchError("it has no [[claim]]")
        for name in sorted({part.figures for claim in self.claims for part in claim.parts if part.figures}):
            if name not in self.commands:
                raise AlumbenchError(
                    f'no command makes {name}; add [commands] with "{name}" = "python -m experiments.geometry …"'
                )
