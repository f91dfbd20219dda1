"""R28 and what nobody foresaw: one line, shown and not obeyed, with the path of a log."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from alumbench import cli
from alumbench.cli import failure
from alumbench.cli.streams import inert

ESCAPES = "\x1b]0;owned\x07\x1b[31m\u202e"


@pytest.fixture(autouse=True)
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    "error",
    [ValueError("x" + ESCAPES), MemoryError(), RecursionError("deep"), OSError(28, "No space"), KeyError("a" * 10**6)],
    ids=lambda error: type(error).__name__,
)
def test_any_error_is_one_line_and_a_log(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], logs: Path
) -> None:
    def broken(**options: object) -> None:
        raise error

    monkeypatch.setattr(cli, "group", broken)
    with pytest.raises(SystemExit) as stop:
        cli.main()
    (line,) = capsys.readouterr().err.splitlines()
    assert stop.value.code not in (0, None) and line.isprintable() and len(line) < 2000
    assert line.startswith(f"alumbench: internal error ({type(error).__name__}: ")
    found = re.search(r"the full log is in (.*\.log); please report it$", line)
    assert found is not None
    log = Path(found[1])
    assert "Traceback" in log.read_text() and log.stat().st_mode & 0o077 == 0 and log.stat().st_size < 4 * failure.LOG


def test_what_a_machine_refuses_is_not_called_ours(capsys: pytest.CaptureFixture[str]) -> None:
    failure.tell(OSError(36, "File name too long", "x" * 10**5 + "\x1b"))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("alumbench: xxx") and "x\\u001b: File name too long; the full log is in " in line
    assert len(line) < 1000 and "internal" not in line


def test_a_traceback_is_shown_where_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(failure.DEBUG, "1")
    failure.tell(ValueError(ESCAPES))
    told = capsys.readouterr().err
    assert "ValueError" in told.splitlines()[0] and "\x1b" not in told


def test_few_logs_are_kept_and_other_files_left(logs: Path) -> None:
    (logs / "alumbench-error-mine.txt").touch()
    for _ in range(failure.KEPT + 5):
        failure.tell(ValueError("x"))
    assert len([*logs.glob("*.log")]) == failure.KEPT and (logs / "alumbench-error-mine.txt").exists()


def test_without_a_place_for_the_log_the_line_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    failure.tell(ValueError("x"))
    assert "(ValueError: x); its log could not be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "out"),
    [
        ("a\tb\n", "a\tb\n"),
        ("\r 10%|█", "\r 10%|█"),
        ("\x1b[A", "\x1b[A"),
        ("row \x1b[31m\u202e\rgone\n", "row \\u001b[31m\\u202e\\u000dgone\n"),
        ("\r\x1b[2J", "\r\\u001b[2J"),
        ("é 中\n", "é 中\n"),
    ],
)
def test_a_stream_shows_what_a_terminal_would_obey(text: str, out: str) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), "utf-8", newline="")
    with inert(stream):
        print(text, end="", file=stream)
    stream.flush()
    assert stream.buffer.getvalue().decode() == out  # type: ignore[attr-defined]
    print("\x1b", end="", file=stream)  # and after it is as it was
    stream.flush()
    assert stream.buffer.getvalue().endswith(b"\x1b")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "arguments",
    [
        [ESCAPES],
        ["tasks", ESCAPES],
        ["suites", "--" + ESCAPES],
        ["train", "--training-seed", ESCAPES],
        ["train", "--precision", "a" * 100_000],
        ["leaderboard", "check", ESCAPES],
        ["claims", "x" * 100_000],
        ["train", "--config", ESCAPES],
    ],
    ids=lambda arguments: " ".join(arguments)[:25].encode("unicode_escape").decode(),
)
def test_what_is_typed_is_shown_and_bounded(arguments: list[str]) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "alumbench", *arguments],
        capture_output=True,
        env={**os.environ, "PYTHONUTF8": "1"},
        timeout=250,
    )
    assert (
        run.returncode in (1, 2, 70)
        and b"internal error" not in run.stderr
        and len(run.stderr) < 5000
        and b"Traceback" not in run.stderr
    )
    assert all(line.isprintable() for line in (run.stdout + run.stderr).decode().splitlines())
