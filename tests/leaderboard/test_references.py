"""Published predictions as rows: joined, scored from records, marked wherever they are shown, and no rivals of ours."""

from __future__ import annotations

import csv
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from alumbench.cli import group
from alumbench.errors import AlumbenchError
from alumbench.leaderboard.board import build, outdated
from alumbench.leaderboard.every_eval_ever import from_log, to_log
from alumbench.leaderboard.exchange import export, import_
from alumbench.leaderboard.external_rows import add_references
from alumbench.leaderboard.references import References
from alumbench.leaderboard.report import write_report
from alumbench.leaderboard.submission import make_submission
from alumbench.leaderboard.validate import check, load
from alumbench.leaderboard.verify import replay_board
from alumbench.leaderboard.view import REFERENCE, view
from alumbench.reports.html import page
from tests.leaderboard.test_validate import change, rewrite_records, wrong_to_right
from tests.typed import plain

BOARDS = Path(__file__).parents[2] / "leaderboards"
LABELS = ("entailment", "neutral", "contradiction")
SUITE = """
name = "pairs"
version = 1
title = "ten pairs"
[[entry]]
name = "set"
kind = "fixed"
[[entry.source]]
file = "{folder}/set.csv"
[[entry]]
name = "typos"
kind = "attack"
recipe = "deepwordbug-all-words@1"
"""
BOARD = """
title = "Pairs"
baseline = "standard"
rank = "set"
tasks = ["mini-nli"]
suites = ["pairs@1"]
[[columns]]
title = "set"
entry = "set"
measure = "accuracy"
[[columns]]
title = "cost"
entry = "training"
measure = "training_cost"
"""
REFERENCES = """
task = "mini-nli"
suite = "{folder}/pairs.toml"
published = "somebody/models@abc:predictions.csv"
licence = "CC BY 4.0"
[[predictions]]
entry = "set"
key = "uid"
source = {{ file = "predictions.csv" }}
[[rows]]
row = "large"
model = "a large model"
prediction = "large"
scores = "scores"
[[rows]]
row = "base"
prediction = "base"
"""


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """Ten pairs; `large` gets seven right and `base` none. The predictions stand in another order than the pairs."""
    folder = tmp_path / "board"
    folder.mkdir()
    rows = [(f"u{at}", f"premise {at}", f"hypothesis {at}", at % 3) for at in range(10)]
    with (tmp_path / "set.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("uid", "premise", "hypothesis", "label"), *rows])
    told = []
    for at, (uid, _, _, label) in enumerate(rows):
        large = label if at < 7 else (label + 1) % 3
        scores = [0.8 if name == large else 0.1 for name in range(3)]
        told.append((uid, label, large, LABELS[(label + 1) % 3], json.dumps(scores)))
    with (folder / "predictions.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("uid", "label", "large", "base", "scores"), *told[::-1]])
    (tmp_path / "pairs.toml").write_text(SUITE.format(folder=tmp_path))
    (folder / "board.toml").write_text(BOARD)
    (folder / "references.toml").write_text(REFERENCES.format(folder=tmp_path))
    return folder


@pytest.fixture
def filled(board: Path) -> Path:
    """The same with two rows of our own, which answered as the references did."""
    add_references(board)
    ours = json.loads((BOARDS / "sst2-minilm/results/standard-seed1.json").read_text())
    for at, (row, like) in enumerate([("standard", "base"), ("alum", "large")]):
        content = json.loads((board / f"results/reference-{like}.json").read_text())
        del content["reference"]
        file = f"records/{row}-seed1.jsonl.gz"
        shutil.copy(board / content["records"]["file"], board / file)
        evaluation = ours["evaluations"][0] | {"model": f"{at}" * 64}
        evaluation["suite"] = {"name": "pairs", "version": 1, "sha256": "0" * 64}
        content |= {"row": row, "training": ours["training"], "evaluations": [evaluation]}
        content["records"]["file"] = file
        path = board / f"results/{row}-seed1.json"
        path.write_text(json.dumps(content))
        rewrite_records(path, with_scores)
    return board


def with_scores(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As our own records have them."""
    return [r | {"scores": [0.8 if label == r["prediction"] else 0.1 for label in LABELS]} for r in records]


def test_each_prediction_is_joined_by_its_key_and_scored(board: Path) -> None:
    large, base = add_references(board)
    accuracies = [entry.content.entries["set"].figures.measures["accuracy"].value for entry in (large, base)]
    assert accuracies == [0.7, 0.0]
    records = large.records["set"]
    assert len(records) == 10 and sum(record.prediction == record.label for record in records) == 7
    assert all(record.scores[LABELS.index(record.prediction)] == 0.8 for record in records)
    assert not any(record.texts for record in records) and base.records["set"][0].scores is None
    assert large.training is None and large.training_time is None and not large.weights
    assert large.reference is not None and plain(large.reference)["predictions"]["set"]["path"] == "predictions.csv"
    assert check(board) == []


def test_the_same_command_again_gives_the_same_bytes(board: Path) -> None:
    result = CliRunner().invoke(group, ["leaderboard", "reference", str(board)])
    assert result.exit_code == 0 and "set: 70.0, 10 of 10 examples joined, all gold labels agree" in result.output
    files = {path: path.read_bytes() for path in board.rglob("*.*")}
    add_references(board)
    assert {path: path.read_bytes() for path in board.rglob("*.*")} == files


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("predictions.csv", "u3,0,", "u3,1,", "u3 has label '?1'?, the example of set is entailment"),
        ("predictions.csv", "u3,0,", "u77,0,", "has no predictions for 1 of the 10 examples of set"),
        ("predictions.csv", "u3,0,", "u4,0,", "uid u4 occurs twice"),
        ("predictions.csv", "[0.8, 0.1, 0.1]", "[0.8, 0.2]", "column 'scores' holds .*, expected a probability for"),
        ("references.toml", 'prediction = "large"', 'prediction = "lage"', "'lage'. Did you mean 'large'"),
        ("references.toml", 'entry = "set"', 'entry = "sets"', "'sets'. Did you mean 'set'"),
        ("references.toml", 'entry = "set"', 'entry = "typos"', "unknown entry 'typos'"),
        ("references.toml", 'key = "uid"', 'key = "id"', "no column 'id'"),
        ("references.toml", 'row = "base"', 'rwo = "base"', "Did you mean 'row'"),
        ("references.toml", 'row = "base"', 'row = "large?"', "names that give the same file name"),
        ("references.toml", 'published = "', 'site = "', "site"),
        ("references.toml", '"mini-nli"', '"nli"', "task nli: .* is for mini-nli"),
        ("board.toml", '"pairs@1"', '"anli@1"', "suite pairs@1: .* is for anli@1"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_written(
    board: Path, file: str, old: str, new: str, message: str
) -> None:
    text = (board / file).read_text()
    assert old in text
    (board / file).write_text(text.replace(old, new, 1))
    with pytest.raises(AlumbenchError, match=message):
        add_references(board)
    assert not (board / "results").exists() and not (board / "records").exists()


def test_a_board_without_references_is_told_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(AlumbenchError, match=r"references\.toml: no such file\. It names task, suite"):
        References.read(tmp_path)


def _as_ours(entry: dict[str, Any]) -> None:
    entry["evaluations"] = json.loads((BOARDS / "sst2-minilm/results/standard-seed1.json").read_text())["evaluations"]
    entry["training"] = json.loads((BOARDS / "sst2-minilm/results/standard-seed1.json").read_text())["training"]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (lambda e: e["entries"]["set"]["summary"]["measures"]["accuracy"].update(value=0.9), "do not follow"),
        (lambda e: e.pop("reference"), "training is null, so it needs a reference"),
        (_as_ours, "has a training record and a reference"),
        (lambda e: e["reference"]["predictions"].clear(), "names predictions of other entries than it has"),
        (lambda e: e["entries"]["set"].update(kind="embedding"), "published predictions cannot show"),
        (lambda e: e.update(row="base"), "row 'base' mixes checkpoints that differ in reference"),
    ],
    ids=["figure", "nothing", "both", "other-entries", "attack", "two-in-a-row"],
)
def test_a_reference_is_checked_as_any_entry(board: Path, how: Any, message: str) -> None:
    add_references(board)
    change(board / "results/reference-large.json", how)
    assert [line for line in check(board) if message in line], check(board)


def test_records_that_were_changed_with_their_hash_are_found(board: Path) -> None:
    add_references(board)
    rewrite_records(board / "results/reference-base.json", wrong_to_right)
    assert [line for line in check(board) if "its measures do not follow from its records" in line]


def test_they_change_nothing_of_the_other_rows(filled: Path) -> None:
    """Ranks, differences, corrected p, effective robustness: all is as without them."""
    settings, entries = load(filled)
    shown, without = view(settings, entries), view(settings, [entry for entry in entries if entry.reference is None])
    ours = [row for row in shown.rows if not row.reference]
    assert [row.name for row in shown.rows] == ["alum", "standard", "base", "large"]
    assert ours == without.rows and shown.effective_robustness == without.effective_robustness
    assert ours[0].cells["set:accuracy"].difference.p_holm is not None  # type: ignore[union-attr]
    for row in shown.rows[2:]:
        cell = row.cells["set:accuracy"]
        assert (cell.rank, cell.difference, row.seeds, row.single_seed) == (None, None, [], False)
        assert row.reference == REFERENCE and REFERENCE in row.settings and row.cost.seconds is None
    assert [example.seed for example in shown.rows[2].cells["set:accuracy"].examples] == [None] * 10


def test_they_are_marked_in_every_built_file(filled: Path) -> None:
    build(filled)
    assert check(filled) == outdated(filled) == []
    readme = (filled / "README.md").read_text()
    table, _, below = readme.partition("## References")
    assert "| large" not in table and re.search(r"\| large +\| a large model +\| 70.0 \[", below)
    assert REFERENCE in below.replace("Published", "published") and "not part of the ranks" in below
    assert "- `base`, `large`: " in below and "somebody/models" in below and "CC BY 4.0" in below
    assert "| large" not in below.partition("## Against")[2]
    cells = json.loads((filled / "table.json").read_text())
    assert {cell["row"]: cell["reference"] for cell in cells} == {
        "alum": "",
        "standard": "",
        "base": REFERENCE,
        "large": REFERENCE,
    }
    with (filled / "table.csv").open() as file:
        assert {row["row"] for row in csv.DictReader(file) if row["reference"]} == {"base", "large"}
    first, second = (filled / "table.tex").read_text().split(r"\end{tabular}", 1)
    assert "large" not in first and "a large model" in second and "not trained or run by us" in second
    page = (filled / "index.html").read_text()
    body = page.partition("<tbody>")[2].partition("</table>")[0]
    own, _, group_of_references = body.partition("</tbody>")
    assert "<bdi>alum</bdi>" in own and "<bdi>large</bdi>" not in own
    assert f"<strong>References</strong>: <span>{REFERENCE}</span>" in group_of_references
    assert group_of_references.count('<span class="chip seeds">reference</span>') == 2
    charts = page.partition('id="charts"')[2].partition('id="columns-heading"')[0]
    assert "<bdi>large</bdi>" not in charts, "no point, no line and no key"


def test_downwards_a_reference_says_so_in_its_head(filled: Path) -> None:
    settings, entries = load(filled)
    shown = view(settings, entries)
    columns = [replace(shown.columns[0], key=f"set:accuracy:{at}") for at in range(9)]
    rows = [
        replace(row, cells={f"set:accuracy:{at}": row.cells["set:accuracy"] for at in range(9)})
        for row in shown.rows[1:]
    ]
    text = page(replace(shown, rank="", scatter=None, columns=columns, rows=rows))
    assert '<table class="tall">' in text and text.count('<span class="chip seeds">reference</span>') == 2


def test_a_board_of_references_alone_can_be_built(board: Path) -> None:
    add_references(board)
    build(board)
    assert check(board) == outdated(board) == []
    assert "## References" in (board / "README.md").read_text()


def test_verify_says_that_there_is_nothing_to_replay(filled: Path) -> None:
    found = [one for one in replay_board(filled, []) if one.entry.reference is not None]
    assert [(one.entry.row, one.checkpoint, one.verdicts, one.fallen) for one in found] == [
        ("base", None, [], False),
        ("large", None, [], False),
    ]


def test_the_report_names_their_command(filled: Path, tmp_path: Path) -> None:
    write_report(filled, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert "alumbench leaderboard reference board" in text and "references base, large" in text
    assert "a large model" in text and text.count("alumbench train") == 2
    for name in ("standard", "alum"):
        (filled / f"results/{name}-seed1.json").unlink()
    write_report(filled, tmp_path / "report.html")
    assert "alumbench attack" not in (tmp_path / "report.html").read_text(), "nobody evaluated anything here"


def test_they_go_to_another_board_and_back(filled: Path, tmp_path: Path) -> None:
    content = json.loads((filled / "results/reference-large.json").read_text())
    log = json.loads(json.dumps(to_log(make_submission(content, "r"), "board", "alumbench", 0), allow_nan=False))
    assert from_log(log, "log") == content
    assert log["source_metadata"]["evaluator_relationship"] == "third_party"
    assert log["model_info"]["developer"] == "unknown" and log["model_info"]["name"] == "large"
    export(filled, tmp_path / "out", "alumbench")
    back = tmp_path / "back"
    back.mkdir()
    shutil.copy(filled / "board.toml", back)
    assert len(import_(back, tmp_path / "out")) == 4
    assert (back / "results/reference-large.json").read_bytes() == (
        filled / "results/reference-large.json"
    ).read_bytes()


def test_the_published_predictions_on_anli_give_the_committed_rows(mirror: Path, tmp_path: Path) -> None:
    """Nie et al.'s RoBERTa-large has 73.8 on R1 dev; BERT 0.0, for R1 was written against it."""
    board = tmp_path / "nli"
    board.mkdir()
    for name in ("board.toml", "references.toml"):
        shutil.copy(BOARDS / "nli" / name, board)
    found = {}
    for entry in add_references(board):
        rounds = entry.content.entries.values()
        found[entry.row] = [round(100 * part.figures.measures["accuracy"].value, 1) for part in rounds]
        assert [part.n for part in rounds] == [1000, 1000, 1198]
        file = entry.content.records.file
        for path in (f"results/{entry.path.name}", file):
            assert (board / path).read_bytes() == (BOARDS / "nli" / path).read_bytes()
    assert len(found) == 8
    assert found["RoBERTa-large"] == [73.8, 50.6, 46.1] and found["BERT, round 1"][0] == 0.0
    assert found["RoBERTa, round 2"][1] < 20, "each is weak on what was written against it"
    assert found["RoBERTa, round 3"][2] < 21
