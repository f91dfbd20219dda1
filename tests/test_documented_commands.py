"""R27: the commands in the blocks of README and docs are typed in their order, in a folder that has what they name."""

from __future__ import annotations

import csv
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from alumbench.data import miniature
from experiments.geometry.__main__ import geometry
from tests.cli.test_commands import invoke
from tests.conftest import REPOSITORY
from tests.forked import forked  # noqa: F401 - a fixture
from tests.synthetic_mirror import write_mirror

PAGES = sorted([REPOSITORY / "README.md", *REPOSITORY.glob("docs/*.md")])
#: What stands for a name of the reader's choice.
PLACEHOLDERS = {"BOARD": "board", "FOLDER": "sent", "NAME": "me"}
#: Commands that other tests run, or that are no alumbench command, by how they begin; and where they are run.
ELSEWHERE = {
    "python -m experiments.claims leaderboards/claims": "tests/experiments/test_build.py",
    "alumbench attack my-org/": "tests/models/test_attack_command.py",
    "alumbench attack runs/my-lora": "tests/models/test_attack_command.py",
    "alumbench attack my_module:": "tests/models/test_attack_command.py",
    "alumbench attack ./my_file.py:": "tests/models/test_attack_command.py",
    "alumbench attack https://": "tests/models/test_attack_command.py",
    "alumbench demo": "tests/test_package.py",
    "alumbench train --method ./": "tests/test_plug_ins.py",
    "alumbench attack keywords": "tests/test_plug_ins.py",
    "alumbench attack runs/entropy": "tests/test_plug_ins.py",
    "make demo": "tests/test_package.py",
    "make test": ".ci/run",
    "pip install": "Makefile",
    "uv pip install": "Makefile",
    "python -m nltk.downloader": "tests/attacks/test_loader.py",
}
PLAN = """
seeds = [2]
suites = ["advglue", "textattack-core"]
train = { task = "sst2", model = "sentence-transformers/all-MiniLM-L6-v2" }
[[rows]]
row = "standard"
"""


def blocks(path: Path) -> list[list[str]]:
    """The commands of each block of a page, in their order; a backslash goes on in the next line."""
    found = []
    for block in re.findall(r"^```[a-z]*\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        lines = [line.partition("  #")[0].strip() for line in block.replace("\\\n", " ").splitlines()]
        found.append([line for line in lines if re.match(r"(alumbench|make|pip|uv|python|torchrun) ", line)])
    return [lines for lines in found if lines]


def where_else(line: str) -> str:
    """Where a command is run if not here."""
    return next((where for begin, where in ELSEWHERE.items() if line.startswith(begin)), "")


@pytest.fixture
def run(
    mirror: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    tiny_model: Path,
) -> Callable[[str], tuple[int, str]]:
    """Types a line in a folder with tables of one's own, beside a mirror with a few made-up rows and real NLTK data."""
    small = write_mirror(tmp_path / "mirror", tiny_model)
    (small / "nltk_data").symlink_to(mirror / "nltk_data")
    monkeypatch.setenv("ALUMBENCH_MIRROR", str(small))
    monkeypatch.chdir(tmp_path)
    made = miniature.rows("sentiment/train")
    for name, part in (("train.csv", slice(0, 120)), ("test.csv", slice(120, 150))):
        with Path(name).open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["review", "sentiment"])
            writer.writerows(zip(made["sentence"][part], made["label"][part], strict=True))

    def type_line(line: str) -> tuple[int, str]:
        program, *words = [PLACEHOLDERS.get(word, word) for word in shlex.split(line)]
        if words[:2] == ["-m", "experiments.geometry"]:
            return invoke(*words[2:], command=geometry, monkeypatch=monkeypatch, capsys=capsys)
        assert program == "alumbench"
        if words[:2] == ["leaderboard", "run"]:
            Path("board/runs.toml").write_text(PLAN)
        return invoke(*words, monkeypatch=monkeypatch, capsys=capsys)

    return type_line


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_documented_commands_run(page: Path, run: Callable[[str], tuple[int, str]]) -> None:
    for line in (line for block in blocks(page) for line in block if not where_else(line)):
        status, text = run(line)
        assert status == 0, f"{page.name}: {line}\n{text}"


def test_commands_are_found_and_those_run_elsewhere_are_there() -> None:
    lines = [line for page in PAGES for block in blocks(page) for line in block]
    assert len(lines) > 20 and any(" --method alum " in line for line in lines)
    for begin, where in ELSEWHERE.items():
        assert (REPOSITORY / where).is_file(), begin
    typed = ("alumbench ", "python -m experiments.geometry ")
    assert not [line for line in lines if not line.startswith(typed) and not where_else(line)]
