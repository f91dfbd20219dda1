"""What a board shows follows from its records: differences, ranks, curves, counts, and nothing in their stead."""

from __future__ import annotations

import json
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from alumbench.errors import AlumbenchError
from alumbench.leaderboard.adding import add
from alumbench.leaderboard.cells import over_seeds
from alumbench.leaderboard.checking import load
from alumbench.leaderboard.contrast import compare_rows, correct
from alumbench.leaderboard.entries import Entry
from alumbench.leaderboard.settings import Board, Column
from alumbench.leaderboard.view import view

COLUMN = Column("under attack", "attack", "accuracy_under_attack")


def entry(seed: int, right: dict[str, bool], clusters: dict[str, str] | None = None) -> Any:
    """All that a comparison asks of an entry."""
    records = [{"id": i, **({"cluster": clusters[i]} if clusters else {})} for i in right]
    return SimpleNamespace(
        seed=seed,
        right=lambda column: right,
        measure=lambda column: {"value": sum(right.values()) / len(right), "n": len(right)},
        records_of=lambda column: records,
    )


def drawn(share: float, seed: int, n: int = 300) -> dict[str, bool]:
    generator = random.Random(f"{share} {seed}")
    return {str(i): generator.random() < share for i in range(n)}


def test_rows_are_ranked_and_set_against_the_baseline() -> None:
    shares = {"standard": 0.3, "better": 0.6, "alike": 0.31, "none": 0.0}
    rows = {name: [entry(seed, drawn(share, seed)) for seed in (1, 2, 3)] for name, share in shares.items()}
    found = compare_rows(rows, COLUMN, "standard")
    assert found["standard"]["difference"] is None
    assert [found[name]["rank"] for name in shares] == [2, 1, 2, 4]
    assert [found[name]["tied"] for name in shares] == [True, False, True, False]
    better, worse = found["better"]["difference"], found["none"]["difference"]
    assert 0.2 < better["low"] < better["value"] < better["high"] < 0.4 and better["p"] < 0.01
    assert -0.4 < worse["low"] < worse["value"] < worse["high"] < -0.2
    assert [one["seed"] for one in better["by_seed"]] == [1, 2, 3]
    assert sum(one["value"] for one in better["by_seed"]) / 3 == pytest.approx(better["value"])


def test_a_row_that_takes_no_rank_has_its_difference_and_leaves_the_others_theirs() -> None:
    shares = {"standard": 0.3, "better": 0.6, "says one label": 0.9}
    rows = {name: [entry(seed, drawn(share, seed)) for seed in (1, 2, 3)] for name, share in shares.items()}
    found = compare_rows(rows, COLUMN, "standard", ["says one label"])
    assert [found[name]["rank"] for name in shares] == [2, 1, None]
    assert found["says one label"]["difference"]["value"] > 0.5


def test_the_order_of_rows_changes_nothing() -> None:
    rows = {name: [entry(s, drawn(share, s)) for s in (1, 2)] for name, share in [("a", 0.4), ("b", 0.5), ("c", 0.6)]}
    assert compare_rows(rows, COLUMN, "b") == compare_rows(dict(reversed(rows.items())), COLUMN, "b")


