"""Standard output and error that are closed, or whose reader goes away: no traceback, and a status that says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from alumbench.cli import group
from alumbench.cli.streams import READER_GONE
from tests.conftest import REPOSITORY

#: A command that prints as the Trainer does: through `print`, which waits until a buffer is full.
PRINTING = """
import sys, alumbench.cli as cli
cli.group = lambda **_: [print(f"line {number}") for number in range(int(sys.argv[1]))]
cli.main()
"""


def shell(line: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "PYTHON": sys.executable} | more
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=environment, timeout=120)


@pytest.fixture(scope="module")
def printing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("printing") / "printing.py"
    file.write_text(PRINTING)
    return file


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("-m alumbench tasks | true", READER_GONE),
        ("-m alumbench --help | true", READER_GONE),
        ("-m alumbench no-such-command 2>&1 | true", READER_GONE),
        ("$FILE 5 | true", READER_GONE),
        ("$FILE 100000 | head -1 >/dev/null", READER_GONE),
        ("$FILE 5 | cat >/dev/null", 0),
        ("-m alumbench tasks >&-", 0),
        ("-m alumbench tasks 2>&-", 0),
        ("-m alumbench tasks <&- >&- 2>&-", 0),
        ("-m alumbench no-such-command 2>&-", 2),
    ],
)
def test_closed_streams_end_a_command_quietly(printing: Path, line: str, status: int, unbuffered: str) -> None:
    done = shell(f"$PYTHON {line}; exit ${{PIPESTATUS[0]}}", FILE=str(printing), PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stderr) == (status, "")


def test_a_file_does_not_take_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    """Else what a library prints would go into the next file that is opened, a checkpoint's weights, say."""
    code = (
        "import os, sys, alumbench.cli as cli\n"
        "cli.group = lambda **_: [open(sys.argv[1], 'w'), os.write(1, b'said by a library'), print('said by us')]\n"
        "cli.main()"
    )
    done = shell(f'$PYTHON -c "{code}" $FILE >&-', FILE=str(tmp_path / "file"))
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "file").read_text() == ""


def test_the_command_is_called_alumbench_however_it_is_started() -> None:
    assert CliRunner().invoke(group, ["train", "--help"]).output.startswith("Usage: alumbench train")
    assert shell("$PYTHON -m alumbench --help").stdout.startswith("Usage: alumbench [OPTIONS]")
