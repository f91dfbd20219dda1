"""R23: a table as people have it is read right and told how, or refused with the line that is wrong."""

from __future__ import annotations

import csv
import json
import re
import tracemalloc
from pathlib import Path

import pytest

from alumbench.data.table import read_table
from alumbench.errors import AlumbenchError

TWO = {"text": ["good", "bad"], "label": ["1", "0"]}


@pytest.mark.parametrize(
    ("name", "content", "rows", "form"),
    [
        ("a.csv", b"text,label\ngood,1\nbad,0\n", TWO, ""),
        ("a.CSV", b"text,label\r\ngood,1\r\nbad,0\r\n", TWO, ""),
        ("a.csv", b"text,label\rgood,1\rbad,0\r", TWO, ""),
        ("a.csv", b"\xef\xbb\xbftext,label\ngood,1\nbad,0", TWO, ""),
        ("a.csv", b"\n text , label\n\ngood,1\n\nbad,0\n\n", TWO, ""),
        ("a.csv", b",text,label\n0,good,1\n1,bad,0\n", TWO, ""),
        ("a.csv", b"text;label\ngood;1\nbad;0\n", TWO, "semicolon-separated"),
        ("a.csv", b"text\tlabel\ngood\t1\nbad\t0\n", TWO, "tab-separated"),
        ("a.csv", b"text|label\ngood|1\nbad|0\n", TWO, "bar-separated"),
        ("a.csv", b"text;label\na, b;1\nc;0\n", {"text": ["a, b", "c"], "label": ["1", "0"]}, "semicolon-separated"),
        ("a.csv", b"a,b;c\nx,y\nx;2,y\n", {"a": ["x", "x;2"], "b;c": ["y", "y"]}, ""),
        ("a.csv", b'text,label\n"a, ""b""\nc",1\n"d,",0\n', {"text": ['a, "b"\nc', "d,"], "label": ["1", "0"]}, ""),
        ("a.csv", b'text,label\n5" wide,1\n', {"text": ['5" wide'], "label": ["1"]}, ""),
        ("a.csv", b"text,label\na\0b,1\n", {"text": ["a\0b"], "label": ["1"]}, ""),
        ("a.csv", "text,label\ntrès déçu,1\n".encode("cp1252") + b"good,0\n", None, "Latin-1"),
        ("a.csv", "text,label\nтак,1\n".encode("utf-16"), {"text": ["так"], "label": ["1"]}, "UTF-16"),
        ("a.csv", "text,label\ngood,1\nbad,0\n".encode("utf-16-le"), TWO, "UTF-16"),
        ("a.tsv", b"text\tlabel\ngood\t1\nbad\t0\n", TWO, ""),
        ("a.tsv", b'"text"\t"label"\n"good"\t"1"\n"bad"\t"0"\n', TWO, ""),
        ("a.tsv", b'text\tlabel\n"good\t1\nbad\t0\n"fine\t1\n', None, "quote marks kept"),
        ("a.tsv", b'text\tlabel\n"good\t1\nbad"\t0\n', None, "quote marks kept"),
        ("a.tsv", b'text\tlabel\n"good" film\t1\n', {"text": ['"good" film'], "label": ["1"]}, "quote marks kept"),
        (
            "a.jsonl",
            b'{"text": "good", "label": 1}\n\n{"label": "0"}\n',
            {"text": ["good", None], "label": [1, "0"]},
            "",
        ),
        ("a.jsonl", b'{"label": true}\n{"text": 5, "label": 1.0}\n', {"text": [None, 5], "label": [True, 1.0]}, ""),
        ("a.json", b'[{"text": "a"},\n {"text": "b"}]', {"text": ["a", "b"]}, ""),
    ],
)
def test_a_table_is_read_and_its_form_told(
    tmp_path: Path, name: str, content: bytes, rows: dict[str, list[object]] | None, form: str
) -> None:
    (tmp_path / name).write_bytes(content)
    table = read_table(tmp_path / name)
    assert table.form == form
    if rows is None:  # one row a line, by the number of line ends
        assert len(table) == content.count(b"\n") - 1
    else:
        assert table.rows == rows
        assert all([*map(type, table.rows[name])] == [*map(type, column)] for name, column in rows.items())


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"text,label\ngood, but long,1\nbad,0\n", "line 2 has 3 fields, the header has 2; put"),
        ("a.csv", b"text,label\ngood,1\nbad\n", "line 3 has 1 field, the header has 2"),
        ("a.csv", b'text,label\n"a\nb",1\nbad\n', "line 4 has 1 field"),
        ("a.csv", b'text,label\ngood,1\n"bad,0\nfine,1\n', "line 3: a quote mark opens here and is never closed"),
        ("a.csv", b'text,label\n"good" film,1\n', "line 2: a quote mark is not valid in CSV"),
        ("a.csv", b'text,label\n"good,1\nbad,0\nfine",1\n', "line 2: a quote mark opens here and closes on"),
        ("a.csv", b"text,text,label\na,b,1\n", "line 1 names column 'text' twice"),
        ("a.csv", b"text;a,label\n1;2,3\n", "its first line holds commas and semicolons; name the one"),
        ("a.csv", b"text,label\n", "the file has no rows"),
        ("a.csv", b"", "the file is empty"),
        ("a.csv", b"\n\n", "the file is empty"),
        ("a.csv", b"PK\x03\x04rest", "is not text but a zip file (an Excel workbook?)"),
        ("a.csv", b"\x1f\x8b\x08", "is not text but compressed"),
        ("a.csv", "text,label\nхороший фильм,1\n".encode("cp1251"), "is not UTF-8, and its encoding cannot"),
        ("a.csv", "text,label\nżółć jaźń,1\n".encode("cp1250"), "its encoding cannot be detected"),
        ("a.csv", "text,label\nвлево налево,1\n".encode("cp1251"), "its encoding cannot"),  # "âëåâî íàëåâî": letters
        ("a.csv", "text,label\na film shot in Wrocław,1\n".encode("cp1250"), "its encoding cannot"),  # "Wroc³aw"
        ("a.csv", "text,label\n映画,1\n".encode("shift-jis"), "its encoding cannot be detected"),
        ("a.tsv", b"text\tlabel\na\tb\t1\n", "line 2 has 3 fields, the header has 2; put texts that hold a tab"),
        ("a.jsonl", b'{"text": "a"}\n{"text": \n', "line 2: "),
        ("a.jsonl", b'{"text": "a"}\n["a"]\n', "line 2 is not an object with columns as keys"),
        ("a.jsonl", b'{"text": "a"}\n3\n', "line 2 is not an object with columns as keys"),
        ("a.json", b"[" * 100_000, "cannot be read as json"),
        ("a.json", b'[{"a": 1}, 3]', "row 2 is not an object"),
        ("a.parquet", b"PAR1 no", "cannot be read as parquet"),
        ("a.csv.gz", b"x", "expected a file ending in .csv, .tsv, .jsonl, .json, .parquet; unpack it first"),
        ("a.xlsx", b"x", "expected a file ending in"),
    ],
)  # fmt: skip
def test_a_table_that_is_damaged_is_refused_by_line(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(AlumbenchError, match=re.escape(message)) as refused:
        read_table(tmp_path / name)
    assert "\n" not in str(refused.value) and str(refused.value).startswith(str(tmp_path / name))


def test_what_is_found_wrong_can_be_said(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("text;a,label\nтак;1,2\n".encode("cp1251"))
    table = read_table(path, ";", "cp1251")
    assert table.rows == {"text": ["так"], "a,label": ["1,2"]}
    assert table.form == "semicolon-separated, cp1251"
    for delimiter, encoding, message in (
        (";;", "cp1251", "--delimiter ;;"),
        (";", "hex", "--encoding hex"),
        (";", "utf-8", "not valid utf-8"),
    ):
        with pytest.raises(AlumbenchError, match=message):
            read_table(path, delimiter, encoding)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_hundred_thousand_lines_take_memory_in_proportion_and_keep_their_types(tmp_path: Path, suffix: str) -> None:
    """R30. Type inference by blocks made texts of numbers before row 10,000 something else than those after it."""
    path, count = tmp_path / f"big{suffix}", 100_000
    with path.open("w", newline="") as file:
        for number in range(count):
            text = str(number) if number < 20_000 else f"the film number {number} was good, though long"
            if suffix == ".csv":
                csv.writer(file).writerows([["text", "label"]] * (number == 0) + [[text, number % 2]])
            else:
                file.write(json.dumps({"text": text, "label": number % 2}) + "\n")
    tracemalloc.start()
    table = read_table(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(table) == count and {type(text) for text in table.rows["text"]} == {str}
    assert peak < 10 * path.stat().st_size
