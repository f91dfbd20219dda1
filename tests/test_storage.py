"""R5 and R17: whatever happens while a file is written, what is on disk is whole, and the run can go on."""

from __future__ import annotations

import errno
import json
import math
import os
import resource
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alumbench.errors import AlumbenchError
from alumbench.parsing import read_json
from alumbench.storage import RecordLog, finite, read_records, sha256_of, write_bytes, write_json, write_text


@contextmanager
def disk_full_after(size):
    """No file may grow past `size` bytes: the kernel cuts the write that crosses it short and fails the next."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.endswith(".lock")}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf], ids=repr)
def test_numbers_that_are_not_finite_become_null_at_any_depth(tmp_path, value):
    write_json(tmp_path / "a.json", {"a": value, "b": [1.5, {"c": (value, 2)}], "d": "NaN"})
    text = (tmp_path / "a.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail) == {"a": None, "b": [1.5, {"c": [None, 2]}], "d": "NaN"}
    assert finite({"x": (value,)}) == {"x": [None]}


@pytest.mark.parametrize("text", ["plain", "é ☃ 😀", "\u202eright to left\u202c", "nul \0 here", "\x1b[31m", ""])
def test_written_json_is_read_back(tmp_path, text):
    write_json(tmp_path / "sub" / "a.json", {"text": text})
    assert read_json(tmp_path / "sub" / "a.json") == {"text": text}
    assert names(tmp_path / "sub") == {"a.json"}


def test_json_with_a_lone_surrogate_is_written_too(tmp_path):
    """The path of a file whose name is no UTF-8 holds one; so can a text that came through JSON."""
    write_json(tmp_path / "a.json", {"path": "name-\udcff"})
    assert read_json(tmp_path / "a.json") == {"path": "name-\udcff"}


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, call):
    path = tmp_path / "a.json"
    write_json(path, {"old": True})
    before = path.read_bytes()

    def fail(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(AlumbenchError, match=r"a\.json: cannot be written \(No space left.*rerun the same command"):
        write_json(path, {"new": True})
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert names(tmp_path) == {"a.json"}


def test_full_disk_never_truncates_a_json_file(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"old": True})
    with disk_full_after(1000), pytest.raises(AlumbenchError, match="free up space or give another --out"):
        write_json(path, {"new": "x" * 5000})
    assert read_json(path) == {"old": True}
    assert names(tmp_path) == {"a.json"}


def test_value_that_is_no_json_leaves_the_old_file(tmp_path):
    write_json(tmp_path / "a.json", {"old": True})
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"new": object()})
    assert read_json(tmp_path / "a.json") == {"old": True}


WRITER = """
import os, pathlib, sys
from alumbench.storage import write_json
plain = os.fsync
def wait(file):
    print("writing", flush=True)
    sys.stdin.readline()
    plain(file)
