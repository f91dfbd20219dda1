"""A board from nothing on the miniature task; the same command again does nothing; the sweep takes the best."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from alumbench.cli import group
from alumbench.data import load_task, miniature
from alumbench.demo import BOARD
from alumbench.devices import choose_device, device_name
from alumbench.errors import AlumbenchError
from alumbench.parsing import read_json
from alumbench.storage import write_json
from alumbench.studies import Plan, run_study, study
from alumbench.studies.choosing import add_candidate, choose, chosen_of, measured_of
from tests.forked import forked  # noqa: F401 - a fixture

PLAN = """
seeds = [1]
suites = ["smoke"]
attack = {{ only = ["clean", "adversarial"] }}
[train]
task = "mini-sentiment"
model = "{model}"
train-size = 32
held-out = 64
epochs = 1
batch-size = 8
max-length = 64
lr = 1e-3
[sweep]
suite = "smoke"
score = [["clean:accuracy"], ["adversarial:accuracy"]]
train = {{ train-size = 16 }}
attack = {{ only = ["clean", "adversarial"] }}
[[rows]]
row = "standard"
candidates = [{{ lr = 2e-3 }}]
"""


def test_a_board_from_nothing_and_the_same_command_again(tiny_model: Path, tmp_path: Path) -> None:
    board, runs = tmp_path / "board", tmp_path / "runs"
    board.mkdir()
    (board / "board.toml").write_text(BOARD)
    (board / "runs.toml").write_text(PLAN.format(model=tiny_model))
    command = ["leaderboard", "run", str(board), "--runs", str(runs)]
    result = CliRunner().invoke(group, command)
    assert result.exit_code == 0, result.output
    assert "[2/2] standard-1: attack" in result.output and "[3/3] standard-1: leaderboard" in result.output
    entry = read_json(board / "results" / "standard-seed1.json")
    assert entry["training"]["cpu_seconds"] > 0  # which the cost of training counts
    assert entry["training"]["settings"]["lr"] == 2e-3 and entry["training"]["data"]["train"]["examples"] == 32
    assert read_json(runs / "sweep" / "standard-1" / "training.json")["data"]["train"]["examples"] == 16
    assert read_json(board / "sweep.json")["rows"]["standard"]["chosen"] == 0
    assert CliRunner().invoke(group, ["leaderboard", "check", str(board)]).exit_code == 0

    files = {path: path.read_bytes() for path in board.rglob("*") if path.is_file()}
    again = CliRunner().invoke(group, command)
    assert again.exit_code == 0 and "[" not in again.output.replace(f"{board}", "")
    assert {path: path.read_bytes() for path in board.rglob("*") if path.is_file()} == files


@pytest.mark.timeout(600)  # eleven commands
@pytest.mark.usefixtures("forked")
def test_what_another_machine_left_on_the_board_is_kept_where_that_is_asked_for(
    tiny_model: Path, tmp_path: Path
) -> None:
    board = tmp_path / "board"
    board.mkdir()
    (board / "board.toml").write_text(BOARD)
    (board / "runs.toml").write_text(PLAN.format(model=tiny_model))
    run_study(Plan.read(board), tmp_path / "there")
    files = {path: path.read_bytes() for path in board.rglob("*") if path.is_file()}
    with (board / "runs.toml").open("a") as plan:
        plan.write('[[rows]]\nrow = "more"\nlr = 4e-3\n')
    run_study(Plan.read(board), tmp_path / "here", missing=True)
    assert {path.name for path in (tmp_path / "here").iterdir() if path.is_dir()} == {"sweep", "more-1"}
    assert not list((tmp_path / "here" / "sweep").iterdir())
    of_before = {path for path in files if path.parent.name in {"results", "records"} or path.name == "sweep.json"}
    assert len(of_before) == 3 and all(path.read_bytes() == files[path] for path in of_before)
    assert (board / "results" / "more-seed1.json").exists()

    more = PLAN.format(model=tiny_model).replace("[{ lr = 2e-3 }]", "[{ lr = 2e-3 }, { lr = 3e-3 }]")
    (board / "runs.toml").write_text(more)
    run_study(Plan.read(board), tmp_path / "here", sweep_only=True, missing=True)
    assert {path.name for path in (tmp_path / "here" / "sweep").iterdir() if path.is_dir()} == {"standard-2"}
    row = read_json(board / "sweep.json")["rows"]["standard"]
    assert [found["options"]["lr"] for found in row["candidates"]] == [2e-3, 3e-3] and "chosen" in row


@pytest.mark.usefixtures("forked")
def test_a_row_that_cannot_be_chosen_does_not_keep_others_back(tiny_model: Path, tmp_path: Path) -> None:
    """Nor does what an earlier plan chose for a row count once the row has nothing to choose."""
    board, runs = tmp_path / "board", tmp_path / "runs"
    board.mkdir()
    (board / "board.toml").write_text(BOARD)
    text = PLAN.format(model=tiny_model).replace('row = "standard"', 'row = "bad"\nmodel = "/no/such/model"')
    (board / "runs.toml").write_text(f'{text}[[rows]]\nrow = "standard"\n')
    earlier = {"options": {"lr": 9.0}, "figures": {}, "score": 0.9}
    rows = {"standard": {"train": {}, "candidates": [earlier], "chosen": 0}}
    write_json(
        board / "sweep.json",
        {"rule": {"suite": "smoke", "score": [["clean:accuracy"]], "train": {}, "attack": {}, "seed": 1}, "rows": rows},
    )
    with pytest.raises(AlumbenchError, match=r"sweep/bad-1\.log"):
        run_study(Plan.read(board), runs)
    assert [path.name for path in (board / "results").iterdir()] == ["standard-seed1.json"]
    assert read_json(board / "results" / "standard-seed1.json")["training"]["settings"]["lr"] == 1e-3
    assert (board / "index.html").exists() and read_json(board / "sweep.json")["rows"] == {}


def test_a_row_that_chooses_what_another_is_gets_no_entry_of_its_own(tmp_path: Path) -> None:
    text = PLAN.format(model="here") + '[[rows]]\nrow = "plain"\nmethod = "standard"\nlr = 2e-3\n'
    (tmp_path / "runs.toml").write_text(text)
    plan, said = Plan.read(tmp_path), list[str]()
    candidate(tmp_path / "standard-1", 0.9, 0.2)
    add_candidate(plan, plan.rows[0], 0, tmp_path / "standard-1")
    choose(plan, plan.rows, lambda line: None)
    jobs = study._checkpoints(plan, plan.rows, tmp_path / "runs", said.append)
    assert [job.name for job in jobs] == ["standard-1"]
    assert said == ["plain: its settings are those of standard, so it is not a separate row"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('suites = ["smoke"]', 'suites = ["smok"]'), "smok.*Did you mean 'smoke'"),
        (("adversarial:accuracy", "adversaral:accuracy"), "sweep: suite smoke: .*adversaral.*'adversarial'"),
    ],
)
def test_what_is_not_there_is_told_before_anything_runs(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    (tmp_path / "runs.toml").write_text(PLAN.format(model="here").replace(*change))
    with pytest.raises(AlumbenchError, match=r"board\.toml"):
        run_study(Plan.read(tmp_path), tmp_path / "runs")
    (tmp_path / "board.toml").write_text(BOARD)
    with pytest.raises(AlumbenchError, match=message):
        run_study(Plan.read(tmp_path), tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.usefixtures("forked")
def test_references_come_first_and_stay_if_no_row_can_be_trained(tmp_path: Path) -> None:
    board = tmp_path / "board"
    board.mkdir()
    (board / "board.toml").write_text(BOARD)
    (board / "runs.toml").write_text(PLAN.format(model="/no/such/model"))
    rows = miniature.rows("sentiment/adversarial")
    lines = [
        {"sentence": text, "label": label, "theirs": "positive"} for text, label in zip(*rows.values(), strict=True)
    ]
    (board / "theirs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (board / "references.toml").write_text(
        'task = "mini-sentiment"\nsuite = "smoke"\npublished = "theirs.jsonl"\n'
        '[[predictions]]\nentry = "adversarial"\nkey = "sentence"\nsource = { file = "theirs.jsonl" }\n'
        '[[rows]]\nrow = "theirs"\nprediction = "theirs"\n'
    )
    with pytest.raises(AlumbenchError, match=r"not finished; .*\n  .*/sweep/standard-1\.log: train: exit status 1"):
        run_study(Plan.read(board), tmp_path / "runs")
    measures = read_json(board / "results" / "reference-theirs.json")["entries"]["adversarial"]["summary"]["measures"]
    assert measures["accuracy"]["count"] == rows["label"].count("positive")


TRAINED = read_json(Path(__file__).parents[2] / "leaderboards/sst2-minilm/results/standard-seed1.json")["training"]


def candidate(folder: Path, accuracy: float, robust: float | None) -> None:
    """An evaluation as `attack` would leave it."""

    def entry(value: float | None) -> dict[str, object]:
        made = {"goal": "", "signature": "smoke@1", "data_sha256": "0" * 64, "n": 4}
        measures = {"accuracy": {"value": value, "n": 4}}
        return {"complete": True, "kind": "fixed", **made, "summary": {"measures": measures}}

    suite = {"name": "smoke", "version": 1, "sha256": "0" * 64}
    how = {"seed": 1, "limit": 0, "data": "", "protected": True, "device": "cpu", "versions": {}}
    document = {
        "schema": 1,
        "identity": {"model": "0" * 64, "task": "mini-sentiment", "suite": suite, **how},
        "checkpoint": {"path": str(folder), "training": None},
        "task": load_task("mini-sentiment").to_dict(),
        "entries": {"clean": entry(accuracy), "adversarial": entry(robust)},
        "ensembles": {},
    }
    write_json(folder / "sweep" / "evaluation.json", document)


def test_the_sweep_takes_the_best_mean_and_the_first_of_equals(tmp_path: Path) -> None:
    text = PLAN.format(model="here").replace("{ lr = 2e-3 }", "{ lr = 1 }, { lr = 2 }, { lr = 3 }")
    (tmp_path / "runs.toml").write_text(text)
    plan = Plan.read(tmp_path)
    for at, figures in enumerate([(0.9, 0.2), (0.8, 0.5), (0.7, 0.6)], start=1):
        candidate(tmp_path / "runs" / "sweep" / f"standard-{at}", *figures)
        add_candidate(plan, plan.rows[0], at - 1, tmp_path / "runs" / "sweep" / f"standard-{at}")
        assert chosen_of(plan) == {}
    choose(plan, plan.rows, lambda line: None)
    row = read_json(tmp_path / "sweep.json")["rows"]["standard"]
    assert [found["score"] for found in row["candidates"]] == [0.55, 0.65, 0.65]
    assert row["chosen"] == 1 and row["candidates"][1]["options"] == {"lr": 2}

    candidate(tmp_path / "runs" / "sweep" / "standard-2", 0.9, None)
    with pytest.raises(AlumbenchError, match="has no accuracy of adversarial, which the sweep's score asks for"):
        add_candidate(plan, plan.rows[0], 1, tmp_path / "runs" / "sweep" / "standard-2")


def test_candidates_that_lose_too_much_or_cost_too_much_are_left_out(tmp_path: Path) -> None:
    text = PLAN.format(model="here").replace("{ lr = 2e-3 }", "{ lr = 1 }, { lr = 2 }, { lr = 3 }, { lr = 4 }")
    rule = 'score = [["adversarial:accuracy"]]\nkeep = "clean:accuracy"\nat_most_below = 0.01\nat_most_cost = 3'
    (tmp_path / "runs.toml").write_text(text.replace('score = [["clean:accuracy"], ["adversarial:accuracy"]]', rule))
    plan = Plan.read(tmp_path)
    figures = [(0.9, 0.2, 10.0), (0.8895, 0.9, 10.0), (0.89, 0.3, 30.0), (0.95, 0.8, 31.0)]  # the third: on both limits
    for at, (accuracy, robust, seconds) in enumerate(figures, start=1):
        folder = tmp_path / "runs" / "sweep" / f"standard-{at}"
        candidate(folder, accuracy, robust)
        here = device_name(choose_device("auto"))
        write_json(folder / "training.json", TRAINED | {"device": here, "cpu_seconds": seconds, "seconds": seconds})
        add_candidate(plan, plan.rows[0], at - 1, folder)
    choose(plan, plan.rows, lambda line: None)
    document = read_json(tmp_path / "sweep.json")
    assert document["rows"]["standard"]["chosen"] == 2
    assert document["rule"]["at_most_cost"] == 3 and document["rule"]["keep"] == "clean:accuracy"


def test_figures_of_another_plan_or_machine_do_not_count(tmp_path: Path) -> None:
    timed = 'score = [["adversarial:accuracy"]]\nat_most_cost = 3'
    text = PLAN.format(model="here").replace('score = [["clean:accuracy"], ["adversarial:accuracy"]]', timed)
    (tmp_path / "runs.toml").write_text(text)
    plan, folder = Plan.read(tmp_path), tmp_path / "standard-1"
    candidate(folder, 0.9, 0.2)
    record = TRAINED | {"device": device_name(choose_device("auto")), "cpu_seconds": 1.0, "seconds": 1.0}
    write_json(folder / "training.json", record)
    add_candidate(plan, plan.rows[0], 0, folder)
    assert list(measured_of(plan, plan.rows[0])) == [0]
    for before, after in [("epochs = 1", "epochs = 2"), ("[sweep]", "[sweep]\nseed = 2"), ("lr = 2e-3", "lr = 3e-3")]:
        (tmp_path / "runs.toml").write_text(text.replace(before, after))
        other = Plan.read(tmp_path)
        assert measured_of(other, other.rows[0]) == {}
    write_json(folder / "training.json", {**record, "device": "cuda (another)"})
    add_candidate(plan, plan.rows[0], 0, folder)
    assert measured_of(plan, plan.rows[0]) == {}
    with pytest.raises(AlumbenchError, match=r"sweep\.json: has 0 of 1 of row standard"):
        choose(plan, plan.rows, lambda line: None)


def test_a_row_of_a_model_that_another_machine_pre_trained_is_not_mixed(tmp_path: Path) -> None:
    board = tmp_path / "board"
    board.mkdir()
    (board / "board.toml").write_text(BOARD)
    text = PLAN.format(model="pretrained:small").partition("[sweep]")[0].replace("seeds = [1]", "seeds = [1, 2]")
    (board / "runs.toml").write_text(f'{text}[[rows]]\nrow = "r"\n[[pretrain]]\nname = "small"\nconfig = "bert-tiny"\n')
    write_json(board / "results" / "r-seed1.json", {"evaluations": []})
    with pytest.raises(AlumbenchError, match=r"row r has seed 1, .* copy that machine's pretrain-small to .*runs"):
        run_study(Plan.read(board), tmp_path / "runs", missing=True)


def test_an_unknown_row_is_told(tmp_path: Path) -> None:
    (tmp_path / "runs.toml").write_text(PLAN.format(model="here"))
    with pytest.raises(AlumbenchError, match="no row 'alum'; it has standard"):
        run_study(Plan.read(tmp_path), tmp_path, only=["alum"])
