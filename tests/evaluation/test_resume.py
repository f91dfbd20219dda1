"""R1, R3, R4: a run that is killed, repeated or asked for differently."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import transformers

from alumbench.attacks.victim import Victim
from alumbench.errors import AlumbenchError
from alumbench.evaluation.evaluate import EVALUATION, RECORDS
from alumbench.evaluation.stored import Stored
from alumbench.evaluation.verify import verify
from alumbench.models.checkpoint import checkpoint_task, find_model
from alumbench.parsing import read_json
from alumbench.storage import RecordLog
from tests.evaluation.conftest import SMALL, in_a_new_process, lines, run

KILLS = 20
#: Searches within threat models, 60 in all.
SETS = "\n".join(
    ['name = "sets"\nversion = 1\ntitle = "searches within threat models"']
    + [
        f'[[entry]]\nname = "{name}"\nkind = "attack"\nrecipe = "{name}@1"\nthreat_model = "{at}@1"\n'
        "examples = 12\nqueries = 60\nseconds = 20.0"
        for name, at in {
            **{"standard": "chars-1", "coordinate-gradient": "chars-2", "hard-label": "insertions-2"},
            **{"bayesian": "obfuscation-2", "beam": "chars-2-readable"},
        }.items()
    ]
)


def killed(checkpoint: Path, suite: Path, out: Path, kills: int, total: int) -> subprocess.CompletedProcess[str]:
    script = Path(__file__).with_name("killed_run.py")
    command = [sys.executable, script, checkpoint, suite, out, kills, 5, total]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    return done


@pytest.mark.parametrize("text", [SMALL, SETS], ids=["textattack", "threat-models"])
def test_killed_twenty_times_the_records_are_those_of_an_unbroken_run(pair_checkpoint, tmp_path, text):
    """R1 and R10. Both runs have one thread: scores are the same bits for the same number of threads."""
    suite, out, unbroken = tmp_path / "small.toml", tmp_path / "out", tmp_path / "unbroken"
    suite.write_text(text)
    killed(pair_checkpoint, suite, unbroken, 0, 0)
    done = killed(pair_checkpoint, suite, out, KILLS, (unbroken / RECORDS).stat().st_size)
    runs = json.loads(done.stdout.rpartition("RUNS")[2])
    assert [one["killed"] for one in runs] == [True] * KILLS + [False] and runs[-1]["exit"] == 0
    assert len({one["bytes"] for one in runs}) > KILLS // 2, "the kills fell on different records"
    assert lines(out) == lines(unbroken)
    searched = (out / "searches").read_text().split()
    assert len(set(searched)) == 60 < len(searched) <= 60 + KILLS, "at most one finished example is done twice a kill"
    assert done.stdout.count("incomplete last line") >= KILLS // 4 - 1
    killed_, whole = read_json(out / EVALUATION), read_json(unbroken / EVALUATION)
    assert killed_["entries"] == whole["entries"] and killed_["identity"] == whole["identity"]
    held = in_a_new_process(out)
    assert held.returncode == 0 and "no longer" not in held.stdout, held.stdout + held.stderr
    assert held.stdout.count("adversarial texts still hold") == text.count('kind = "attack"'), held.stdout


def test_the_same_seed_twice(pair_checkpoint, evaluated, write_suite, tmp_path):
    run(pair_checkpoint, tmp_path / "again", write_suite())
    assert lines(tmp_path / "again") == lines(evaluated)
    run(pair_checkpoint, tmp_path / "other", write_suite(), attack_seed=2)
    assert lines(tmp_path / "other") != lines(evaluated)


@pytest.mark.parametrize("seed", ["0", "1"])
def test_the_hash_seed_of_python_changes_nothing(pair_checkpoint, evaluated, write_suite, tmp_path, seed):
    """R3; the unbroken run was made under the seed of this process, a random one by default."""
    write_suite()
    command = [Path(sys.executable).with_name("alumbench"), "attack", pair_checkpoint, "--device", "cpu"]
    command += ["--suite", tmp_path / "small.toml", "--out", tmp_path / "out"]
    environment = os.environ | {"PYTHONHASHSEED": seed}
    done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-3000:]
    assert lines(tmp_path / "out") == lines(evaluated)


def test_the_same_request_again_does_nothing_twice(pair_checkpoint, evaluated, write_suite, tmp_path, monkeypatch):
    shutil.copytree(evaluated, tmp_path / "out")
    before = (tmp_path / "out" / RECORDS).read_bytes()
    monkeypatch.setattr(RecordLog, "append", lambda self, record: pytest.fail("a record was made again"))
    document = run(pair_checkpoint, tmp_path / "out", write_suite())
    assert document["entries"] == read_json(evaluated / EVALUATION)["entries"]
    assert (tmp_path / "out" / RECORDS).read_bytes() == before


def test_only_is_no_part_of_the_identity(pair_checkpoint, evaluated, write_suite, tmp_path):
    out, suite = tmp_path / "out", write_suite()
    first = run(pair_checkpoint, out, suite, only=("attack",))
    assert list(first["entries"]) == ["attack"]
    document = run(pair_checkpoint, out, suite)
    assert sorted(lines(out)) == sorted(lines(evaluated))
    assert document["entries"] == read_json(evaluated / EVALUATION)["entries"]


def changed_weights(folder: Path, tmp_path: Path) -> Path:
    from safetensors.torch import load_file, save_file

    shutil.copytree(folder, tmp_path / "changed")
    path = tmp_path / "changed" / "model.safetensors"
    weights = load_file(path)
    weights["classifier.bias"] = weights["classifier.bias"] + torch.tensor([0.0, 0.0, 1e-3])
    save_file(weights, path, metadata={"format": "pt"})
    return tmp_path / "changed"


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("attack_seed", {"attack_seed": 2}),
        ("limit", {"limit": 5}),
        ("protected", {"protect": False}),
        ("labels", {"labels": ("contradiction", "neutral", "entailment")}),
    ],
)
def test_another_request_is_refused_by_the_field(pair_checkpoint, evaluated, write_suite, tmp_path, field, changes):
    """R4."""
    shutil.copytree(evaluated, tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with pytest.raises(AlumbenchError, match=rf"out: cannot resume, {field} changed: .*Give another --out"):
        run(pair_checkpoint, tmp_path / "out", write_suite(), **changes)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


@pytest.mark.parametrize(
    ("field", "old", "new"),
    [
        ("suite.sha256", "queries = 60", "queries = 61"),
        ("suite.sha256", "examples = 60", "examples = 59"),
        ("suite.sha256", "one attack", "an attack"),
        ("suite.(sha256|version)", "version = 1", "version = 2"),
        ("suite.(sha256|name)", 'name = "small"', 'name = "other"'),
    ],
)
def test_an_edited_suite_is_refused(pair_checkpoint, evaluated, write_suite, tmp_path, field, old, new):
    shutil.copytree(evaluated, tmp_path / "out")
    with pytest.raises(AlumbenchError, match=rf"cannot resume, {field} changed"):
        run(pair_checkpoint, tmp_path / "out", write_suite((old, new)))


def test_other_weights_and_versions_are_refused(pair_checkpoint, evaluated, write_suite, tmp_path, monkeypatch):
    from alumbench.evaluation import document as module

    shutil.copytree(evaluated, tmp_path / "out")
    with pytest.raises(AlumbenchError, match="cannot resume, changed since it was started: weights"):
        run(changed_weights(pair_checkpoint, tmp_path), tmp_path / "out", write_suite())
    versions = module.library_versions() | {"transformers": "0.0"}
    monkeypatch.setattr(module, "library_versions", lambda: versions)
    with pytest.raises(AlumbenchError, match=r"cannot resume, versions.transformers changed: .* '0.0' now"):
        run(pair_checkpoint, tmp_path / "out", write_suite())


CHANGES = {
    "config.json: id2label": ("config.json", {"id2label": {"0": "neutral", "1": "entailment", "2": "contradiction"}}),
    "config.json: pad_token_id": ("config.json", {"pad_token_id": 1}),
    "config.json: position_embedding_type": ("config.json", {"position_embedding_type": "relative_key"}),
    "tokenizer_config.json: do_lower_case": ("tokenizer_config.json", {"do_lower_case": "x"}),
    "special_tokens_map.json: sep_token": ("special_tokens_map.json", {"sep_token": "[PAD]"}),
    "tokenizer.json": ("tokenizer.json", {"normalizer": None}),
}
HARMLESS = {
    "config.json": {
        "transformers_version": "0",
        "dtype": "float16",
        "_name_or_path": "/home/me",
        "architectures": ["x"],
    },
    "tokenizer_config.json": {"name_or_path": "/home/me"},
    "tokenizer.json": {"truncation": {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0}},
}


def changed_file(folder: Path, file: str, values: dict) -> None:
    there = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps(dict(reversed((there | values).items()))))


@pytest.mark.parametrize(("what", "file", "values"), [(what, *how) for what, how in CHANGES.items()])
def test_another_configuration_or_tokenizer_is_refused(
    pair_checkpoint, evaluated, write_suite, tmp_path, what, file, values
):
    """The weights are the same; the answers are others."""
    shutil.copytree(evaluated, tmp_path / "out")
    other = Path(shutil.copytree(pair_checkpoint, tmp_path / "other"))
    if file == "special_tokens_map.json" and not transformers.__version__.startswith("4."):
        pytest.skip(f"transformers {transformers.__version__} writes no {file}")
    changed_file(other, file, values)
    victim = Victim(find_model(str(pair_checkpoint)), checkpoint_task(find_model(str(pair_checkpoint))), "cpu")
    victim.files = find_model(str(other))
    with pytest.raises(AlumbenchError, match=f"cannot resume, changed since it was started: {what}"):
        run(other, tmp_path / "out", write_suite(), victim=victim)
    with pytest.raises(AlumbenchError, match=f"weights that .* was made with, but these changed since: {what}"):
        verify(Stored.read(tmp_path / "out"), victim)


def test_what_changes_no_answer_and_what_was_not_recorded_is_no_other_model(
    pair_checkpoint, evaluated, write_suite, tmp_path
):
    out, other = tmp_path / "out", Path(shutil.copytree(pair_checkpoint, tmp_path / "other"))
    shutil.copytree(evaluated, out)
    for file, values in HARMLESS.items():
        changed_file(other, file, values)
    before = (out / RECORDS).read_bytes()
    run(other, out, write_suite())
    document = read_json(out / EVALUATION)
    del document["identity"]["configuration"]  # as earlier versions left it
    (out / EVALUATION).write_text(json.dumps(document))
    changed_file(other, "config.json", {"classifier_dropout": 0.5})
    run(other, out, write_suite())
    assert (out / RECORDS).read_bytes() == before


def test_another_order_of_the_tasks_labels_is_refused(pair_checkpoint, evaluated, write_suite, tmp_path):
    shutil.copytree(evaluated, tmp_path / "out")
    files = find_model(str(pair_checkpoint))
    task = checkpoint_task(files)
    victim = Victim(files, dataclasses.replace(task, labels=task.labels[::-1]), "cpu")
    with pytest.raises(AlumbenchError, match="changed since it was started: the task's labels"):
        run(pair_checkpoint, tmp_path / "out", write_suite(), victim=victim)


def test_records_without_their_document_and_unknown_schemas_are_refused(
    pair_checkpoint, evaluated, write_suite, tmp_path
):
    out, suite = tmp_path / "out", write_suite()
    shutil.copytree(evaluated, out)
    document = read_json(out / EVALUATION)
    (out / EVALUATION).write_text(json.dumps(document | {"schema": 99}))
    with pytest.raises(AlumbenchError, match="schema 99 is unknown to this alumbench"):
        run(pair_checkpoint, out, suite)
    with pytest.raises(AlumbenchError, match="schema 99 is unknown to this alumbench"):
        Stored.read(out)
    (out / EVALUATION).unlink()
    with pytest.raises(AlumbenchError, match=f"has {RECORDS} but no {EVALUATION}"):
        run(pair_checkpoint, out, suite)


def test_changed_data_is_refused(pair_checkpoint, write_suite, tmp_path):
    from alumbench.data import Source

    path = tmp_path / "mine.jsonl"
    row = {"premise": "the dog runs .", "hypothesis": "the dog never runs .", "label": "contradiction"}
    path.write_text(json.dumps(row) + "\n")
    source, suite = Source(file=str(path)), write_suite()
    run(pair_checkpoint, tmp_path / "out", suite, data=source)
    path.write_text(json.dumps(row | {"label": "neutral"}) + "\n")
    with pytest.raises(AlumbenchError, match=r"entry clean: data changed since it was started .* give another --out"):
        run(pair_checkpoint, tmp_path / "out", suite, data=source)
