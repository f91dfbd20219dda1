"""The boards in this repository: what is built is what their records say, and no data set's text is among them."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest

from alumbench.leaderboard.board import BUILT, build

BOARDS = sorted(path.parent for path in (Path(__file__).parents[2] / "leaderboards").glob("*/board.toml"))


@pytest.mark.parametrize("board", BOARDS, ids=lambda path: path.name)
def test_rebuilding_gives_the_committed_bytes(board: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(board, tmp_path / board.name)
    for name in BUILT:
        (copy / name).unlink()
    build(copy)
    for name in BUILT:
        assert (copy / name).read_bytes() == (board / name).read_bytes(), name


@pytest.mark.parametrize("board", BOARDS, ids=lambda path: path.name)
def test_records_leave_the_data_sets_texts_out(board: Path) -> None:
    for path in board.glob("records/*.gz"):
        records = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
        assert records and not [record for record in records if "texts" in record]


@pytest.mark.parametrize("row", ["standard", "alum"])
def test_a_cell_recomputed_by_hand(row: str) -> None:
    """Accuracy under deepwordbug, from the records alone: the mean over seeds of robust examples in all."""
    board = Path(__file__).parents[2] / "leaderboards" / "sst2-minilm"
    shares = []
    for path in sorted(board.glob(f"records/{row}-seed*.gz")):
        records = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
        outcomes = [record["outcome"] for record in records if record["entry"] == "deepwordbug"]
        assert len(outcomes) == 200
        shares.append(outcomes.count("robust") / 200)
    cells = json.loads((board / "table.json").read_text())
    (cell,) = [cell for cell in cells if (cell["row"], cell["entry"]) == (row, "deepwordbug")]
    assert cell["value"] == pytest.approx(sum(shares) / 3, abs=1e-9) and cell["seeds"] == len(shares) == 3
