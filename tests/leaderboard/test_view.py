"""What a board shows follows from its records: differences, ranks, curves, counts, and nothing in their stead."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from alumbench.errors import AlumbenchError
from alumbench.evaluation.results import Measure
from alumbench.leaderboard import significance
from alumbench.leaderboard.cells import over_seeds
from alumbench.leaderboard.config import Board, Column
from alumbench.leaderboard.entries import BoardEntry
from alumbench.leaderboard.significance import Compared, compare_rows, correct
from alumbench.leaderboard.submit import add
from alumbench.leaderboard.validate import load
from alumbench.leaderboard.view import view
from alumbench.models.checkpoint.provenance import Training
from alumbench.reports.view import Difference, EffectiveRobustness
from alumbench.statistics import multi_bootstrap_difference, multi_bootstrap_p
from tests.typed import answered

COLUMN = Column("under attack", "attack", "accuracy_under_attack")


def entry(seed: int, right: dict[str, bool], clusters: dict[str, str] | None = None) -> Any:
    """All that a comparison asks of an entry."""
    records = [answered(id=i, cluster=clusters[i] if clusters else "") for i in right]
    return SimpleNamespace(
        seed=seed,
        right=lambda column: right,
        measure=lambda column: Measure(value=sum(right.values()) / len(right), n=len(right)),
        records_of=lambda column: records,
    )


def drawn(share: float, seed: int, n: int = 300) -> dict[str, bool]:
    generator = random.Random(f"{share} {seed}")
    return {str(i): generator.random() < share for i in range(n)}


def test_rows_are_ranked_and_set_against_the_baseline() -> None:
    shares = {"standard": 0.3, "better": 0.6, "alike": 0.31, "none": 0.0}
    rows = {name: [entry(seed, drawn(share, seed)) for seed in (1, 2, 3)] for name, share in shares.items()}
    found = compare_rows(rows, COLUMN, "standard")
    assert found["standard"].difference is None
    assert [found[name].rank for name in shares] == [2, 1, 2, 4]
    assert [found[name].tied for name in shares] == [True, False, True, False]
    better, worse = found["better"].difference, found["none"].difference
    assert 0.2 < better.low < better.value < better.high < 0.4 and better.p < 0.01
    assert -0.4 < worse.low < worse.value < worse.high < -0.2
    assert [one.seed for one in better.by_seed] == [1, 2, 3]
    assert sum(one.value for one in better.by_seed) / 3 == pytest.approx(better.value)


def test_where_no_test_can_tell_two_rows_apart_only_the_baseline_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 24 rows there are 276 pairs, and 276 x 2 / 10,000 > .05: the answer is known before the draws."""
    assert significance.too_many_to_rank(24) and not significance.too_many_to_rank(22)
    rows = {f"row {at}": [entry(1, drawn(at / 24, 1, 60))] for at in range(24)}
    asked = []

    def spied(test: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *runs, **options: asked.append(runs) or test(*runs, **options)

    for test in (multi_bootstrap_difference, multi_bootstrap_p):
        monkeypatch.setattr(significance, test.__name__, spied(test))
    found = compare_rows(rows, COLUMN, "row 0")
    assert len(asked) == 23 and {one.rank for one in found.values()} == {1}
    monkeypatch.setattr(significance, "too_many_to_rank", lambda _: False)
    assert compare_rows(rows, COLUMN, "row 0") == found and len(asked) == 23 + 23 + 253


@pytest.mark.parametrize("seed", range(3))
def test_ranks_are_those_of_all_pairs_drawn_to_the_end(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pairs that are sure not to be significant are drawn no further, which must not show."""
    shares = {f"row {at}": 0.3 + 0.06 * ((at + seed) % 7) for at in range(7)}
    rows = {name: [entry(s, drawn(share, 10 * seed + s, 300)) for s in (1, 2, 3)] for name, share in shares.items()}
    rows["row 6"] = rows["row 5"]  # alike in all: no test
    found, stopped = compare_rows(rows, COLUMN, "row 0"), []

    def to_the_end(*runs: Any, enough: float, **options: Any) -> float | None:
        exact, short = (
            multi_bootstrap_difference(*runs, **options).p,
            multi_bootstrap_p(*runs, enough=enough, **options),
        )
        assert short == exact if exact is None or exact <= enough else short in (exact, 1.0)
        stopped.append(short != exact)
        return exact

    monkeypatch.setattr(significance, "multi_bootstrap_p", to_the_end)
    assert compare_rows(rows, COLUMN, "row 0") == found
    assert any(stopped) and not all(stopped) and len({one.rank for one in found.values()}) > 2


def test_a_row_that_takes_no_rank_has_its_difference_and_leaves_the_others_theirs() -> None:
    shares = {"standard": 0.3, "better": 0.6, "says one label": 0.9}
    rows = {name: [entry(seed, drawn(share, seed)) for seed in (1, 2, 3)] for name, share in shares.items()}
    found = compare_rows(rows, COLUMN, "standard", ["says one label"])
    assert [found[name].rank for name in shares] == [2, 1, None]
    assert found["says one label"].difference.value > 0.5


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
        return float(difference.difference.high - difference.difference.low)

    assert width(clusters) > 2 * width(None)


def test_p_is_corrected_over_all_of_the_tables_differences() -> None:
    ps = {"a": 0.01, "b": 0.03, "c": None}
    rows = {(name, "x"): Compared(difference=Difference(0.1, 0.0, 0.2, p, "")) for name, p in ps.items()}
    corrected = correct(rows | {("a", "y"): Compared()})
    assert corrected["a", "y"] == Compared()
    found: Any = [corrected[name, "x"].difference for name in ps]
    assert [one.p_holm for one in found] == [pytest.approx(0.02), pytest.approx(0.03), None]
    assert [one.distinct for one in found] == [True, True, False]


def test_a_cell_over_seeds_by_hand() -> None:
    figure = over_seeds([Measure(value=0.5, n=40, count=20), Measure(value=0.6, n=50, count=30)])
    assert (figure.value, figure.n, figure.seeds) == (0.55, 40, 2)
    assert figure.sd == pytest.approx(0.1 / 2**0.5) and figure.low < 0.55 < figure.high
    assert over_seeds([]).reason == "not evaluated"
    assert over_seeds([Measure(value=None, n=0, reason="why")]).reason == "why"


def test_a_view_says_what_the_records_say(board: Path, evaluated: list[Path]) -> None:
    for folder in evaluated:
        add(board, folder)
    settings, entries = load(board)
    shown = view(settings, entries)
    assert view(settings, entries[::-1]) == shown
    (row,) = [row for row in shown.rows if row.name == "standard"]
    key = "deepwordbug-all-words:accuracy_under_attack"
    cell = row.cells[key]
    counts = cell.counts
    assert sum(counts.values()) == 200 and counts["robust"] / 200 == pytest.approx(cell.value)
    assert cell.examples_total == 100 - counts["robust"] // 2 and len(cell.examples) == 20
    for example in cell.examples:
        text = example.columns["sentence"]
        assert all(text[first:last].strip() for first, last in example.changed["sentence"])
        assert example.to != example.label == example.prediction
    clean = sum(r.prediction == r.label for e in entries[1:] for r in e.records["deepwordbug-all-words"]) / 200
    assert cell.relative_drop.value == pytest.approx((clean - cell.value) / clean, abs=0.01)
    curve = row.curves.queries["deepwordbug-all-words"]
    rate = counts["broken"] / (counts["broken"] + counts["robust"])
    assert curve[-1].value == pytest.approx(rate) and [point.value for point in curve] == sorted(
        point.value for point in curve
    )
    (other,) = [row for row in shown.rows if row.name == "alum"]
    assert other.single_seed and other.cells[key].reason == "not evaluated" and not other.curves.queries


def test_a_row_on_other_seeds_than_the_baselines_is_named(board: Path, evaluated: list[Path]) -> None:
    def said() -> list[str]:
        return [note for note in view(*load(board)).notes if note.startswith("Trained with other seeds than")]

    add(board, evaluated[0])
    add(board, evaluated[2])
    assert not said()
    add(board, evaluated[1])
    assert said() == [
        "Trained with other seeds than `standard`: `alum`; their mean is compared with its mean over all of its seeds."
    ]


def test_a_board_on_which_no_rank_can_be_told_says_so(
    board: Path, evaluated: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in evaluated:
        add(board, folder)
    counted = []

    def too_many(rows: int) -> bool:
        counted.append(rows)
        return True

    def said() -> list[str]:
        return [note for note in view(*load(board)).notes if note.startswith("No two of")]

    assert not said()
    monkeypatch.setattr("alumbench.leaderboard.view.too_many_to_rank", too_many)
    shown = view(*load(board))
    key = Board.read(board).rank_column.key  # type: ignore[union-attr]
    assert counted == [sum(row.cells[key].rank is not None for row in shown.rows)]
    (note,) = said()
    assert "10,000 draws" in note and "0.0002" in note


def test_one_row_alone_has_no_rank() -> None:
    found = compare_rows({"a": [entry(1, drawn(0.5, 1))], "b": []}, COLUMN, "a")
    assert all(one == Compared() for one in found.values())


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
    cells = {row.name: {key: cell.value for key, cell in row.cells.items()} for row in shown.rows}
    assert (
        cells["standard"]["other:clean:accuracy"] is None
        and cells["alum, other"]["mini-sentiment:clean:accuracy"] is None
    )
    assert cells["standard"]["mini-sentiment:clean:accuracy"] and cells["alum, other"]["other:clean:accuracy"]
    assert [column.task for column in shown.columns] == ["mini-sentiment"] * 3 + ["other"]


def timed(before: dict[str, object] | None = None, **times: object) -> Training:
    """How a checkpoint came to be, of which the times alone matter."""
    model = {"name": "m", "weights_sha256": "0" * 64} | ({"pretraining": before} if before else {})
    data = {"train": {"examples": 1, "sha256": "0" * 64}}
    rest = {"method": {"name": "standard", "parameters": {}}, "training_seed": 1, "settings": {}, "versions": {}}
    return msgspec.convert({"model": model, "data": data, **rest, **times}, Training)


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        (timed(device="cpu (some)", cpu_seconds=10.0, seconds=30.0), 10.0),
        (timed(device="cpu (some)", seconds=30.0), 30.0),
        (timed(device="cuda:0 (H100)", cpu_seconds=10.0, seconds=30.0), 30.0),
        (timed({"device": "cpu", "cpu_seconds": 4.0}, device="cpu", cpu_seconds=10.0), 14.0),
        (timed({"device": "cpu"}, device="cpu", cpu_seconds=10.0), None),
    ],
)
def test_training_time_is_a_cores_on_a_cpu_with_the_models_own(training: Training, expected: float | None) -> None:
    assert training.time == expected


def test_cost_is_over_runs_that_were_timed_alike(board: Path) -> None:
    def entry(device: str, seconds: float, cpu_seconds: float | None = None) -> BoardEntry:
        content: Any = SimpleNamespace(training=timed(device=device, seconds=seconds, cpu_seconds=cpu_seconds))
        return BoardEntry(Board.read(board), board / "results" / "a.json", content, {})

    baseline = [entry("cpu (a)", 10.0), entry("cpu (a)", 30.0), entry("cpu (b)", 7.0, 50.0)]
    assert entry("cpu (a)", 40.0).cost_over(baseline) == 2.0
    assert entry("cpu (b)", 1.0, 100.0).cost_over(baseline) == 2.0
    assert entry("cpu (b)", 40.0).cost_over(baseline) is None  # by the clock, which these are not
    assert entry("cpu (c)", 40.0).cost_over(baseline) is None


def test_effective_robustness_is_told_or_withheld_with_the_reason() -> None:
    from alumbench.leaderboard.view import _effective

    assert "not reported: 3 reference models." in _effective(EffectiveRobustness("3 reference models"))
    assert _effective(EffectiveRobustness("", {"a": 0.012, "b": -0.003})).endswith("predicts: a +1.2, b -0.3.")