def test_examples_of_one_premise_count_as_one() -> None:
    base, row = drawn(0.3, 1), drawn(0.45, 1)
    clusters = {i: str(int(i) // 10) for i in base}
    for right in (base, row):  # ten examples of a premise stand and fall together
        right |= {i: right[str(int(i) // 10 * 10)] for i in right}

    def width(known: dict[str, str] | None) -> float:
        difference = compare_rows({"a": [entry(1, base, known)], "b": [entry(1, row, known)]}, COLUMN, "a")["b"]
        return float(difference["difference"]["high"] - difference["difference"]["low"])

    assert width(clusters) > 2 * width(None)


def test_p_is_corrected_over_all_of_the_tables_differences() -> None:
    def row(name: str, p: float | None) -> dict[str, Any]:
        return {"name": name, "cells": {"x": {"difference": {"p": p}}, "y": {"difference": None}}}

    rows = [row("a", 0.01), row("b", 0.03), row("c", None)]
    correct(rows)
    found = [one["cells"]["x"]["difference"] for one in rows]
    assert [one["p_holm"] for one in found] == [pytest.approx(0.02), pytest.approx(0.03), None]
    assert [one["distinct"] for one in found] == [True, True, False]


def test_a_cell_over_seeds_by_hand() -> None:
    figure = over_seeds([{"value": 0.5, "n": 40, "count": 20}, {"value": 0.6, "n": 50, "count": 30}])
    assert (figure["value"], figure["n"], figure["seeds"]) == (0.55, 40, 2)
    assert figure["sd"] == pytest.approx(0.1 / 2**0.5) and figure["low"] < 0.55 < figure["high"]
    assert over_seeds([])["reason"] == "not evaluated"
    assert over_seeds([{"value": None, "n": 0, "reason": "why"}])["reason"] == "why"


def test_a_view_is_json_and_says_what_the_records_say(board: Path, evaluated: list[Path]) -> None:
    for folder in evaluated:
        add(board, folder)
    settings, entries = load(board)
    shown = view(settings, entries)
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown
    assert view(settings, entries[::-1]) == shown
    (row,) = [row for row in shown["rows"] if row["name"] == "standard"]
    key = "deepwordbug-all-words:accuracy_under_attack"
    cell = row["cells"][key]
    counts = cell["counts"]
    assert sum(counts.values()) == 200 and counts["robust"] / 200 == pytest.approx(cell["value"])
    assert cell["examples_total"] == 100 - counts["robust"] // 2 and len(cell["examples"]) == 20
    for example in cell["examples"]:
        text = example["columns"]["sentence"]
        assert all(text[first:last].strip() for first, last in example["changed"]["sentence"])
        assert example["to"] != example["label"] == example["prediction"]
    clean = sum(r["prediction"] == r["label"] for e in entries[1:] for r in e.records["deepwordbug-all-words"]) / 200
    assert cell["relative_drop"]["value"] == pytest.approx((clean - cell["value"]) / clean, abs=0.01)
    curve = row["curves"]["queries"]["deepwordbug-all-words"]
    rate = counts["broken"] / (counts["broken"] + counts["robust"])
    assert curve[-1]["value"] == pytest.approx(rate) and [point["value"] for point in curve] == sorted(
        point["value"] for point in curve
    )
    (other,) = [row for row in shown["rows"] if row["name"] == "alum"]
    assert other["single_seed"] and other["cells"][key]["reason"] == "not evaluated" and not other["curves"]["queries"]


def test_a_row_on_other_seeds_than_the_baselines_is_named(board: Path, evaluated: list[Path]) -> None:
    def said() -> list[str]:
        return [note for note in view(*load(board))["notes"] if note.startswith("Not on the seeds of")]

    add(board, evaluated[0])
    add(board, evaluated[2])
    assert not said()
    add(board, evaluated[1])
    assert said() == ["Not on the seeds of `standard`: `alum`; their mean is held against that of all of its seeds."]


def test_one_row_alone_has_no_rank() -> None:
    found = compare_rows({"a": [entry(1, drawn(0.5, 1))], "b": []}, COLUMN, "a")
    assert all(one == {"rank": None, "tied": False, "difference": None} for one in found.values())


def test_a_board_of_two_tasks_keeps_their_columns_apart(board: Path, evaluated: list[Path]) -> None:
    """Each task has a clean dev set of its own; here the second is the first under another name."""
    settings = (board / "board.toml").read_text()
    both = settings.replace('tasks = ["mini-sentiment"]', 'tasks = ["mini-sentiment", "other"]')
    (board / "board.toml").write_text(both)
    with pytest.raises(AlumbenchError, match="column clean: unknown task ''"):
        load(board)
    column = '\n[[columns]]\ntitle = "other clean"\nentry = "clean"\nmeasure = "accuracy"\ntask = "other"\n'
    (board / "board.toml").write_text(both.replace("[[columns]]", '[[columns]]\ntask = "mini-sentiment"') + column)
    add(board, evaluated[0])
    path = add(board, evaluated[2], "alum, other")
    content = json.loads(path.read_text())
    content["task"]["name"] = "other"
    content["entries"]["clean"]["signature"] = "smoke@1|clean|other"
    path.write_text(json.dumps(content))
    shown = view(*load(board))
    cells = {row["name"]: {key: cell["value"] for key, cell in row["cells"].items()} for row in shown["rows"]}
    assert (
        cells["standard"]["other:clean:accuracy"] is None
        and cells["alum, other"]["mini-sentiment:clean:accuracy"] is None
    )
    assert cells["standard"]["mini-sentiment:clean:accuracy"] and cells["alum, other"]["other:clean:accuracy"]
    assert [column["task"] for column in shown["columns"]] == ["mini-sentiment"] * 3 + ["other"]


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        ({"device": "cpu (some)", "cpu_seconds": 10.0, "seconds": 30.0}, 10.0),
        ({"device": "cpu (some)", "seconds": 30.0}, 30.0),
        ({"device": "cuda:0 (H100)", "cpu_seconds": 10.0, "seconds": 30.0}, 30.0),
        ({"device": "cpu", "cpu_seconds": 10.0, "model": {"pretraining": {"device": "cpu", "cpu_seconds": 4.0}}}, 14.0),
        ({"device": "cpu", "cpu_seconds": 10.0, "model": {"pretraining": {"device": "cpu"}}}, None),
        (None, None),
    ],
)
def test_training_time_is_a_cores_on_a_cpu_with_the_models_own(
    board: Path, training: dict[str, object] | None, expected: float | None
) -> None:
    entry = Entry(Board.read(board), board / "results" / "a.json", {"training": training}, {})
    assert entry.training_time == expected


def test_cost_is_over_runs_that_were_timed_alike(board: Path) -> None:
    def entry(device: str, seconds: float, cpu_seconds: float | None = None) -> Entry:
        training = {"device": device, "seconds": seconds} | ({"cpu_seconds": cpu_seconds} if cpu_seconds else {})
        return Entry(Board.read(board), board / "results" / "a.json", {"training": training}, {})

    baseline = [entry("cpu (a)", 10.0), entry("cpu (a)", 30.0), entry("cpu (b)", 7.0, 50.0)]
    assert entry("cpu (a)", 40.0).cost_over(baseline) == 2.0
    assert entry("cpu (b)", 1.0, 100.0).cost_over(baseline) == 2.0
    assert entry("cpu (b)", 40.0).cost_over(baseline) is None  # by the clock, which these are not
    assert entry("cpu (c)", 40.0).cost_over(baseline) is None


def test_effective_robustness_is_told_or_withheld_with_the_reason() -> None:
    from alumbench.leaderboard.view import _effective

    assert "withheld: 3 reference models." in _effective({"reason": "3 reference models", "values": {}})
    assert _effective({"reason": "", "values": {"a": 0.012, "b": -0.003}}).endswith("predicts: a +1.2, b -0.3.")
