"""Boards: entries in, the same bytes out, and nothing that its records do not say."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from alumbench.attacks.victim import Victim
from alumbench.errors import AlumbenchError
from alumbench.evaluation.evaluate import Request, evaluate
from alumbench.evaluation.suite import load_suite
from alumbench.leaderboard.board import BUILT, build
from alumbench.leaderboard.compare import compare
from alumbench.leaderboard.submit import add
from alumbench.models.checkpoint import checkpoint_task, find_model


def _bytes(board: Path) -> dict[str, bytes]:
    return {name: (board / name).read_bytes() for name in BUILT}


def test_building_twice_from_entries_in_any_order_gives_the_same_bytes(board: Path, evaluated: list[Path]) -> None:
    """R19."""
    for folder in evaluated:
        add(board, folder)
    build(board)
    first = _bytes(board)
    shutil.rmtree(board / "results")
    shutil.rmtree(board / "records")
    for folder in reversed(evaluated):
        add(board, folder)
    build(board)
    assert _bytes(board) == first


def test_table_holds_what_the_records_say(board: Path, evaluated: list[Path]) -> None:
    for folder in evaluated:
        add(board, folder)
    build(board)
    lines = (evaluated[0] / "evaluations/smoke/records.jsonl").read_text().splitlines()
    records = [record for record in map(json.loads, lines) if record["entry"] == "adversarial"]
    right = sum(record["prediction"] == record["label"] for record in records) / len(records)
    table = json.loads((board / "table.json").read_text())
    cell = next(c for c in table if c["row"] == "standard" and c["entry"] == "adversarial")
    assert cell["value"] == pytest.approx(right) and cell["n"] == len(records) == 400
    assert cell["low"] < right < cell["high"] and cell["seeds"] == 2
    page = (board / "README.md").read_text()
    assert f"{100 * right:.1f} ± 0.0" in page
    assert "(single seed)" in page  # the alum row has one seed, and says so
    missing = next(c for c in table if c["row"] == "alum" and c["entry"] == "deepwordbug-all-words")
    assert missing["value"] is None and missing["reason"] == "not evaluated"


def test_changed_records_are_refused(board: Path, evaluated: list[Path]) -> None:
    add(board, evaluated[0])
    records = next((board / "records").iterdir())
    lines = gzip.decompress(records.read_bytes()).decode().replace('"wrong"', '"correct"', 1)
    records.write_bytes(gzip.compress(lines.encode(), mtime=0))
    with pytest.raises(AlumbenchError, match="is not the file that was added"):
        build(board)
    records.unlink()
    with pytest.raises(AlumbenchError, match="are missing"):
        build(board)


def test_rows_whose_names_make_one_file_are_kept_apart(board: Path, evaluated: list[Path]) -> None:
    standard, alum = evaluated[0], evaluated[-1]
    assert add(board, standard, "freelb") != add(board, alum, "freelb++")
    before = add(board, standard, "mine:a").read_bytes()
    with pytest.raises(AlumbenchError, match=r"holds row 'mine:a', whose name gives the same file name"):
        add(board, standard, "mine a")
    assert (board / "results/mine-a-seed1.json").read_bytes() == before


def test_a_figure_that_differs_from_its_records_is_refused(board: Path, evaluated: list[Path]) -> None:
    path = add(board, evaluated[0])
    entry = json.loads(path.read_text())
    entry["entries"]["clean"]["summary"]["measures"]["accuracy"]["value"] += 0.01
    path.write_text(json.dumps(entry))
    with pytest.raises(AlumbenchError, match="clean: its measures do not follow from its records"):
        build(board)


def test_an_unknown_schema_is_refused(board: Path, evaluated: list[Path]) -> None:
    path = add(board, evaluated[0])
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": 99}))
    with pytest.raises(AlumbenchError, match="schema 99 is unknown"):
        build(board)


def test_a_cut_or_unfinished_run_enters_no_board(board: Path, checkpoint: Path, tmp_path: Path) -> None:
    files = find_model(str(checkpoint))
    victim = Victim(files, checkpoint_task(files), "cpu")
    evaluate(Request(load_suite("smoke"), limit=5, only=("clean",)), victim, tmp_path / "cut", lambda *_: None)
    with pytest.raises(AlumbenchError, match="made with --limit"):
        add(board, tmp_path / "cut")
    evaluate(Request(load_suite("smoke"), only=("clean",)), victim, tmp_path / "whole", lambda *_: None)
    document = json.loads((tmp_path / "whole/evaluation.json").read_text())
    document["entries"]["clean"]["complete"] = False
    (tmp_path / "whole/evaluation.json").write_text(json.dumps(document))
    with pytest.raises(AlumbenchError, match="clean not finished"):
        add(board, tmp_path / "whole")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title = 'x'\ncolums = []", "Did you mean 'columns'"),
        ("title = 'x'\n[[columns]]\ntitle = 'a'\nentry = 'clean'\nmeasure = 'acuracy'", "Did you mean 'accuracy'"),
        ("title = ", "board.toml"),
    ],
)
def test_wrong_settings_are_named(board: Path, text: str, message: str) -> None:
    (board / "board.toml").write_text(text)
    with pytest.raises(AlumbenchError, match=message):
        build(board)


def test_compare_pairs_the_same_examples(evaluated: list[Path]) -> None:
    table = compare([evaluated[0], evaluated[2]])
    figures = [f for f in table.data if f["checkpoint"] == "alum-1" and f["measure"] == "accuracy"]
    # The same weights under another name: no example differs, so the difference is 0 and p is 1.
    assert figures and all(f["difference"] == 0 and f["p"] == 1.0 for f in figures)
    assert "standard-1" in table.header and "Smallest difference" in table.render("markdown")
    with pytest.raises(AlumbenchError, match="no finished entry is common"):
        compare([evaluated[0], _only_attack(evaluated[1])])


def _only_attack(folder: Path) -> Path:
    other = folder.parent / "attack-only"
    shutil.copytree(folder, other, dirs_exist_ok=True)
    path = other / "evaluations/smoke/evaluation.json"
    document = json.loads(path.read_text())
    document["entries"] = {}
    path.write_text(json.dumps(document))
    return other


def test_flags_stand_under_the_table(board: Path, evaluated: list[Path], tmp_path: Path) -> None:
    from alumbench.leaderboard.config import Board
    from alumbench.leaderboard.entries import BoardEntry

    path = add(board, evaluated[2], "standard")
    build(board)
    assert "Flags, each" not in (board / "README.md").read_text()
    entry = json.loads(path.read_text())
    entry["model_checks"][0]["training_modules"] = ["bert"]
    path.write_text(json.dumps(entry))
    assert [flag.flag for flag in BoardEntry.read(Board.read(board), path).flags()] == ["dropout-on"]
    build(board)
    page = (board / "README.md").read_text()
    assert "- **dropout-on**: modules in training mode: 1 (bert) (row and seeds: standard 1)" in page
    del entry["model_checks"]
    path.write_text(json.dumps(entry))
    assert BoardEntry.read(Board.read(board), path).flags() == [], "entries from before there were flags say nothing"


def test_the_order_of_hashes_changes_no_byte(board: Path, evaluated: list[Path]) -> None:
    """R3: built in new processes, as sets and hashes fall there."""
    for folder in evaluated:
        add(board, folder)
    found = []
    for seed in ("0", "1", "random"):
        command = [sys.executable, "-m", "alumbench", "leaderboard", "build", str(board)]
        subprocess.run(command, env=os.environ | {"PYTHONHASHSEED": seed}, check=True, capture_output=True)
        found.append(_bytes(board))
    assert found[0] == found[1] == found[2]
