"""The reader of TOML and JSON: what it takes, and the one line that it gives for everything else."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict

import pytest

from alumbench.config import Count, Name, Share, check, convert
from alumbench.errors import AlumbenchError
from alumbench.parsing import parse_json, read_json, read_toml


@dataclass(frozen=True)
class Column:
    title: Name
    measure: Literal["accuracy", "cost"] = "accuracy"
    n: Count = 0
    seconds: float = 0.0
    tall: bool = False


@dataclass(frozen=True)
class Board:
    folder: Path
    columns: tuple[Column, ...] = field(metadata={"key": "column"})
    tasks: tuple[str, ...] = ()
    where: Mapping[str, Sequence[str]] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    pair: tuple[int, int] = (1, 2)
    share: Share | None = None
    either: str | tuple[str, ...] = ""

    def check(self) -> None:
        if len(set(self.tasks)) < len(self.tasks):
            raise AlumbenchError("two tasks are one")


COLUMN = {"title": "PGD"}


def read(**values: Any) -> Board:
    return convert(Board, {"column": [COLUMN], **values}, "board.toml", folder=Path("here"))


def test_tables_become_dataclasses_and_lists_tuples() -> None:
    board = read(where={"a": ["x"]}, options={"set": {"alpha": [1]}}, pair=[3, 4], share=1, either=["x"], tasks=["a"])
    assert board == Board(
        Path("here"), (Column("PGD"),), ("a",), {"a": ("x",)}, {"set": {"alpha": [1]}}, (3, 4), 1, ("x",)
    )
    assert read(column=COLUMN) == read()  # a single table stands for a list of one
    assert type(read(column={**COLUMN, "seconds": 10}).columns[0].seconds) is int  # as it was written: hashes stay


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"colunm": []}, "unknown key 'colunm'. Did you mean 'column'? Known: column, either, options, pair, share, "),
        ({"folder": "/"}, "unknown key 'folder'."),
        ({"column": [COLUMN, {"titel": "x"}]}, "column[1]: unknown key 'titel'. Did you mean 'title'?"),
        ({"column": [{}]}, "column[0]: title is missing"),
        ({"column": [1]}, "column[0]: expected a table, found a number (1)"),
        ({"column": "x"}, "column: expected a list, found text ('x')"),
        ({"column": {**COLUMN, "measure": 1.5}}, 'column.measure: expected "accuracy" or "cost", found a number (1.5)'),
        ({"column": {"title": 1.5}}, "column.title: expected text of 1 to 200 characters, found a number (1.5)"),
        ({"column": {"title": ""}}, "column.title: expected text of 1 to 200 characters, found text ('')"),
        ({"column": {"title": "a" * 10**6}}, "200 characters, found text of 1,000,000 characters"),
        ({"column": {**COLUMN, "n": -1}}, "column.n: expected a whole number from 0 to 1,000,000,000,000, found a"),
        (
            {"column": {**COLUMN, "n": True}},
            "000,000,000, found true",
        ),
        ({"column": {**COLUMN, "n": 10**30}}, "found a number (1000000000000000000000000000000)"),
        ({"column": {**COLUMN, "n": 10**5000}}, "found a number of more than 40 digits"),
        ({"column": {**COLUMN, "seconds": "1"}}, "column.seconds: expected a number, found text ('1')"),
        ({"column": {**COLUMN, "seconds": 10**400}}, "column.seconds: expected a number, found a number of more"),
        ({"column": {**COLUMN, "seconds": float("inf")}}, "column.seconds: expected a finite number, found inf"),
        ({"column": {**COLUMN, "tall": 1}}, "column.tall: expected true or false, found a number (1)"),
        ({"tasks": "sst2"}, "tasks: expected a list of texts, found text ('sst2')"),
        ({"tasks": {"a": 1}}, "tasks: expected a list of texts, found a table"),
        ({"tasks": ["a", "a"]}, "two tasks are one"),
        ({"tasks": ["a" * 20_001]}, "tasks[0]: text of 20,001 characters; at most 20,000 are read"),
        ({"where": {"a\x1b[31m": ["x", 1]}}, "where.a\\u001b[31m[1]: expected text, found a number (1)"),
        ({"where": []}, "where: expected a table, found an empty list"),
        ({"pair": [1]}, "pair: expected a list of 2 whole numbers, found a list of 1"),
        ({"share": 1.5}, "share: expected a number from 0 to 1, found a number (1.5)"),
        ({"either": None}, "either: expected text or a list of texts, found null"),
    ],
)
def test_what_is_wrong_is_one_line(values: dict[str, Any], message: str) -> None:
    with pytest.raises(AlumbenchError) as error:
        read(**values)
    assert str(error.value).startswith("board.toml: ") and message in str(error.value)
    assert "\n" not in str(error.value) and len(str(error.value)) <= 2000


class Made(TypedDict):
    """JSON of which some keys are looked at."""

    schema: int
    columns: list[dict[str, float]]
    note: NotRequired[str]


def test_a_shape_is_checked_and_left_as_it_is() -> None:
    value = {"schema": 1, "columns": [{"a": 1}], "further": None}
    assert check(Made, value, "x") is value
    for wrong, message in (
        ([], "x: expected a table, found an empty list"),
        ({"schema": 1}, "x: columns is missing"),
        (value | {"columns": [{"a": "b"}]}, r"x: columns\[0\].a: expected a number, found text \('b'\)"),
        (value | {"note": 1}, "x: note: expected text"),
    ):
        with pytest.raises(AlumbenchError, match=message):
            check(Made, wrong, "x")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a = 1\nb =\n", "cannot be read as TOML: Invalid value (at line 2, column 4)"),
        (b"\n\na = '\xff'", "line 3 is not UTF-8 (byte 0xff)"),
        (b"a = [nan]", "a[0]: expected a finite number, found nan"),
        (b"a = {b = 1e400}", "a.b: expected a finite number, found inf"),
        (b"a = 1979-01-01", "a: expected text, a number, true or false, a list or a table, found a date (1979-01-01)"),
        (b"a = " + b"[" * 5000, "is nested too deep"),
        (b"a." * 3000 + b"b = 1", "is nested more than 64 deep"),
        (b"a = " + b"9" * 5000, "cannot be read as TOML: a number has more than 4,300 digits"),
        (b"a = '" + b"a" * (5 << 20), "is larger than 4 MiB, too large for a TOML file"),
        (b"\x1b]0;x\x07", "cannot be read as TOML"),
    ],
)
def test_toml_that_cannot_be_read(tmp_path: Path, content: bytes, message: str) -> None:
    (path := tmp_path / "x.toml").write_bytes(content)
    with pytest.raises(AlumbenchError) as error:
        read_toml(path)
    assert str(error.value).startswith(f"{path}: {message}") and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "cannot be read as JSON: Expecting value (at line 1, column 1)"),
        ('{"a":\n}', "cannot be read as JSON: Expecting value (at line 2, column 1)"),
        ('{"a": -Infinity}', "cannot be read as JSON: -Infinity is not a JSON number"),
        ("[1e400]", "[0]: expected a finite number, found inf"),
        ("[" * 100_000, "is nested too deep"),
        ("[" * 100 + "]" * 100, "is nested more than 64 deep"),
        ("9" * 5000, "cannot be read as JSON: a number has more than 4,300 digits"),
    ],
)
def test_json_that_cannot_be_read(content: str, message: str) -> None:
    with pytest.raises(AlumbenchError) as error:
        parse_json(content, "x.json")
    assert str(error.value) == f"x.json: {message}"


def test_a_byte_order_mark_is_left_out(tmp_path: Path) -> None:
    (path := tmp_path / "x").write_bytes(b"\xef\xbb\xbf{}")
    assert read_json(path) == {}
    path.write_bytes(b"\xef\xbb\xbfa = 1")
    assert read_toml(path) == {"a": 1}


def test_what_is_no_file_is_told_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, message in (
        (tmp_path, "expected a JSON file, found a folder"),
        (tmp_path / "pipe", "found something else, such as a device or pipe"),
        (Path("/dev/zero"), "found something else, such as a device or pipe"),
        (tmp_path / "none", "no such file"),
        (tmp_path / "a\0b", "cannot be read"),
        (tmp_path / ("x" * 5000), "cannot be read"),
    ):
        with pytest.raises(AlumbenchError, match=message):
            read_json(path)
