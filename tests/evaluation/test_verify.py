"""R10: every stored adversarial text is scored again, in a new process, by the checkpoint that it was made for."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from alumbench.attacks.victim import Victim
from alumbench.cli import main
from alumbench.errors import AlumbenchError
from alumbench.evaluation.evaluate import EVALUATION, RECORDS
from alumbench.evaluation.rescoring import Sample, rescore_stored
from alumbench.evaluation.stored import Stored
from alumbench.evaluation.suite import load_suite
from alumbench.evaluation.verify import verify
from alumbench.models.checkpoint import checkpoint_task, find_model
from alumbench.parsing import read_json
from alumbench.storage import read_records
from tests.evaluation.conftest import in_a_new_process, run


@pytest.fixture
def command(monkeypatch, capsys):
    """The same in this process, where another would show nothing more."""

    def run_here(*arguments: object) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["alumbench", "verify", *map(str, arguments), "--device", "cpu"])
        status = 0
        try:
            main()
        except SystemExit as stop:
            status = int(stop.code or 0)
        return subprocess.CompletedProcess(sys.argv, status, *capsys.readouterr())

    return run_here


def broken(out: Path) -> list[dict]:
    return [record for record in read_records(out / RECORDS)[0] if record["outcome"] == "broken"]


@pytest.fixture
def verify_here(pair_checkpoint):
    files = find_model(str(pair_checkpoint))
    return lambda out: verify(Stored.read(out), Victim(files, checkpoint_task(files), "cpu"))


@pytest.fixture
def tampered(evaluated, tmp_path):
    """Copies the evaluation and changes its broken records; returns the copy and their ids."""

    def change(edit):
        shutil.copytree(evaluated, tmp_path / "tampered")
        records, ids = read_records(evaluated / RECORDS)[0], []
        for record in records:
            if record["outcome"] == "broken":
                edit(record)
                ids.append(record["id"])
        text = "".join(json.dumps(record) + "\n" for record in records)
        (tmp_path / "tampered" / RECORDS).write_text(text)
        return tmp_path / "tampered", ids

    return change


def test_all_texts_hold_in_a_new_process(evaluated):
    count = len(broken(evaluated))
    done = in_a_new_process(evaluated)
    assert done.returncode == 0, done.stderr
    assert count >= 5 and f"attack: {count} of {count} adversarial texts still hold; " in done.stdout
    assert "clean: 400 answers re-scored; all as recorded" in done.stdout
    assert "no longer" not in done.stdout


def test_failed_attacks_are_made_again_and_answers_held_against_the_texts(pair_checkpoint, tmp_path):
    out = tmp_path / "out"
    run(pair_checkpoint, out, load_suite("smoke"))
    files = find_model(str(pair_checkpoint))
    victim = Victim(files, checkpoint_task(files), "cpu")
    first = rescore_stored(Stored.read(out), victim, Sample(4, 1))
    attack = {one.entry: one for one in first}["deepwordbug-all-words"]
    assert not any(one.fallen or one.lacking for one in first) and attack.again == 4 and attack.answers == 100
    records = read_records(out / RECORDS)[0]
    for record in records:
        if record["entry"] == "clean":
            record["label"] = record["prediction"]
            record["outcome"] = "correct"
        elif record["outcome"] == "broken":
            record.update(outcome="robust", adversarial=None, adversarial_scores=None)
    (out / RECORDS).write_text("".join(json.dumps(record) + "\n" for record in records))
    found = {one.entry: one.fallen for one in rescore_stored(Stored.read(out), victim, Sample(20, 1))}
    assert all("is not the hash of its texts and label" in line for line in found["clean"]) and found["clean"]
    assert [line for line in found["deepwordbug-all-words"] if "recorded robust, the same attack breaks it" in line]


def test_a_checkpoint_that_moved_with_its_evaluations_is_found(command, pair_checkpoint, tmp_path):
    before, after = tmp_path / "before", tmp_path / "after"
    shutil.copytree(pair_checkpoint, before)
    run(before, before / "evaluations/smoke", load_suite("smoke"), only=("clean",))
    before.rename(after)
    done = command(after / "evaluations/smoke")
    assert done.returncode == 0 and "clean: 400 answers re-scored; all as recorded" in done.stdout
    (after / "evaluations/smoke").rename(tmp_path / "alone")
    done = command(tmp_path / "alone")
    assert done.returncode == 1
    assert f"its checkpoint is no longer at {before}; name it with --checkpoint" in done.stderr


DAMAGE = {
    "id": lambda record: record.update(id=3),
    "texts": lambda record: record.pop("texts"),
    "label": lambda record: record.update(label=[1]),
    "scores": lambda record: record.update(scores="x"),
    "column": lambda record: record.update(texts={}),
    "outcome": lambda record: record.update(outcome=None),
    "other label": lambda record: record.update(label="purple"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_record_is_one_line(tampered, verify_here, name):
    out, _ = tampered(DAMAGE[name])
    if name == "other label":  # of the right shape, so it is a finding
        victim = Victim(
            find_model(Stored.read(out).document.checkpoint.path),
            Stored.read(out).document.task,
            "cpu",
        )
        found = {one.entry: one.fallen for one in rescore_stored(Stored.read(out), victim, None)}
        assert [line for line in found["attack"] if "label is not one of" in line]
        assert verify_here(out)[0].texts == 0
        return
    with pytest.raises(AlumbenchError, match=r"records\.jsonl, line \d+: "):
        verify_here(out)


@pytest.mark.parametrize("name", ["identity", "checkpoint", "task", "entries"])
def test_a_damaged_document_is_one_line(evaluated, tmp_path, name):
    shutil.copytree(evaluated, tmp_path / "copy")
    path = tmp_path / "copy" / EVALUATION
    document = json.loads(path.read_text())
    del document[name]
    path.write_text(json.dumps(document))
    with pytest.raises(AlumbenchError, match=f"evaluation.json: {name} is missing"):
        Stored.read(tmp_path / "copy")


def test_what_no_longer_holds_is_named(command, tampered, verify_here):
    out, ids = tampered(lambda record: record.update(adversarial=record["texts"]))
    done = command(out)
    assert done.returncode == 1
    assert sorted(line.split()[-1] for line in done.stdout.splitlines() if "no longer" in line) == sorted(ids)
    assert f"attack: 0 of {len(ids)} adversarial texts still hold" in done.stdout
    (verdict,) = verify_here(out)
    assert (verdict.entry, verdict.texts, verdict.hold, verdict.close) == ("attack", len(ids), 0, 0)
    assert sorted(verdict.fallen) == sorted(ids)


def test_one_tampered_text_is_found_among_the_rest(evaluated, tampered, verify_here):
    first = broken(evaluated)[0]["id"]

    def edit(record):
        if record["id"] == first:
            record["adversarial"] = record["texts"]

    out, ids = tampered(edit)
    (verdict,) = verify_here(out)
    assert verdict.fallen == (first,) and verdict.hold == len(ids) - 1


def test_a_margin_at_the_border_is_reported_and_no_failure(evaluated, verify_here, monkeypatch):
    import torch

    monkeypatch.setattr(
        Victim, "scores", lambda self, texts, shares=None: torch.tensor([[0.0, 1e-6, -9.0]]).repeat(len(texts), 1)
    )
    (verdict,) = verify_here(evaluated)
    assert verdict.close == sum(r["label"] in {"entailment", "neutral"} for r in broken(evaluated)) > 0
    assert set(verdict.fallen) == set()


def test_a_reduction_must_keep_its_label(pair_checkpoint, tmp_path, verify_here, write_suite, mirror):
    if not any((mirror / "nltk_data" / "corpora").glob("stopwords*")):
        pytest.skip("the mirror has no stopwords")
    suite = write_suite(("deepwordbug-all-words@1", "input-reduction@1"))
    run(pair_checkpoint, tmp_path / "out", suite, only=("attack",))
    (verdict,) = verify_here(tmp_path / "out")
    assert verdict.texts >= 5 and verdict.hold == verdict.texts and verdict.fallen == ()
    measures = read_json(tmp_path / "out" / EVALUATION)["entries"]["attack"]["summary"]["measures"]
    assert set(measures) == {"clean_accuracy", "reduced_rate"}


def test_another_checkpoint_is_refused(command, evaluated, pair_checkpoint, tmp_path):
    from tests.evaluation.test_resume import changed_weights

    other = changed_weights(pair_checkpoint, tmp_path)
    done = command(evaluated, "--checkpoint", other)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "its weights" in done.stderr and "are not those that" in done.stderr and "--checkpoint" in done.stderr


def test_what_is_no_evaluation_is_refused(tmp_path):
    with pytest.raises(AlumbenchError, match=f"no {EVALUATION}; 'alumbench attack CHECKPOINT --suite NAME' makes one"):
        Stored.read(tmp_path)
