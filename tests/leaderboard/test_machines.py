"""R25: a board is judged alike by every machine: with and without NLTK data, MiniLM and a mirror, from any folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alumbench.attacks.resources import RESOURCES
from alumbench.attacks.victim import Victim
from alumbench.evaluation.evaluate import Request, evaluate
from alumbench.evaluation.suite import load_suite
from alumbench.evaluation.validity import ENCODER
from alumbench.leaderboard.board import BUILT, build, outdated
from alumbench.leaderboard.report import write_report
from alumbench.leaderboard.submit import add
from alumbench.leaderboard.validate import check
from alumbench.leaderboard.verify import replay_board
from alumbench.models.checkpoint import checkpoint_task, find_model
from tests.conftest import MIRROR, REPOSITORY

#: For each machine, what it says of a resource: '' where it has it, else the remedy.
MACHINES: dict[str, Callable[[str], str]] = {
    "nothing": lambda name: f"a remedy of this machine for {name}",
    "MiniLM": lambda name: "" if name == ENCODER else f"{name} is not in /home/me",
    "NLTK data": lambda name: f"/home/me has no {name}" if name == ENCODER else "",
    "both": lambda name: "",
}


def become(patch: pytest.MonkeyPatch, machine: str) -> None:
    """Makes this machine one that has that."""
    names = {id(resource): name for name, resource in RESOURCES.items()}
    kind = type(RESOURCES[ENCODER])
    patch.setattr(kind, "problem", lambda resource: MACHINES[machine](names[id(resource)]))


@pytest.fixture(scope="module")
def checkpoint_of_bare(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A checkpoint attacked on a machine that could measure neither similarity nor grammar."""
    folder = shutil.copytree(checkpoint, tmp_path_factory.mktemp("bare") / "standard-1")
    files = find_model(str(folder))
    with pytest.MonkeyPatch.context() as patch:
        become(patch, "nothing")
        request = Request(load_suite("smoke"), only=("clean", "deepwordbug-all-words"))
        evaluate(request, Victim(files, checkpoint_task(files), "cpu"), folder / "evaluations/smoke", lambda *_: None)
    yield folder


@pytest.fixture
def made(board: Path, checkpoint_of_bare: Path) -> Path:
    """A board of it, with a column through the validity filter."""
    settings = board / "board.toml"
    column = '\n[[columns]]\ntitle = "valid"\nentry = "deepwordbug-all-words"\nmeasure = "valid_success_rate"\n'
    settings.write_text(settings.read_text() + column)
    add(board, checkpoint_of_bare)
    return board


def bytes_of(board: Path) -> dict[str, bytes]:
    return {name: (board / name).read_bytes() for name in (*BUILT, "report.html")}


@pytest.fixture
def bare(made: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What the machine that has nothing builds."""
    become(monkeypatch, "nothing")
    build(made)
    write_report(made, made / "report.html")
    (entry,) = (json.loads(path.read_text()) for path in (made / "results").glob("*.json"))
    told = entry["entries"]["deepwordbug-all-words"]["summary"]["validity"]["measures"]["valid_success_rate"]
    assert told["value"] is None and "was not measured" in told["reason"], "or this test shows nothing"
    return bytes_of(made)


@pytest.mark.parametrize("machine", MACHINES)
def test_check_build_verify_and_report_say_the_same_on_every_machine(
    made: Path, bare: dict[str, bytes], checkpoint_of_bare: Path, monkeypatch: pytest.MonkeyPatch, machine: str
) -> None:
    become(monkeypatch, machine)
    assert check(made) == outdated(made) == []
    build(made)
    write_report(made, made / "report.html")
    assert bytes_of(made) == bare
    (found,) = replay_board(made, [str(checkpoint_of_bare)], "cpu")
    assert not found.fallen and found.verdicts[0].texts > 0


@pytest.mark.parametrize("machine", MACHINES)
def test_an_entry_of_alumbench_0_1_whose_reason_says_how_its_machine_could_measure_it_passes(
    made: Path, monkeypatch: pytest.MonkeyPatch, machine: str
) -> None:
    (path,) = (made / "results").glob("*.json")
    entry = json.loads(path.read_text())
    told = entry["entries"]["deepwordbug-all-words"]["summary"]["validity"]["measures"]
    reason = "similarity of meaning was not measured: set A; grammar was not measured: wordnet: get B; stopwords: get C"
    for measure in told.values():
        measure["reason"] = reason
    path.write_text(json.dumps(entry))
    become(monkeypatch, machine)
    assert check(made) == []
    for measure in told.values():
        measure["reason"] = "grammar was not measured: get B"
    path.write_text(json.dumps(entry))
    assert [line for line in check(made) if "its validity does not follow" in line]


COMMANDS = """
import os, sys
os.umask(int(sys.argv[1], 8))
from click.testing import CliRunner
from alumbench.cli import group
for command in (["check"], ["build"], ["verify", sys.argv[3]], ["report"]):
    words = [*command[:1], sys.argv[2], *command[1:]]
    result = CliRunner().invoke(group, words if command == ["report"] else ["leaderboard", *words])
    assert result.exit_code == 0, (words, result.output, result.exception)
"""


@pytest.mark.parametrize("mirror", [False, True], ids=["no-mirror", "mirror"])
def test_nor_do_time_zone_locale_umask_terminal_hash_seed_and_folder_decide(
    made: Path, bare: dict[str, bytes], checkpoint_of_bare: Path, mirror: bool
) -> None:
    """In a process of its own, from within the board; with the real mirror and NLTK data where there are some."""
    place = Path(MIRROR) if MIRROR else REPOSITORY.parent / "shared"
    if mirror and not (place / "nltk_data").is_dir():
        pytest.skip(f"no mirror of real data: ALUMBENCH_MIRROR is unset and {place} has none")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG"))} | {
        **{"TZ": "Asia/Kolkata", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "COLUMNS": "20"},
        **{"PYTHONHASHSEED": "7", "PYTHONPATH": str(REPOSITORY), "HF_HUB_OFFLINE": "1"},
        **({"ALUMBENCH_MIRROR": str(place), "NLTK_DATA": str(place / "nltk_data")} if mirror else {}),
    }
    command = [sys.executable, "-c", COMMANDS, "077", ".", str(checkpoint_of_bare)]
    run = subprocess.run(command, cwd=made, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert bytes_of(made) == bare
