"""Boards with worst cases, attack seeds and validity: recomputed from the records, and refused where they differ."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from alumbench.attacks.victim import Victim
from alumbench.engine.scorer import Scorer
from alumbench.errors import AlumbenchError
from alumbench.evaluation import grammar, validity
from alumbench.evaluation.suite import load_suite
from alumbench.leaderboard.board import build
from alumbench.leaderboard.submit import add
from alumbench.leaderboard.verify import replay_board
from alumbench.models.checkpoint import checkpoint_task, find_model
from tests.evaluation.conftest import run
from tests.evaluation.test_ensembles import TWO
from tests.leaderboard.conftest import move
from tests.typed import plain

BOARD = """
title = "worst cases"
suites = ["two@1"]
baseline = "standard"
[[columns]]
title = "worst"
entry = "worst case both@3"
measure = "accuracy_under_attack"
[[columns]]
title = "typos"
entry = "typos"
measure = "accuracy_under_attack"
[[columns]]
title = "valid typos"
entry = "typos"
measure = "accuracy_under_valid_attack"
"""


@pytest.fixture(scope="module")
def evaluated(pair_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two copies of a checkpoint, evaluated with an ensemble, two attack seeds, and every other text found valid."""
    folder, found = tmp_path_factory.mktemp("protocol"), []
    (folder / "two.toml").write_text(TWO.replace("queries = 7", "queries = 7\nseeds = 2\nseed_examples = 9"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(validity.RESOURCES[validity.ENCODER].__class__, "problem", lambda self: "")
        patch.setattr(grammar, "absent", lambda: "")
        patch.setattr(grammar, "kept_edits", lambda before, after: (1, 1))
        patch.setattr(validity, "_similarities", lambda records, device: [float(i % 2) for i in range(len(records))])
        for number, method in enumerate(("standard", "alum")):
            copy = shutil.copytree(pair_checkpoint, folder / method)
            move(copy, number)
            training = json.loads((copy / "training.json").read_text())
            training["method"]["name"] = method
            (copy / "training.json").write_text(json.dumps(training))
            run(copy, copy / "evaluations/two-seed1", load_suite(str(folder / "two.toml")))
            found.append(copy)
    return found


@pytest.fixture
def board(evaluated: list[Path], tmp_path: Path) -> Path:
    (tmp_path / "board").mkdir()
    (tmp_path / "board/board.toml").write_text(BOARD)
    for checkpoint in evaluated:
        add(tmp_path / "board", checkpoint)
    return tmp_path / "board"


def test_columns_are_the_evaluations_figures(board: Path, evaluated: list[Path]) -> None:
    document = json.loads((evaluated[0] / "evaluations/two-seed1/evaluation.json").read_text())
    build(board)
    cells = {(c["row"], c["column"]): c for c in json.loads((board / "table.json").read_text())}
    worst = document["ensembles"]["both@3"]["measures"]["accuracy_under_attack"]
    summary = document["entries"]["typos"]["summary"]
    valid = summary["validity"]["measures"]["accuracy_under_valid_attack"]
    for row in ("standard", "alum"):
        for column, figure in (("worst", worst), ("typos", summary["measures"]["accuracy_under_attack"])):
            assert cells[row, column]["value"] == pytest.approx(figure["value"]) and cells[row, column]["n"] == 40
        assert cells[row, "valid typos"]["value"] == pytest.approx(valid["value"])
    assert worst["count"] < summary["measures"]["accuracy_under_attack"]["count"] < valid["count"]
    page = (board / "README.md").read_text()
    assert "| alum  | +0.0    | +0.0    | +0.0          |" in page, "they answer alike: nothing to test"
    first = page
    build(board)
    assert (board / "README.md").read_text() == first


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (("ensembles", "both@3", "measures"), "ensemble both@3: its measures do not follow from its records"),
        (("entries", "typos", "summary", "validity", "measures"), "entry typos: its validity does not follow"),
    ],
)
def test_a_changed_figure_is_refused(board: Path, where: tuple[str, ...], message: str) -> None:
    path = board / "results/standard-seed1.json"
    entry = json.loads(path.read_text())
    found = entry
    for name in where:
        found = found[name]
    next(iter(found.values()))["value"] = 0.123
    path.write_text(json.dumps(entry))
    with pytest.raises(AlumbenchError, match=message):
        build(board)


def test_validity_judged_in_two_ways_is_refused(board: Path) -> None:
    path = board / "results/standard-seed1.json"
    entry = json.loads(path.read_text())
    entry["entries"]["typos"]["summary"]["validity"]["means"]["grammar"] = "grammar-proxy@0"
    path.write_text(json.dumps(entry))
    with pytest.raises(AlumbenchError, match="entry typos: validity was judged in two ways"):
        build(board)


def test_a_run_that_skipped_enters_no_board(board: Path, pair_checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "two.toml").write_text(TWO)
    run(pair_checkpoint, tmp_path / "spared", load_suite(str(tmp_path / "two.toml")), skip_broken=True)
    with pytest.raises(AlumbenchError, match="--skip-broken, or .*, so it cannot enter"):
        add(board, tmp_path / "spared")


def test_a_board_takes_texts_scored_in_one_way(
    board: Path, pair_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By default in fp32; in another precision those boards that say so, and then no other."""
    checkpoint = shutil.copytree(pair_checkpoint, tmp_path / "checkpoint")
    (tmp_path / "two.toml").write_text(TWO)
    files = find_model(str(checkpoint))
    victim = Victim(files, checkpoint_task(files), "cpu", scorer=Scorer(precision="bf16"))
    run(checkpoint, checkpoint / "evaluations/two-seed1-bf16", load_suite(str(tmp_path / "two.toml")), victim)
    with pytest.raises(AlumbenchError, match="only special evaluations .* unlike the board's"):
        add(board, checkpoint)
    with (board / "board.toml").open("w") as file:
        file.write('scored = ["precision:bf16"]\n' + BOARD)
    with pytest.raises(AlumbenchError, match=r"seed1.*was made with .* unlike the board's"):
        build(board)
    for path in [*(board / "results").glob("*"), *(board / "records").glob("*")]:
        path.unlink()
    add(board, checkpoint, row="standard")
    build(board)
    asked, scores = set(), Victim.scores
    monkeypatch.setattr(Victim, "scores", lambda self, *t: asked.add(self.scorer.precision) or scores(self, *t))
    (replayed,) = replay_board(board, [str(checkpoint)], "cpu")
    assert asked == {"bf16"}
    assert not replayed.fallen and all(verdict.hold == verdict.texts > 0 for verdict in replayed.verdicts), (
        "bit for bit where it was made"
    )


def test_a_worst_case_over_fewer_attacks_is_refused(board: Path) -> None:
    """With its figures recomputed for the one that is left, as one who cheats would."""
    from alumbench.evaluation.ensembles import worst_case
    from alumbench.evaluation.summary import under_attack
    from alumbench.leaderboard.config import Board
    from alumbench.leaderboard.entries import BoardEntry
    from alumbench.leaderboard.validate import check

    assert check(board) == []
    path = board / "results/standard-seed1.json"
    records = BoardEntry.read(Board.read(board), path).records
    content = json.loads(path.read_text())
    left = content["ensembles"]["both@3"]["members"][:1]
    figures = under_attack(worst_case({left[0]: records[left[0]]}))
    content["ensembles"]["both@3"] |= {"members": left, "measures": plain(figures)}
    path.write_text(json.dumps(content))
    assert [line for line in check(board) if "ensemble both@3: its signature is not that of its members" in line]
