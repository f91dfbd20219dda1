"""The boards in this repository: what is built is what their records say, and no data set's text is among them."""

from __future__ import annotations

import gzip
import json
import shutil
from collections import defaultdict
from pathlib import Path

import pytest

from alumbench.leaderboard.board import BUILT, build

BOARDS = sorted(path.parent for path in (Path(__file__).parents[2] / "leaderboards").glob("*/results"))


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


#: What counts as right, by measure, and what a worst case is made of.
RIGHT = {"accuracy": "correct", "accuracy_under_attack": "robust"}
WORST = {
    "worst case offline@1": {"deepwordbug", "pwws", "textfooler-jia-minilm", "textbugger-jia-minilm"},
    "worst case hypothesis@1": {"deepwordbug", "pwws"},
    "worst case unseen@1": {"textfooler-jia-minilm", "textbugger-jia-minilm"},
}
#: Three cells of each table: row, entry and measure.
CELLS = [
    ("sst2-minilm", "standard", "deepwordbug", "accuracy_under_attack"),
    ("sst2-minilm", "alum", "deepwordbug", "accuracy_under_attack"),
    ("sst2-minilm", "alum", "clean", "accuracy"),
    ("sst2-methods", "fgm", "advglue-sst2", "accuracy"),
    ("sst2-methods", "rdrop", "embedding-pgd-0.1", "accuracy_under_attack"),
    ("sst2-methods", "alum:vat", "deepwordbug", "accuracy_under_attack"),
    ("nli-minilm", "standard", "anli-r1-test", "accuracy"),
    ("nli-minilm", "standard", "advglue-mnli", "accuracy"),
    ("nli-minilm", "standard", "clean", "accuracy"),
    ("sentiment", "alum:fisher", "worst case offline@1", "accuracy_under_attack"),
    ("sentiment", "freelb++", "pwws", "accuracy_under_attack"),
    ("sentiment", "standard", "imdb-1000", "accuracy"),
    ("sentiment", "a2t, alum's cost", "textfooler-jia-minilm", "accuracy_under_attack"),
    ("claims-constants", "alum-paper", "embedding-pgd-0.1", "accuracy_under_attack"),
    ("claims-constants", "alum:fisher", "clean", "accuracy"),
    ("claims-constants", "alum-ref", "deepwordbug", "accuracy_under_attack"),
    ("claims-steps", "alum:fisher K=2", "embedding-pgd-0.1", "accuracy_under_attack"),
    ("claims-steps", "alum:fisher K=3", "clean", "accuracy"),
    ("claims-steps", "standard", "deepwordbug", "accuracy_under_attack"),
    ("claims-scratch", "ALUM pre-training", "clean", "accuracy"),
    ("claims-scratch", "ALUM pre-training", "deepwordbug", "accuracy_under_attack"),
    ("claims-scratch", "standard pre-training", "embedding-pgd-0.1", "accuracy_under_attack"),
    ("preset", "preset", "worst case unseen@1", "accuracy_under_attack"),
    ("preset", "standard", "worst case offline@1", "accuracy_under_attack"),
    ("preset", "preset", "checklist-sentiment", "accuracy"),
    ("nli", "RoBERTa-large", "anli-r1-dev", "accuracy"),
    ("nli", "alum:fisher", "worst case hypothesis@1", "accuracy_under_attack"),
    ("nli", "standard", "breaking-nli", "accuracy"),
    ("nli", "smart", "pwws", "accuracy_under_attack"),
    ("nli-8000", "fgm", "clean", "accuracy"),
    ("nli-8000", "noise", "worst case hypothesis@1", "accuracy_under_attack"),
    ("nli-8000", "standard", "anli-r3-test", "accuracy"),
    ("claims-noise", "alum:fisher 20%", "clean", "accuracy"),
    ("claims-noise", "fgm 40%", "embedding-pgd-0.1", "accuracy_under_attack"),
    ("claims-noise", "standard 20%", "deepwordbug", "accuracy_under_attack"),
    ("claims-continual", "ALUM throughout", "clean", "accuracy"),
    ("claims-continual", "standard, then ALUM", "embedding-pgd-0.1", "accuracy_under_attack"),
    ("claims-continual", "standard continual", "advglue-sst2", "accuracy"),
]


def records_of(board: Path, row: str) -> list[list[dict[str, object]]]:
    """A row's records, seed by seed."""
    entries = [json.loads(path.read_text()) for path in sorted((board / "results").glob("*.json"))]
    files = [board / entry["records"]["file"] for entry in entries if entry["row"] == row]
    return [[json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()] for file in files]


@pytest.mark.parametrize(("board", "row", "entry", "measure"), CELLS)
def test_a_cell_recomputed_by_hand(board: str, row: str, entry: str, measure: str) -> None:
    """From the records alone: the mean over seeds of right answers in all."""
    folder, shares = Path(__file__).parents[2] / "leaderboards" / board, []
    for records in records_of(folder, row):
        outcomes = defaultdict(set)
        for record in records:
            if record["entry"] in WORST.get(entry, {entry}):
                outcomes[record["id"]].add(record["outcome"])
        shares.append(sum(found == {RIGHT[measure]} for found in outcomes.values()) / len(outcomes))
    cells = json.loads((folder / "table.json").read_text())
    (cell,) = [cell for cell in cells if (cell["row"], cell["entry"], cell["group"]) == (row, entry, "")]
    assert cell["value"] == pytest.approx(sum(shares) / len(shares), abs=1e-9)
    assert cell["seeds"] == len(shares) and cell["n"] == len(outcomes)


def test_what_is_written_of_the_printed_constants() -> None:
    """In README, docstring and reading: alum-paper has standard's outcome and adversarial text on every record."""
    folder = Path(__file__).parents[2] / "leaderboards" / "claims-constants"

    def told(row: str) -> list[dict[tuple[object, object], object]]:
        seeds = records_of(folder, row)
        return [{(r["entry"], r["id"]): (r["outcome"], r.get("adversarial")) for r in records} for records in seeds]

    assert told("alum-paper") == told("standard") and sum(map(len, told("standard"))) == 6276
    assert told("alum-ref") != told("standard")
