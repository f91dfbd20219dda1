"""Tables in every form: nothing breaks out of a cell, and no NaN is written."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from pathlib import Path

import pytest

from alumbench.errors import AlumbenchError
from alumbench.formatting import format_measure
from alumbench.leaderboard.board import build
from alumbench.leaderboard.submit import add
from alumbench.reports.table import FORMATS, Table
from tests.leaderboard.test_inert import PAYLOADS

TABLE = Table(
    ["row", "score"],
    [["a|b <script>", "1.0"], ["=cmd()", "–"]],
    ["a note"],
    [{"row": "a|b <script>", "value": 0.5}, {"row": "=cmd()", "value": math.nan}],
)


@pytest.mark.parametrize("form", FORMATS)
def test_each_form_ends_with_one_newline(form: str) -> None:
    text = TABLE.render(form)
    assert text.endswith("\n") and not text.endswith("\n\n")


def test_markdown_cells_stay_cells() -> None:
    lines = TABLE.render("markdown").splitlines()
    assert "a\\|b &lt;script>" in lines[2] and "a note" in lines


def test_csv_starts_no_formula_and_has_no_nan() -> None:
    rows = list(csv.DictReader(io.StringIO(TABLE.render("csv"))))
    assert rows[1] == {"row": "'=cmd()", "value": ""}


def test_json_has_null_for_nan() -> None:
    assert json.loads(TABLE.render("json"))[1]["value"] is None


def test_latex_escapes_its_special_characters() -> None:
    text = TABLE.render("latex")
    assert "<" not in text.replace("\\ensuremath{<}", "") and "\\toprule" in text


def test_an_unknown_form_offers_the_nearest() -> None:
    with pytest.raises(AlumbenchError, match="Did you mean 'markdown'"):
        TABLE.render("markdwn")


@pytest.mark.parametrize(
    ("measure", "text"),
    [
        ({"value": 0.873, "low": 0.85, "high": 0.894}, "87.3 [85.0–89.4]"),
        ({"value": 0.5123}, "0.512"),
        ({"value": None}, "–"),
    ],
)
def test_a_cell_shows_value_and_interval(measure: dict[str, float], text: str) -> None:
    assert format_measure(**measure) == text


@pytest.mark.parametrize("payload", PAYLOADS, ids=ascii)
def test_no_name_of_a_row_is_obeyed(payload: str, board: Path, evaluated: list[Path]) -> None:
    """R15, R16: a contributor's row name in every built form."""
    add(board, evaluated[0], "standard")
    path = add(board, evaluated[2], "alum")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"row": payload.strip() or "x"}))
    build(board)
    page = (board / "README.md").read_text().replace("](index.html)", "")
    outside = re.sub(r"(`+) ?.*?[^`]\1(?!`)", "", page)  # in a code span nothing is obeyed
    assert not re.search(r"<[a-z/!]|(?<!\\)\]\(", outside, re.IGNORECASE)
    assert not re.search(r"\x1b|[\u202a-\u202e]", page)
    cells = [cell for row in csv.reader(io.StringIO((board / "table.csv").read_text())) for cell in row]
    assert not [cell for cell in cells if cell[:1] in set("=+@\t\r")]
    assert (board / "table.tex").read_text().count("\\begin{tabular}") == 1
