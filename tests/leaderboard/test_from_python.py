"""A board from Python: started, added to, built, checked and verified."""

from __future__ import annotations

from pathlib import Path

import alumbench as ab


def test_a_board_is_kept_from_python(evaluated: list[Path], tmp_path: Path) -> None:
    board = ab.Leaderboard.start(tmp_path / "board", "mini-sentiment", ["smoke"])
    for folder in evaluated[:2]:
        board.add(folder, "standard")
    assert "standard" in board.build().render("markdown") and board.check() == []
    (first, *_) = board.verify(evaluated[0], device="cpu")
    assert not first.fallen and first.checkpoint is not None
    opened = ab.Classifier.from_pretrained(evaluated[0], device="cpu")
    assert [one.verdicts for one in board.verify(opened, device="cpu")] == [first.verdicts, []]
    (tmp_path / "board" / "README.md").write_text("mine")
    assert [line for line in board.check() if "README.md" in line]