os.fsync = wait
write_json(pathlib.Path(sys.argv[1]), {"by": "child"})
"""


def test_what_a_killed_write_left_is_cleared_by_the_next_and_what_is_being_written_is_not(tmp_path):
    def child():
        begun = subprocess.Popen(
            [sys.executable, "-c", WRITER, tmp_path / "a.json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert begun.stdout.readline() == b"writing\n"
        return begun

    killed, alive = child(), child()
    killed.kill()
    killed.communicate()
    other = {".b.json.0123.tmp", ".a.json.lock", ".a.json.abcd"}
    for name in other:
        (tmp_path / name).write_text("")
    assert len({path.name for path in tmp_path.iterdir()} - other) == 2
    write_json(tmp_path / "a.json", {"by": "parent"})
    left = {path.name for path in tmp_path.iterdir()} - other
    assert len(left) == 2 and "a.json" in left, "the living writer's file is left to it"
    assert read_json(tmp_path / "a.json") == {"by": "parent"}
    alive.communicate(b"\n")
    assert alive.returncode == 0
    assert read_json(tmp_path / "a.json") == {"by": "child"}
    assert {path.name for path in tmp_path.iterdir()} == other | {"a.json"}


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)], ids=oct)
def test_the_umask_decides_who_reads_a_file(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_json(tmp_path / "a.json", {})
        with RecordLog(tmp_path / "r.jsonl") as log:
            log.append({"id": 2})
            modes = {(tmp_path / "r.jsonl").stat().st_mode & 0o777}
            log.append({"id": 1})
            log.replace(sorted(log.records, key=lambda record: record["id"]))
    finally:
        os.umask(before)
    assert modes | {(tmp_path / name).stat().st_mode & 0o777 for name in ("a.json", "r.jsonl")} == {mode}


@pytest.mark.parametrize("write", [lambda p: write_text(p, "x"), lambda p: write_bytes(p, b"x"), RecordLog])
def test_folder_that_cannot_be_made_is_named(tmp_path, write):
    """Below a regular file nothing can be made, not even by root."""
    (tmp_path / "file").write_text("")
    with pytest.raises(AlumbenchError, match=r"file/out/a\.json: cannot be written"):
        write(tmp_path / "file" / "out" / "a.json")


def test_read_only_folder_is_named(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(AlumbenchError, match=r"a\.json: cannot be written \(Permission denied\)"):
        write_json(tmp_path / "a.json", {})
    with pytest.raises(AlumbenchError, match=r"r\.jsonl: cannot be written \(Permission denied\)"):
        RecordLog(tmp_path / "r.jsonl")


@pytest.mark.parametrize(
    ("content", "message"), [(None, "no such file"), (b"{", "cannot be read as JSON"), (b"\xff", "line 1 is not UTF-8")]
)
def test_unreadable_json_is_named(tmp_path, content, message):
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AlumbenchError, match=rf"a\.json: {message}"):
        read_json(path)


def test_sha256_of(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


WHOLE = b'{"id": "1"}\n{"id": "2"}\n'


@pytest.mark.parametrize("tail", [b'{"id": "3"', b'{"id": "3"}', b"{", b"\0" * 40, b'{"id": "\xf0\x9f', b"\n", b"3\n"])
def test_torn_last_line_is_dropped_and_the_log_goes_on(tmp_path, tail):
    path = tmp_path / "r.jsonl"
    path.write_bytes(WHOLE + tail)
    with RecordLog(path) as log:
        assert [record["id"] for record in log.records] == ["1", "2"]
        assert log.dropped == len(tail)
        log.append({"id": "3"})
    assert path.read_bytes() == WHOLE + b'{"id": "3"}\n'


@pytest.mark.parametrize("size", range(len(WHOLE) + 1))
def test_a_log_cut_at_any_byte_keeps_its_whole_lines(tmp_path, size):
    path = tmp_path / "r.jsonl"
    path.write_bytes(WHOLE[:size])
    records, good = read_records(path)
    assert len(records) == WHOLE[:size].count(b"\n")
    assert WHOLE[:size].startswith(WHOLE[:good]) and WHOLE[:good].count(b"\n") == len(records)


@pytest.mark.parametrize("line", [b"{torn\n", b"\n", b"[1]\n", b"null\n", b"\xff\n"])
def test_damage_before_the_last_line_is_refused_by_its_number(tmp_path, line):
    path = tmp_path / "r.jsonl"
    content = b'{"id": "1"}\n' + line + b'{"id": "3"}\n'
    path.write_bytes(content)
    for _ in range(2):  # the second time shows that the first gave the lock back
        with pytest.raises(AlumbenchError, match=r"r\.jsonl: line 2 is damaged .* move the file away"):
            RecordLog(path)
    assert path.read_bytes() == content


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(), st.text() | st.floats() | st.none() | st.lists(st.text(st.characters()))))
def test_any_record_is_one_line_of_ascii_and_comes_back(tmp_path_factory, record):
    path = tmp_path_factory.mktemp("log") / "r.jsonl"
    with RecordLog(path) as log:
        log.append(record)
        log.append({"next": True})
    assert path.read_bytes().isascii() and path.read_bytes().count(b"\n") == 2
    assert read_records(path)[0] == [finite(record), {"next": True}]


@pytest.mark.parametrize("behaviour", ["half", "raise"])
def test_full_disk_under_the_log_keeps_the_last_whole_record(tmp_path, monkeypatch, behaviour):
    path, real = tmp_path / "r.jsonl", os.pwrite

    def full(file, data, offset):
        if behaviour == "raise":
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, data[: len(data) // 2], offset)

    with RecordLog(path) as log:
        log.append({"id": "1"})
        monkeypatch.setattr(os, "pwrite", full)
        with pytest.raises(AlumbenchError, match=r"No space left on device.*rerun the same command"):
            log.append({"id": "2"})
        assert path.read_bytes() == b'{"id": "1"}\n'
        monkeypatch.undo()
        log.append({"id": "2"})
        assert [record["id"] for record in log.records] == ["1", "2"]
    assert path.read_bytes() == WHOLE


def test_full_disk_as_the_kernel_does_it(tmp_path):
    path = tmp_path / "r.jsonl"
    with RecordLog(path) as log:
        log.append({"id": "1"})
        with disk_full_after(100), pytest.raises(AlumbenchError, match="free up space"):
            log.append({"id": "x" * 500})
    assert read_records(path) == ([{"id": "1"}], 12)
    assert path.stat().st_size == 12


def test_a_second_holder_is_refused_until_the_first_ends(tmp_path):
    path = tmp_path / "r.jsonl"
    code = (
        "import sys, pathlib; from alumbench.storage import RecordLog\n"
        "log = RecordLog(pathlib.Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen([sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"held\n"
    with pytest.raises(
        AlumbenchError, match="another run is writing to this folder; wait for it or give another --out"
    ):
        RecordLog(path)
    child.kill()  # a killed holder leaves no lock behind
    child.communicate()
    with RecordLog(path) as log, pytest.raises(AlumbenchError, match="another run is writing to this folder"):
        log.append({"id": "1"})
        RecordLog(path)
    with RecordLog(path) as log:
        assert log.records == [{"id": "1"}]


def test_records_come_after_those_that_were_put_in_order_and_grew(tmp_path):
    with RecordLog(tmp_path / "records.jsonl") as log:
        for number in (2, 0, 1):
            log.append({"id": number})
        for record in log.records:
            record["more"] = "x" * 50
        log.replace([dict(record) for record in sorted(log.records, key=lambda record: record["id"])])
        log.append({"id": 3})
    records, size = read_records(tmp_path / "records.jsonl")
    assert [record["id"] for record in records] == [0, 1, 2, 3]
    assert size == (tmp_path / "records.jsonl").stat().st_size
