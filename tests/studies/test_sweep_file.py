"""A board's `sweep.json` that was changed by hand is a line, not a traceback."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from alumbench.errors import AlumbenchError
from alumbench.studies.choosing import chosen_of
from alumbench.studies.plan import Plan

BOARD = Path(__file__).parents[2] / "leaderboards" / "preset"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda found: [], "expected a table, found an empty list"),
        (lambda found: found.pop("rows") and found, "rows is missing"),
        (lambda found: found | {"rows": {"preset": 1}}, "rows.preset: expected a table, found a number (1)"),
        (lambda found: _row(found, chosen=99), "rows.preset: chose candidate 99 of "),
        (lambda found: _row(found, chosen=-1), "rows.preset.chosen: expected a whole number from 0 to"),
        (lambda found: _row(found, candidates=[{}]), "candidates[0]: options and figures and score are missing"),
    ],
)
def test_a_changed_sweep_is_refused(change: Any, message: str, tmp_path: Path) -> None:
    for name in ("board.toml", "runs.toml", "sweep.json"):
        shutil.copy(BOARD / name, tmp_path / name)
    assert chosen_of(Plan.read(tmp_path))
    changed = change(json.loads((tmp_path / "sweep.json").read_text()))
    (tmp_path / "sweep.json").write_text(json.dumps(changed))
    with pytest.raises(AlumbenchError) as error:
        chosen_of(Plan.read(tmp_path))
    assert str(error.value).startswith(f"{tmp_path / 'sweep.json'}: ") and message in str(error.value)


def _row(found: dict[str, Any], **changes: Any) -> dict[str, Any]:
    found["rows"]["preset"] |= changes
    return found
