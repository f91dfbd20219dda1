"""What a `runs.toml` may say, and the command lines that follow from it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import pytest

from alumbench.cli import group
from alumbench.cli.options import key_values
from alumbench.cli.train import train
from alumbench.data import load_task
from alumbench.errors import AlumbenchError
from alumbench.methods import make_method
from alumbench.studies.plan import Plan, arguments, merged
from alumbench.studies.study import check_plan, jobs_of

PLAN = """
seeds = [1, 2]
suites = ["smoke"]
attack = { only = ["clean"] }
[train]
task = "mini-sentiment"
model = "here"
set = { alpha = 1 }
[sweep]
suite = "tuning"
score = [["clean:accuracy"]]
[[rows]]
row = "alum: a/b"
method = "alum"
candidates = [{ set = { epsilon = 0.1 } }, { set = { epsilon = 0.2 } }]
"""
BOARDS = sorted(path.parent for path in (Path(__file__).parents[2] / "leaderboards").glob("*/runs.toml"))


def plan_of(folder: Path, text: str) -> Plan:
    (folder / "runs.toml").write_text(text)
    return Plan.read(folder)


def test_options_become_a_command_line() -> None:
    options = {"lr": 2e-4, "set": {"alpha": 1, "norm": "linf"}, "only": ["a", "b"], "compile": True, "resume": False}
    assert " ".join(arguments(options)) == "--lr 0.0002 --set alpha=1 --set norm=linf --only a --only b --compile"


def test_tables_are_merged_and_the_last_word_counts() -> None:
    assert merged({"lr": 1, "set": {"a": 1, "b": 1}}, {"set": {"b": 2}}, {"lr": 3}) == {
        "lr": 3,
        "set": {"a": 1, "b": 2},
    }


def test_a_row_has_what_all_share_and_its_own(tmp_path: Path) -> None:
    row = plan_of(tmp_path, PLAN).rows[0]
    assert row.slug == "alum-a-b"
    assert row.train == {"task": "mini-sentiment", "model": "here", "set": {"alpha": 1}, "method": "alum"}
    assert [candidate["set"]["epsilon"] for candidate in row.candidates] == [0.1, 0.2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("seeds = [1, 2]", ""), "seeds is missing"),
        (('suites = ["smoke"]', 'suites = ["smoke"]\nsuits = 1'), "suits.*Did you mean 'suites'"),
        (('row = "alum: a/b"', ""), r"a \[\[rows\]\] has no row"),
        (("[sweep]", "[other]"), "other"),
        (('suite = "tuning"\n', ""), "sweep: .*suite"),
        (('model = "here"', 'model = "pretrained:small"'), r"no \[\[pretrain\]\] has the name small"),
        (("[[rows]]", '[[rows]]\nrow = "b"\ncandidates = [{ lr = 1 }]\n[[rows]]'), r"rows have \[1, 2\] candidates"),
        (("[[rows]]", '[[rows]]\nrow = "alum a b"\n[[rows]]'), "two rows have the same name"),
        (("seeds = [", "seeds = ]"), "runs.toml: "),
        (('score = [["clean:accuracy"]]\n', ""), "sweep: score is missing"),
        (('[["clean:accuracy"]]', '["clean:accuracy"]'), "sweep.score.*expected a list of texts, found text"),
        (('[["clean:accuracy"]]', '[["clean"]]'), "'clean' is not ENTRY:MEASURE"),
        (('suite = "tuning"', 'suite = "tuning"\ntrain = { set = { alpha = 2 } }'), "set is in .* train, so row alum"),
        (("[[rows]]", '[[pretrain]]\nname = "p"\n[[pretrain]]\nname = "p"\n[[rows]]'), "two .* have the name p"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    assert change[0] in PLAN
    with pytest.raises(AlumbenchError, match=message):
        plan_of(tmp_path, PLAN.replace(*change))


def test_a_folder_without_a_plan_is_told_what_one_is(tmp_path: Path) -> None:
    with pytest.raises(AlumbenchError, match=r"runs\.toml: no such file\. It says what is trained"):
        Plan.read(tmp_path)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_the_plans_of_our_boards_can_be_carried_out(board: Path, tmp_path: Path) -> None:
    """Every command line is one that its command takes, every method, parameter, task, suite and entry is there."""
    plan, seen = Plan.read(board), set()
    check_plan(plan)
    for job in jobs_of(plan, tmp_path):
        for line in job.commands:
            options = parsed(line)
            seen.add(line[0])
            if line[0] == "train":
                load_task(options["task"])
                make_method(options["method"], key_values(options["set"], "--set"))
    assert {"train", "attack", "leaderboard"} <= seen


def test_a_plan_whose_evaluations_its_board_refuses_is_not_begun(tmp_path: Path) -> None:
    (tmp_path / "board.toml").write_text('title = "a board"\nsuites = ["smoke@1"]\nscored = []\n')
    check_plan(plan_of(tmp_path, PLAN))
    in_bf16 = plan_of(tmp_path, PLAN.replace('only = ["clean"]', 'precision = "bf16"'))
    with pytest.raises(AlumbenchError, match=r'set scored = \["precision:bf16"\] there'):
        check_plan(in_bf16)
    (tmp_path / "board.toml").write_text('title = "a board"\nsuites = ["smoke@1"]\nscored = ["precision:bf16"]\n')
    check_plan(in_bf16)


def parsed(line: Sequence[str]) -> dict[str, Any]:
    command: click.Command | None = group
    while isinstance(command, click.Group):
        name, *line = line
        command = command.get_command(click.Context(command), name)
    assert command is not None, name
    return command.make_context(name, list(line), resilient_parsing=False).params


def test_a_tokenizer_that_is_a_table_is_learned_before_its_pretraining(tmp_path: Path) -> None:
    table = '[[pretrain]]\nname = "p"\nconfig = "bert-tiny"\ntokenizer = { corpus = "c.txt", vocab-size = 99 }\n'
    plan = plan_of(tmp_path, PLAN.replace("[[rows]]", f"{table}[[rows]]").replace('"here"', '"pretrained:p"'))
    learn, pretraining = jobs_of(plan, tmp_path)[0].commands
    folder = str(tmp_path / "tokenizer-p")
    assert learn == ["tokenizer", "learn", "--corpus", "c.txt", "--vocab-size", "99", "--out", folder]
    assert pretraining[pretraining.index("--tokenizer") + 1] == folder and pretraining[0] == "pretrain"


def test_a_wrong_option_is_seen_by_that(tmp_path: Path) -> None:
    with pytest.raises(click.exceptions.NoSuchOption):
        train.make_context("train", list(arguments({"learning-rate": 1})))
