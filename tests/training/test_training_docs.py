"""The code of docs/training-api.md, each block run as it is printed, with a tiny model in place of MiniLM."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForMaskedLM, AutoModelForSequenceClassification

from alumbench import load_data
from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs" / "training-api.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
MODEL, TASK = "sentence-transformers/all-MiniLM-L6-v2", '"sst2"'


def run(number: int, tiny_model: Path, **changes: str) -> dict[str, Any]:
    """What a block leaves in its names."""
    code = BLOCKS[number - 1].replace(MODEL, str(tiny_model)).replace(TASK, '"mini-sentiment"')
    for old, new in changes.items():
        code = code.replace(old, new)
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(code, f"training-api.md, block {number}", "exec"), names)
    return names


def test_the_page_has_five_blocks() -> None:
    assert len(BLOCKS) == 5
    assert all(MODEL in block for block in BLOCKS[:4]) and TASK in BLOCKS[0]


@pytest.mark.parametrize("number", [1, 2, 3], ids=["function", "trainer", "loop"])
def test_a_block_runs_and_leaves_a_checkpoint(
    number: int, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run(number, tiny_model)
    AutoModelForSequenceClassification.from_pretrained(tmp_path / "runs" / f"alum-{number}")


def test_the_block_that_pre_trains_leaves_a_masked_lm(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("films.txt").write_text("\n\n".join(load_data("mini-sentiment", "train").texts[:200]))
    done = run(4, tiny_model, wikipedia_sample="films.txt")["pretrained"]
    assert done.steps == 4 and done.metrics["loss"] > 0
    AutoModelForMaskedLM.from_pretrained(tmp_path / "runs" / "pretrained")


def test_the_block_without_a_download_trains(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = run(5, tiny_model)
    assert names["data"].label_names == ("negative", "positive") and len(names["data"]) == 2400
    assert names["checkpoint"].method == "alum" and (tmp_path / "runs/tiny/model.safetensors").is_file()
    assert names["result"].folder == Path("runs/tiny/evaluations/smoke-seed1-limit5")
