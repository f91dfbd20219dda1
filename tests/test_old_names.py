"""Names of earlier versions: accepted with one line, and equal to the present ones wherever things are compared."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import alumbench as ab
from alumbench import old_names
from alumbench.attacks.recipe import Recipe
from alumbench.cli import group
from alumbench.errors import AlumbenchError
from alumbench.evaluation.stored import Stored
from alumbench.evaluation.suite import load_suite
from alumbench.leaderboard.config import Board
from alumbench.leaderboard.entries import BoardEntry
from alumbench.leaderboard.submit import add
from alumbench.leaderboard.validate import unlike
from alumbench.methods import Loss, Method, make_method, method_names
from alumbench.methods.alum import Alum
from alumbench.methods.method import load_method, parameters_of
from alumbench.models.checkpoint.provenance import MethodRecord
from alumbench.old_names import ATTACK, PARAMETERS, RECIPE, SUITE_ENTRY, TRAINING, OldName, renamed
from alumbench.parsing import read_json
from alumbench.storage import write_json
from alumbench.studies.choosing import chosen_of, measured_of
from alumbench.studies.jobs import Job
from alumbench.studies.plan import Plan, old_names_in
from alumbench.training.fine_tuning import fine_tune
from alumbench.training.options import FineTuning

Make = Callable[..., FineTuning]
BACK = {new: old for old, new in PARAMETERS.items()}


def command(*words: object) -> Result:
    result = CliRunner().invoke(group, [str(word) for word in words])
    assert result.exit_code == 0, (result.output, result.exception)
    return result


def edit(path: Path, change: Callable[[Any], object]) -> None:
    content = read_json(path)
    change(content)
    write_json(path, content)


def with_old_parameters(parameters: dict[str, object]) -> dict[str, object]:
    return {BACK.get(name, name): value for name, value in parameters.items()}


@pytest.mark.parametrize("name", [name for name in method_names() if parameters_of(load_method(name)).keys() & BACK])
def test_every_method_takes_the_old_names_of_its_parameters(name: str) -> None:
    usual = {key: value for key, value in make_method(name, {}).parameters().items() if key in BACK}
    present = {key: not value if isinstance(value, bool) else (value or 1) * 2 for key, value in usual.items()}
    expected = make_method(name, present)
    assert expected != make_method(name, {})
    said: list[str] = []
    assert make_method(name, with_old_parameters(present), said.append) == expected
    assert said == [f"note: {BACK[key]} is now {key}; the old name is still accepted" for key in present]
    with pytest.warns(OldName):
        assert load_method(name)(**with_old_parameters(present)) == expected


def test_python_warns_where_it_was_called() -> None:
    with pytest.warns(OldName, match="step is now step_size; the old name is still accepted") as warned:
        assert ab.ALUM(step=0.5) == ab.ALUM(step_size=0.5)  # type: ignore[call-arg]
        assert make_method("alum", {"step": 0.5}) == ab.ALUM(step_size=0.5)
    assert [one.filename for one in warned] == [__file__] * 2
    with pytest.raises(AlumbenchError, match="step and step_size are the old and the new name of one setting"):
        make_method("alum", {"step": 1, "step_size": 2})


@dataclass(frozen=True)
class Mine(Method):
    """A method whose own parameter has an old name."""

    name = "mine"
    step: float = 1.0

    def loss(self, model: Any, batch: Any, step: Any) -> Loss:
        return Loss(model(**batch).loss)


def test_another_s_parameter_of_an_old_name_is_kept(recwarn: pytest.WarningsRecorder) -> None:
    assert Mine(step=2.0).parameters() == {"step": 2.0}
    assert not [one for one in recwarn if one.category is OldName]
    with pytest.raises(TypeError, match="Other: steps is now num_steps; rename the field"):
        type("Other", (Alum,), {"__annotations__": {"steps": int}, "steps": 5})


def test_old_names_give_the_same_weights_and_resume(small_request: Make, tmp_path: Path) -> None:
    present = small_request(method="alum", parameters={"num_steps": 2, "init_scale": 0.5, "direction": "vat"})
    old = replace(present, parameters=with_old_parameters(dict(present.parameters)))
    said: dict[str, list[str]] = {"present": [], "old": []}
    for name, request in (("present", present), ("old", old)):
        fine_tune(request, tmp_path / name, said[name].append)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in said]
    assert weights[0] == weights[1]
    notes = [line for line in said["old"] if "is now" in line]
    assert len(notes) == 2 and not [line for line in said["present"] if "is now" in line]
    records = [read_json(tmp_path / name / "training.json") for name in said]
    assert records[0]["method"] == records[1]["method"] and records[1]["method"]["parameters"]["num_steps"] == 2
    assert records[1]["training_seed"] == 1 and "seed" not in records[1]

    def of_earlier_version(request: Any) -> None:
        for name in ("parameters", "method_parameters"):
            request[name] = with_old_parameters(request[name])
        request["seed"] = request.pop("training_seed")

    edit(tmp_path / "old" / "request.json", of_earlier_version)
    for request in (present, old):
        lines: list[str] = []
        fine_tune(request, tmp_path / "old", lines.append)
        assert "finished already" in lines[-1]
    with pytest.raises(AlumbenchError, match="that differs in training seed"):
        fine_tune(replace(present, seed=2), tmp_path / "old", lines.append)
    with pytest.raises(AlumbenchError, match="that differs in parameters"):
        fine_tune(replace(present, parameters={"num_steps": 3}), tmp_path / "old", lines.append)

    # begun by an earlier version and killed before the end
    (tmp_path / "old" / "training.json").unlink()
    (tmp_path / "old" / "model.safetensors").unlink()
    fine_tune(present, tmp_path / "old", lines.append)
    assert (tmp_path / "old" / "model.safetensors").read_bytes() == weights[0]


def test_train_takes_the_old_names_with_one_line_each(tiny_model: Path, tmp_path: Path) -> None:
    said = ["train", "--task", "mini-sentiment", "--model", tiny_model, "--train-size", 16, "--held-out", 8]
    said += ["--epochs", 1, "--device", "cpu", "--method", "alum"]
    file = tmp_path / "old.toml"
    file.write_text("seed = 3\n[set]\nstep = 0.5\n")
    runs = {
        "old": command(*said, "--seed", "3", "--set", "step=0.5", "--out", tmp_path / "old"),
        "equals": command(*said, "--seed=3", "--set", "step=0.5", "--out", tmp_path / "old"),
        "toml": command(*said, "--config", file, "--out", tmp_path / "old"),
        "present": command(*said, "--training-seed", 3, "--set", "step_size=0.5", "--out", tmp_path / "old"),
    }
    for name, run in runs.items():
        assert len(re.findall("seed is now .*training.seed; the old name", run.output)) == (name != "present"), name
        assert run.output.count("step is now step_size; the old name") == (name != "present"), name
        assert ("finished already" in run.output) == (name != "old")
    assert read_json(tmp_path / "old" / "training.json")["training_seed"] == 3
    options = {"train_size": 16, "held_out": 8, "epochs": 1, "device": "cpu", "method": "alum"}
    lines: list[str] = []
    ab.train("mini-sentiment", tiny_model, out=tmp_path / "old", seed=3, set={"step": 0.5}, say=lines.append, **options)
    assert [line.partition(" is now")[0] for line in lines] == ["note: seed", "note: step", lines[-1]]
    with pytest.raises(AlumbenchError, match="seed and training_seed are the old and the new name"):
        ab.train("mini-sentiment", tiny_model, out=tmp_path / "old", seed=3, training_seed=3, **options)


@pytest.mark.parametrize(
    ("words", "new"), [(["train", "--task", "mini-sentiment"], "--training-seed"), (["attack", "x"], "--attack-seed")]
)
def test_both_names_of_an_option_are_refused(words: list[str], new: str) -> None:
    done = CliRunner().invoke(group, [*words, "--seed=1", new, "2"])
    assert done.exit_code != 0
    assert f"--seed and {new} are the old and the new name of one setting; give {new} alone" in done.output


def test_attack_takes_the_old_names_and_resumes_what_an_earlier_version_began(checkpoint: Path, tmp_path: Path) -> None:
    out, suite = tmp_path / "out", tmp_path / "mine.toml"
    suite.write_text(
        'name = "mine"\nversion = 1\ntitle = "A few"\n[[entry]]\nname = "clean"\nkind = "clean"\n[[entry]]\n'
        'name = "typos"\nkind = "attack"\nrecipe = "deepwordbug-all-words@1"\nexamples = 6\nqueries = 30\n'
    )
    said = ["attack", checkpoint, "--suite", suite, "--device", "cpu", "--out", out]
    first = command(*said, "--seed", "3")
    assert first.output.count("note: --seed is now --attack-seed; the old name is still accepted") == 1
    assert read_json(out / "evaluation.json")["identity"]["attack_seed"] == 3
    before = Stored.read(out)
    lines = (out / "records.jsonl").read_text()
    assert '"attack_seed": 3' in lines or '"attack_seed":3' in lines

    def of_earlier_version(document: Any) -> None:
        document["identity"]["seed"] = document["identity"].pop("attack_seed")
        document["checkpoint"]["training"]["seed"] = document["checkpoint"]["training"].pop("training_seed")

    edit(out / "evaluation.json", of_earlier_version)
    kept = lines.replace('"attack_seed"', '"seed"').splitlines(keepends=True)[:-2]
    (out / "records.jsonl").write_text("".join(kept))
    again = command(*said, "--attack-seed", "3")
    assert "is now" not in again.output
    after, plain = Stored.read(out), {"seconds": None}
    assert '"seed"' not in (out / "records.jsonl").read_text()  # a finished run's records are written in order
    assert [one.id for one in after.records] == [one.id for one in before.records]
    strip = lambda record: {k: v for k, v in vars_of(record).items() if k not in plain}  # noqa: E731
    assert [strip(one) for one in after.records] == [strip(one) for one in before.records]
    other = CliRunner().invoke(group, [*map(str, said), "--attack-seed", "4"])
    assert isinstance(other.exception, AlumbenchError) and "attack_seed changed: 3 there, 4 now" in str(other.exception)
    lines_of: list[str] = []
    ab.evaluate(checkpoint, suite, out=out, seed=3, device="cpu", progress=False, say=lines_of.append)
    assert "note: seed is now attack_seed; the old name is still accepted" in lines_of


def vars_of(record: Any) -> dict[str, object]:
    return {name: getattr(record, name) for name in record.__struct_fields__}


def test_seeds_trained_before_and_after_the_renaming_are_one_row(checkpoint: Path, tmp_path: Path) -> None:
    import shutil

    from alumbench.demo import BOARD
    from tests.leaderboard.conftest import move

    board = tmp_path / "board"
    board.mkdir()
    (board / "board.toml").write_text(BOARD.replace("standard", "alum (steps=2)"))
    parameters = make_method("alum", {"num_steps": 2}).parameters()
    for seed in (1, 2):
        folder = shutil.copytree(checkpoint, tmp_path / f"run-{seed}")
        move(folder, seed)
        record = read_json(folder / "training.json") | {"training_seed": seed}
        record["method"] = {"name": "alum", "parameters": parameters}
        if seed == 1:
            record["method"]["parameters"] = with_old_parameters(parameters)
            record["seed"] = record.pop("training_seed")
        write_json(folder / "training.json", record)
        command("attack", folder, "--suite", "smoke", "--device", "cpu", "--only", "clean", "--only", "adversarial")
    first = add(board, tmp_path / "run-1", row="alum (steps=2)")  # as an earlier version named it
    second = add(board, tmp_path / "run-2")
    assert (first.name, second.name) == ("alum-steps=2-seed1.json", "alum-steps=2-seed2.json")
    assert read_json(first)["training"]["method"]["parameters"]["steps"] == 2
    entries = [BoardEntry.read(Board.read(board), path) for path in (first, second)]
    assert list(unlike(entries)) == []
    assert "leaderboard" in command("leaderboard", "build", board).output
    assert CliRunner().invoke(group, ["leaderboard", "check", str(board)]).exit_code == 0
    assert CliRunner().invoke(group, ["leaderboard", "verify", str(board), str(tmp_path / "run-1")]).exit_code == 0

    edit(second, lambda entry: entry["training"]["method"]["parameters"].update(num_steps=3))
    entries = [BoardEntry.read(Board.read(board), path) for path in (first, second)]
    assert "mixes checkpoints that differ in method" in next(unlike(entries))


def test_records_of_others_methods_compare_by_present_names() -> None:
    old = MethodRecord(name="x", parameters={"steps": 2, "a": 1}, changed=["steps"], origin={"package": "p"})
    new = MethodRecord(name="x", parameters={"num_steps": 2, "a": 1}, changed=["num_steps"], origin={"package": "p"})
    assert old.comparable == new.comparable == new != old
    both = MethodRecord(name="x", parameters={"steps": 2, "num_steps": 1})
    assert both.comparable == both


PLAN = """
seeds = [1]
suites = ["smoke"]
attack = { seed = 2 }
[train]
task = "mini-sentiment"
model = "m"
method = "alum"
[sweep]
suite = "smoke"
score = [["clean:accuracy"]]
[[rows]]
row = "a"
set = { step = 0.5 }
candidates = [{ set = { steps = 2 } }, { set = { steps = 3 } }]
"""


def test_a_plan_s_old_names_are_told_once_and_equal_the_present_ones(tmp_path: Path) -> None:
    (tmp_path / "runs.toml").write_text(PLAN)
    plan = Plan.read(tmp_path)
    told = [line.removeprefix(f"{tmp_path / 'runs.toml'}: ").partition(";")[0] for line in old_names_in(plan)]
    assert told == ["step is now step_size", "steps is now num_steps", "seed is now attack_seed"]
    rule = {"suite": "smoke", "score": [["clean:accuracy"]], "train": {}, "attack": {}, "seed": 1}
    tried = [{"options": {"set": {"steps": k}}, "figures": {"clean:accuracy": 0.5}, "score": 0.5} for k in (2, 3)]
    rows = {"a": {"train": dict(plan.rows[0].train), "candidates": tried, "chosen": 1}}
    (tmp_path / "sweep.json").write_text(json.dumps({"rule": rule, "rows": rows}))
    assert len(measured_of(plan, plan.rows[0])) == 2

    text = PLAN.replace("steps =", "num_steps =").replace("step =", "step_size =").replace("{ seed", "{ attack_seed")
    (tmp_path / "runs.toml").write_text(text)
    plan = Plan.read(tmp_path)
    assert old_names_in(plan) == []
    found = measured_of(plan, plan.rows[0])
    assert [found[at].options for at in found] == [{"set": {"num_steps": 2}}, {"set": {"num_steps": 3}}]
    assert chosen_of(plan) == {"a": {"set": {"steps": 3}}}
    (tmp_path / "runs.toml").write_text(text.replace("num_steps = 3", "num_steps = 4"))
    plan = Plan.read(tmp_path)
    assert list(measured_of(plan, plan.rows[0])) == [0]


def test_commands_that_an_earlier_version_ran_are_not_run_again() -> None:
    before = [["train", "--set", "step=1", "--seed", "1", "--out", "x"], ["attack", "x", "--seed", "2"]]
    now = [
        ["train", "--set", "step_size=1", "--training-seed", "1", "--out", "x"],
        ["attack", "x", "--attack-seed", "2"],
    ]
    assert Job("x", now).unfinished(before) == [] and Job("x", before).unfinished(now) == []
    other = [["train", "--set", "step_size=2", "--training-seed", "1", "--out", "x"], now[1]]
    assert Job("x", other).unfinished(before) == other


def test_a_suite_with_parts_is_the_one_with_models(tmp_path: Path) -> None:
    text = (
        'name = "mine"\nversion = 1\ntitle = "One"\n[[entry]]\nname = "bae"\nkind = "attack"\nexamples = 5\n'
        'recipe = "bae-local@1"\nmodels = { masked_lm = "x" }\n'
    )
    (tmp_path / "new.toml").write_text(text)
    (tmp_path / "old.toml").write_text(text.replace("models =", "parts ="))
    new = load_suite(str(tmp_path / "new.toml"))
    with pytest.warns(OldName, match="parts is now models; the old name is still accepted"):
        old = load_suite(str(tmp_path / "old.toml"))
    assert old.entries == new.entries and old.digest() == new.digest()
    # of the same file under the version before the renaming
    assert new.digest() == "b3f8cdf87f2a30cc3a94756a0a0139030c4cfaa1f8b111fb1a51f8cb271ff481"
    (tmp_path / "both.toml").write_text(text + 'parts = { masked_lm = "x" }\n')
    with pytest.raises(AlumbenchError, match=r"entry.*: parts and models are the old and the new name"):
        load_suite(str(tmp_path / "both.toml"))


def test_a_recipe_takes_the_old_names_of_its_arguments() -> None:
    with pytest.warns(OldName) as warned:
        old = Recipe("r", 1, None, "s", parts="swaps words", parts_needed=("masked_lm",))  # type: ignore[call-arg]
    assert old == Recipe("r", 1, None, "s", description="swaps words", required_models=("masked_lm",))
    assert len(warned) == 2 and warned[0].filename == __file__


def test_a_command_prints_a_warning_about_an_old_name_as_a_note(capfd: pytest.CaptureFixture[str]) -> None:
    import click

    from alumbench.cli import main

    @click.command()
    def twice() -> None:
        for _ in range(2):
            old_names.warn("note: parts is now models; the old name is still accepted")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["alumbench"])
        main(twice)
    assert capfd.readouterr().err == "note: parts is now models; the old name is still accepted\n"


def test_values_keep_their_order() -> None:
    assert list(renamed({"b": 1, "step": 2, "a": 3}, PARAMETERS, old_names.silent)) == ["b", "step_size", "a"]


def test_the_documentation_lists_every_old_name() -> None:
    text = (Path(__file__).parents[1] / "docs" / "formats.md").read_text()
    table = text.partition("## Old names")[2].partition("\n## ")[0]
    for names in (PARAMETERS, TRAINING, ATTACK, SUITE_ENTRY, RECIPE):
        for old, new in names.items():
            assert re.search(rf"\| `{old}` \| `{new}` \|", table), (old, new)


def test_a_method_takes_no_parameter_without_its_name() -> None:
    """The first field is epsilon, and the reader of `ALUM(1.0)` takes it for alpha."""
    with pytest.raises(AlumbenchError, match="Alum: give each parameter by name, such as alpha=1.0"):
        ab.ALUM(1.0)
