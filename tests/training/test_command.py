"""`alumbench train` on a user's own files: every format, and each thing that is wrong with one."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from alumbench.cli import group, main
from alumbench.data import data_hash, examples_from_rows, miniature
from alumbench.errors import AlumbenchError
from alumbench.hub.upload_files import MODEL, TOKENIZER
from alumbench.parsing import read_json

Table = dict[str, list[Any]]
Train = Callable[..., Result]


def write_csv(table: Table, path: Path) -> None:
    arrow_csv.write_csv(pa.table(table), path)


def write_tsv(table: Table, path: Path) -> None:
    arrow_csv.write_csv(pa.table(table), path, arrow_csv.WriteOptions(delimiter="\t"))


def write_jsonl(table: Table, path: Path) -> None:
    rows = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_parquet(table: Table, path: Path) -> None:
    parquet.write_table(pa.table(table), path)


WRITERS = {".csv": write_csv, ".tsv": write_tsv, ".jsonl": write_jsonl, ".parquet": write_parquet}


def table_of(count: int = 16, start: int = 0) -> Table:
    rows = miniature.rows("sentiment/train")
    return {"text": rows["sentence"][start : start + count], "label": rows["label"][start : start + count]}


@pytest.fixture
def train(tiny_model: Path, tmp_path: Path) -> Train:
    """Runs the command for one step; its `out` is tmp_path/out."""

    def run(*arguments: str) -> Result:
        common = ["--model", str(tiny_model), "--device", "cpu", "--trainer", "max_steps=1", "--out"]
        return CliRunner().invoke(group, ["train", *arguments, *common, str(tmp_path / "out")])

    return run


def refused(result: Result) -> str:
    """The message of a command that ended in one of our own errors."""
    assert isinstance(result.exception, AlumbenchError), result.output
    return str(result.exception)


@pytest.mark.parametrize("suffix", WRITERS)
def test_own_data_in_every_format_gives_the_same_run(train: Train, tmp_path: Path, suffix: str) -> None:
    mine, dev = tmp_path / f"mine{suffix}", tmp_path / f"dev{suffix}"
    WRITERS[suffix](table_of(), mine)
    WRITERS[suffix](table_of(8, start=16), dev)
    result = train("--train-file", str(mine), "--validation-file", str(dev))
    assert result.exit_code == 0, result.output
    assert "1 steps in" in result.output
    assert f"next: alumbench attack {tmp_path / 'out'}" in result.output
    record = read_json(tmp_path / "out" / "training.json")
    assert record["task"]["labels"] == ["negative", "positive"]
    assert (record["data"]["train"]["examples"], record["data"]["dev"]["examples"]) == (16, 8)
    examples, _ = examples_from_rows(table_of(8, start=16), ["text"], ["negative", "positive"], "here")
    assert record["data"]["dev"]["sha256"] == data_hash(examples)


def test_pairs_other_columns_and_numbered_labels(train: Train, tmp_path: Path) -> None:
    rows = miniature.rows("nli/train")
    numbers = [["entailment", "neutral", "contradiction"].index(name) for name in rows["label"][:24]]
    write_csv({"a": rows["premise"][:24], "b": rows["hypothesis"][:24], "gold": numbers}, tmp_path / "mine.csv")
    options = ["--train-file", str(tmp_path / "mine.csv"), "--held-out", "8", "--text-columns", "a,b"]
    options += ["--label-column", "gold", "--protected", "a"]
    assert "are numbers; name them in order: --labels name0,name1" in refused(train(*options))
    result = train(*options, "--labels", "entailment,neutral,contradiction")
    assert result.exit_code == 0, result.output
    task = read_json(tmp_path / "out" / "training.json")["task"]
    assert (task["columns"], task["protected"]) == (["a", "b"], ["a"])
    assert read_json(tmp_path / "out" / "config.json")["id2label"]["2"] == "contradiction"


@pytest.mark.parametrize(
    ("suffix", "labels", "options"),
    [
        (".jsonl", [None, "negative", "positive"], []),
        (".parquet", [None, "negative", "positive"], []),
        (".csv", ["", "negative", "positive"], []),
        (".csv", [-1, 0, 1], ["--labels", "negative,positive,-1="]),
        (".jsonl", [-1, 0, 1], ["--labels", "negative,positive,-1="]),
        (".csv", ["", "0", "1"], ["--labels", "negative,positive"]),
    ],
    ids=["jsonl-null", "parquet-null", "csv-empty", "csv-minus-one", "jsonl-minus-one", "csv-empty-numbered"],
)
def test_rows_without_a_label_are_left_out_and_counted(
    train: Train, tmp_path: Path, suffix: str, labels: list[Any], options: list[str]
) -> None:
    table = table_of(18) | {"label": labels * 6}
    WRITERS[suffix](table, tmp_path / f"mine{suffix}")
    result = train("--train-file", str(tmp_path / f"mine{suffix}"), "--held-out", "4", *options)
    assert result.exit_code == 0, f"{result.output} {result.exception}"
    record = read_json(tmp_path / "out" / "training.json")
    assert record["task"]["labels"] == ["negative", "positive"]
    assert record["data"]["train"]["sources"][0]["without_label"] == 6
    assert record["data"]["train"]["examples"] == 8


@pytest.mark.parametrize(
    ("labels", "expected"),
    [(["Pos", "pos", "neg"], 2), (["pos ", "pos", "neg"], 2), (["pos ", "neg "], 2)],
    ids=["case", "blanks", "blanks-everywhere"],
)
def test_labels_that_differ_only_in_case_or_blanks_are_one(
    train: Train, tmp_path: Path, labels: list[str], expected: int
) -> None:
    write_csv(table_of(12) | {"label": labels * (12 // len(labels))}, tmp_path / "mine.csv")
    result = train("--train-file", str(tmp_path / "mine.csv"), "--held-out", "4")
    assert result.exit_code == 0, f"{result.output} {result.exception}"
    assert len(read_json(tmp_path / "out" / "training.json")["task"]["labels"]) == expected


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("text,label\n", [], "mine.csv: .*(no label|no row|no data|empty)"),
        ("", [], "mine.csv: the file is empty"),
        (
            "texts,label\na,x\nb,y\n",
            [],
            "no column 'text'; it has label, texts. Did you mean 'texts'\\? Name the columns with",
        ),
        (
            "text,labels\na,x\nb,y\n",
            [],
            "no column 'label'; it has labels, text. Did you mean 'labels'\\? Name the columns with",
        ),
        ("text,label\na,x\nb,y\nc,z\n", ["--labels", "x,y"], "mine.csv, row 3: label 'z' is not one of x, y"),
        (
            "text,label\na,0\nb,7\n",
            ["--labels", "x,y"],
            "row 2: label '7' is not one of x, y; say what each value means: --labels 0=NAME,7=NAME",
        ),
        ("text,label\na,x\nb,x\n", [], "the only label is x; a classifier needs two or more"),
        ("text,label\n1,x\n2,y\n", [], "column 'text' holds only numbers, expected texts"),
        ("text,label\na,x\nb,y\n", ["--text-columns", "text,text,text"], "expected one column, or two for pairs"),
        (
            "text,label\na,x\nb,y\n",
            [],
            "has no dev set: name one with --validation-file, or take it from the training examples with --held-out 1$",
        ),
        ('text,label\n"a,x\nb,y\n', [], "mine.csv: "),
    ],
    ids=["head", "empty", "text", "label", "outside", "index", "one", "numbers", "three", "no-dev", "torn"],
)
def test_what_is_wrong_with_a_file_is_said(
    train: Train, tmp_path: Path, content: str, options: list[str], message: str
) -> None:
    (tmp_path / "mine.csv").write_text(content)
    assert re.search(message, refused(train("--train-file", str(tmp_path / "mine.csv"), *options)))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("mine.xlsx", b"x", "expected a file ending in .csv"),
        ("mine.parquet", b"PAR1 no", "cannot be read as parquet"),
        ("mine.jsonl", b'{"text": ', "cannot be read as json"),
        ("mine.csv", b"text,label\n\xff\xfe,x\n", "cannot be read as csv"),
        ("absent.csv", None, "no such file"),
    ],
    ids=["kind", "parquet", "jsonl", "encoding", "absent"],
)
def test_a_damaged_file_is_one_line(
    train: Train, tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert message in refused(train("--train-file", str(tmp_path / name), "--held-out", "1"))
    assert not (tmp_path / "out").exists()


def test_held_out_rows_are_what_attack_runs_on_and_trained_rows_are_told(train: Train, tmp_path: Path) -> None:
    """The command that `train` prints next works, and where the training file itself is given, that is said."""
    file, out = tmp_path / "mine.csv", tmp_path / "out"
    write_csv(table_of(40), file)
    result = train("--train-file", str(file), "--held-out", "8")
    assert result.exit_code == 0, result.output
    assert re.search(r"mine.csv: 40 rows; labels: negative \(\d+\), positive \(\d+\)", result.output)
    next_command = shlex.split(result.output.rpartition("next: alumbench ")[2])
    moved = file.rename(tmp_path / "elsewhere.csv")
    clean = ["--only", "clean", "--device", "cpu"]
    result = CliRunner().invoke(group, [*next_command, *clean])
    assert result.exit_code == 0, f"{result.output} {result.exception}"
    assert "held-out.jsonl: 8 rows" in result.output and "were trained on" not in result.output
    record, evaluation = read_json(out / "training.json"), read_json(next(out.glob("evaluations/*/evaluation.json")))
    assert evaluation["entries"]["clean"]["data_sha256"] == record["data"]["dev"]["sha256"]
    assert str(tmp_path) not in json.dumps(record["task"]["dev"]) + json.dumps(evaluation["entries"])
    result = CliRunner().invoke(group, [*next_command, *clean, "--data", str(moved)])
    assert "note: 32 of 40 examples of elsewhere.csv were trained on" in result.output, result.exception
    (evaluation_file,) = out.glob("evaluations/*-elsewhere/evaluation.json")
    (source,) = read_json(evaluation_file)["entries"]["clean"]["sources"]
    assert (source["trained_on"], source["examples"], source["empty"]) == (32, 40, 0)
    assert not {"held-out.jsonl", "trained-on.txt"} & {*MODEL, *TOKENIZER}, "push sends none of a user's rows"


def test_values_of_labels_are_for_own_examples(tmp_path: Path) -> None:
    result = CliRunner().invoke(group, ["attack", str(tmp_path), "--suite", "smoke", "--labels", "0=a,1=b"])
    assert result.exit_code == 2 and "VALUE=NAME in --labels is for the values of --data" in result.output


def test_a_config_file_says_what_the_command_line_does_not(train: Train, tmp_path: Path) -> None:
    config = tmp_path / "run.toml"
    config.write_text(
        'task = "mini-sentiment"\nmethod = "alum"\ntraining_seed = 5\ntrain-size = 16\nheld_out = 8\n[set]\nalpha = 3\n'
    )
    result = train("--config", str(config), "--training-seed", "6")
    assert result.exit_code == 0, result.output
    record = read_json(tmp_path / "out" / "training.json")
    assert (record["training_seed"], record["method"]["parameters"]["alpha"]) == (6, 3.0)
    assert record["data"]["train"]["examples"] == 16


SCHEDULE = ["--adversary-after", "0.5", "--adversary-every", "2", "--adversary-fraction", "0.25"]


@pytest.mark.parametrize("from_file", [False, True], ids=["options", "file"])
def test_a_schedule_comes_from_options_or_a_file(train: Train, tmp_path: Path, from_file: bool) -> None:
    options = ["--task", "mini-sentiment", "--method", "alum", "--train-size", "16", "--held-out", "8"]
    if from_file:
        (tmp_path / "run.toml").write_text("adversary-after = 0.5\nadversary_every = 2\nadversary-fraction = 0.25\n")
        options += ["--config", str(tmp_path / "run.toml")]
    result = train(*options, *([] if from_file else SCHEDULE))
    assert result.exit_code == 0, result.output
    record = read_json(tmp_path / "out" / "training.json")
    assert record["settings"]["schedule"] == {"after": 0.5, "every": 2, "fraction": 0.25}
    assert "differs in schedule" in refused(train(*options[:8], "--adversary-after", "0.25"))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("after", "1.5", "1.5 is not in the range 0<=x<=1"),
        ("after", "half", "'half' is not a valid float"),
        ("after", "nan", "starts after nan of the run"),
        ("every", "0", "0 is not in the range x>=1"),
        ("fraction", "0", "sees 0 of each batch: must be above 0"),
        ("fraction", "-1", "-1.0 is not in the range 0<=x<=1"),
    ],
    ids=str,
)
@pytest.mark.parametrize("from_file", [False, True], ids=["options", "file"])
def test_what_is_no_schedule_is_refused(
    train: Train, tmp_path: Path, name: str, value: str, message: str, from_file: bool
) -> None:
    (tmp_path / "run.toml").write_text(f'adversary-{name} = "{value}"\n')
    given = ["--config", str(tmp_path / "run.toml")] if from_file else [f"--adversary-{name}", value]
    result = train("--task", "mini-sentiment", "--method", "alum", *given)
    assert result.exit_code != 0
    assert message in f"{result.output} {result.exception}"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('taks = "sst2"', "unknown option 'taks'. Did you mean 'task'?"),
        ("settings = 1", "unknown option 'settings'"),
        ("task = sst2", "cannot be read as TOML"),
    ],
    ids=["key", "inner-name", "toml"],
)
def test_a_wrong_config_file_is_refused(train: Train, tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "run.toml").write_text(content)
    assert message in refused(train("--config", str(tmp_path / "run.toml")))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--task", "sst-2"], "unknown task 'sst-2'. Did you mean 'sst2'? 'alumbench tasks' lists them"),
        (["--task", "mini-sentiment", "--method", "alm"], "unknown method 'alm'. Did you mean 'alum'?"),
        (["--task", "mini-sentiment", "--method", "alum", "--set", "epsilom=1"], "Did you mean 'epsilon'?"),
        (["--task", "mini-sentiment", "--method", "alum", "--set", "epsilon=-1"], "epsilon = -1.0: must be above 0"),
        (["--task", "mini-sentiment", "--method", "alum", "--set", "epsilon=0"], "epsilon = 0.0: must be above 0"),
        (["--task", "mini-sentiment", "--method", "alum", "--set", "steps=-1"], "K = -1 ascent steps"),
        (["--task", "mini-sentiment", "--method", "alum", "--set", "norm=l3"], "unknown norm 'l3'; known: l2-sentence"),
        (["--task", "mini-sentiment", "--method", "alum", "--set", "direction=up"], "unknown direction 'up'; known:"),
        (["--task", "mini-sentiment", "--method", "alum", "--set", "divergence=tv"], "unknown divergence 'tv'; known:"),
        (["--task", "mini-sentiment", "--method", "alum", "--set", "stop_gradient=x"], "unknown stop_gradient 'x'"),
        (["--task", "mini-sentiment", "--method", "alum", "--set", "alpha=-1"], "alpha = -1.0: must be 0 or more"),
        (["--task", "mini-sentiment", "--set", "alpha"], "--set alpha: expected --set NAME=VALUE"),
        (["--task", "mini-sentiment", "--trainer", "max_step=1"], "Did you mean 'max_steps'?"),
    ],
    ids=lambda value: "-".join(value[-2:]) if isinstance(value, list) else "",
)
def test_a_wrong_name_offers_the_nearest(train: Train, options: list[str], message: str) -> None:
    assert message in refused(train(*options))


def test_a_mistake_is_one_line_and_status_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ["alumbench", "train", "--task", "nothing", "--model", "x", "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    assert capsys.readouterr().err.startswith("alumbench: unknown task 'nothing'.")
