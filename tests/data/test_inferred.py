"""The task of a labelled table: its columns are found where one alone can be meant, and else asked for."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from alumbench.data.inferred import infer_task
from alumbench.errors import AlumbenchError

LABELS = ("negative", "positive")


def table(folder: Path, header: str, *rows: str) -> Path:
    path = folder / "mine.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([header.split(), *(row.split("/") for row in rows)])
    return path


@pytest.mark.parametrize(
    ("header", "rows", "columns", "label"),
    [
        ("review label", ["so good/positive", "so bad/negative"], ("review",), "label"),
        ("id review stars gold", ["a1/so good/5/1", "a2/so bad/1/0"], ("review",), "gold"),
        ("title text Sentiment", ["x/so good/Positive", "y/so bad/NEGATIVE"], ("text",), "Sentiment"),
        ("premise hypothesis label", ["a b/c/positive", "d/e f/negative"], ("premise", "hypothesis"), "label"),
        ("question1 question2 other label", ["a/b/c/1", "d/e/f/0"], ("question1", "question2"), "label"),
        ("text flag label", ["so good/1/positive", "bad/0/negative"], ("text",), "label"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_columns_are_found(tmp_path: Path, header: str, rows: list[str], columns: tuple[str, ...], label: str) -> None:
    found = infer_task(table(tmp_path, header, *rows), LABELS)
    assert (found.task.columns, found.label_column, found.task.labels) == (columns, label, LABELS)
    assert found.task.name == "mine" and found.task.protected == tuple(c for c in columns if c == "premise")
    assert f"texts in {' and '.join(columns)}, labels in {label}" in found.line


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        ("one two label", ["a b/c d/positive"], "one, two could be the text; .*--text-columns"),
        ("text sentence label", ["a b/c d/positive"], "text, sentence could be the text"),
        ("text a b", ["so/1/0", "no/0/1"], "a, b could be the label column; .*--label-column"),
        ("text stars", ["so/5", "no/4"], "none of text, stars holds only negative, positive"),
        ("number label", ["5/positive"], "none of number is the text"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_could_be_several_is_asked_for(tmp_path: Path, header: str, rows: list[str], message: str) -> None:
    with pytest.raises(AlumbenchError, match=message):
        infer_task(table(tmp_path, header, *rows), LABELS)


def test_what_is_named_is_taken(tmp_path: Path) -> None:
    path = table(tmp_path, "one two gold", "a b/c d/pos", "e/f/neg")
    found = infer_task(path, LABELS, columns=("two",), label_column="gold")
    assert found.task.columns == ("two",) and "found" not in found.line
    assert (
        infer_task(path, LABELS, columns=("two",), values={"pos": "positive", "neg": "negative"}).label_column == "gold"
    )
    with pytest.raises(AlumbenchError, match="no column 'tow'"):
        infer_task(path, LABELS, columns=("tow",), label_column="gold")
