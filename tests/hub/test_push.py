"""`alumbench push` against a stand-in of the hub's API on this machine; the real hub was not asked (see `hub.py`)."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import huggingface_hub
import pytest
from click.testing import CliRunner, Result
from huggingface_hub import ModelCard, constants

from alumbench.cli import group
from alumbench.errors import AlumbenchError
from alumbench.evaluation.stored import Stored
from alumbench.hub.metadata import Given
from alumbench.hub.model_card import write_card
from alumbench.hub.upload_files import belongings
from alumbench.leaderboard.strip_paths import without_places
from alumbench.models.checkpoint import find_model
from alumbench.records import adversarial_of
from tests.hub.conftest import EVALUATION
from tests.hub.hub import BREAKS, READER, WRITER, Hub

Push = Callable[..., Result]
RECORDS = "evaluations/small-seed1/records.jsonl"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """The stand-in, in the place of the hub for huggingface_hub in this process."""
    with Hub() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.address)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        monkeypatch.setenv("HF_TOKEN", WRITER)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        _new_sessions()
        yield server
    _new_sessions()


def _new_sessions() -> None:
    """Sessions remember whether they were made offline."""
    for name in ("reset_sessions", "close_session"):  # 0.x, 1.x
        getattr(huggingface_hub.utils, name, lambda: None)()


@pytest.fixture
def carded(checkpoint: Path) -> Path:
    write_card(checkpoint, Given())
    return checkpoint


@pytest.fixture
def push(carded: Path) -> Push:
    """Runs the command on the checkpoint."""
    return lambda *arguments: CliRunner().invoke(group, ["push", str(carded), *map(str, arguments)])


def test_the_hub_has_what_was_listed_and_nothing_else(hub: Hub, push: Push, carded: Path, tmp_path: Path) -> None:
    for name in (".env", "notes.txt", "request.json.bak", "script.py", "train.csv"):
        (carded / name).write_text("secret")
    result = push("me/pairs", "--private")
    assert result.exit_code == 0, result.output
    asked = hub.repositories["me/pairs"]  # huggingface_hub 0.x and 1.x say it with `private`, 2.x with `visibility`
    assert asked.get("private") is True or asked.get("visibility") == "private"
    got = {path: content for (branch, path), content in hub.files.items() if branch == "main"}
    assert set(got) == {file.path for file in belongings(carded)}
    assert {"model.safetensors", "config.json", "README.md", "training.json", EVALUATION, RECORDS} <= set(got)
    assert not {path for path in got if path.endswith((".env", ".txt.bak", ".py", ".csv", ".lock"))} - {"vocab.txt"}
    assert "request.json" not in got and b"secret" not in b"".join(got.values())
    assert got["model.safetensors"] == (carded / "model.safetensors").read_bytes()
    for path in got:
        assert f"{len(got[path]):>13,}  {path}" in result.output
    assert f"pushed: {hub.address}" in result.output
    assert WRITER not in result.output
    for path, content in got.items():
        (tmp_path / "again" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "again" / path).write_bytes(content)
    files = find_model(str(tmp_path / "again"))
    stored = Stored.read(tmp_path / "again/evaluations/small-seed1")
    assert stored.document.identity.model == files.weights_sha256(), "figures and weights still belong together"
    assert ModelCard.load(tmp_path / "again/README.md").data.eval_results


def test_a_second_push_goes_into_the_same_repository(hub: Hub, push: Push) -> None:
    assert push("me/pairs").exit_code == 0
    result = push("me/pairs", "--branch", "seeds")
    assert result.exit_code == 0, result.output
    assert "POST /api/models/me/pairs/branch/seeds" in hub.calls
    assert {path for branch, path in hub.files if branch == "seeds"} == {p for b, p in hub.files if b == "main"}


def test_a_dry_run_asks_nobody(hub: Hub, push: Push, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    result = push("me/pairs", "--dry-run")
    assert result.exit_code == 0 and "dry run: nothing was sent" in result.output
    assert "model.safetensors" in result.output and "bytes in" in result.output
    assert hub.calls == []


def test_records_leave_the_data_sets_texts_out_unless_asked(hub: Hub, push: Push, carded: Path) -> None:
    mine = Stored.read(carded / "evaluations/small-seed1").records
    push("me/pairs")
    sent = [json.loads(line) for line in hub.files["main", RECORDS].splitlines()]
    assert [record["id"] for record in sent] == [record.id for record in mine]
    assert not [record for record in sent if "texts" in record] and all(record.texts for record in mine)
    assert [r.get("adversarial") for r in sent] == [adversarial_of(r) for r in mine], "the evidence stays"
    push("me/with-texts", "--with-texts")
    assert all("texts" in json.loads(line) for line in hub.files["main", RECORDS].splitlines())
    hub.files.clear()
    assert RECORDS not in push("me/without", "--no-records").output and ("main", RECORDS) not in hub.files


def test_no_path_of_this_machine_is_sent(hub: Hub, push: Push, carded: Path, tmp_path: Path) -> None:
    assert str(tmp_path.parent.parent) in (carded / EVALUATION).read_text(), "it is there to begin with"
    push("me/pairs")
    for path, content in hub.files.items():
        assert b"/tmp" not in content and str(tmp_path).encode() not in content, path


def test_paths_are_cut_in_json_and_nothing_else_is() -> None:
    before = {"a": ["/home/me/x.csv", "~/y", "C:\\me\\z.csv", "owner/name", "s:60|a/b", "", 1, None], "b": {"c": "/d/"}}
    after = {"a": ["x.csv", "y", "z.csv", "owner/name", "s:60|a/b", "", 1, None], "b": {"c": "d"}}
    assert without_places(before) == after


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("", "hf auth login"),
        ("hf_unknown000000000", r"401.*hf auth login"),
        (READER, r"may not write there.*'me'.*hf auth whoami"),
        (BREAKS, "the hub refused it"),
    ],
    ids=["none", "unknown", "reader", "server-error"],
)
def test_a_token_that_does_not_do_is_one_line_without_it(
    hub: Hub, push: Push, monkeypatch: pytest.MonkeyPatch, token: str, message: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    result = push("me/pairs")
    assert isinstance(result.exception, AlumbenchError)
    with pytest.raises(AlumbenchError, match=message):
        raise result.exception
    assert "\n" not in str(result.exception)
    assert not token or (token not in result.output and token not in str(result.exception))
    assert result.exception.__cause__ is None and not hub.files


def test_no_network_is_one_line(hub: Hub, push: Push, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert "go online" in str(push("me/pairs").exception)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    _new_sessions()
    assert "HF_HUB_OFFLINE is set" in str(push("me/pairs").exception)


@pytest.mark.parametrize("name", ["pairs", "me/../you", "me/pairs.git", "https://me/pairs", "me/a b", "-me/x"])
def test_a_name_of_no_repository_is_refused_before_anything_is_read(hub: Hub, push: Push, name: str) -> None:
    result = push("--", name)
    assert "OWNER/NAME" in str(result.exception) and hub.calls == []


def _pickled(folder: Path) -> None:
    (folder / "optimizer.pt").write_bytes(pickle.dumps({"x": 1}))


def _disguised(folder: Path) -> None:
    (folder / "model-2.safetensors").write_bytes(pickle.dumps({"x": 1}))


def _remote(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModel": "evil.Model"}}))


BREAKAGE = {
    "a pickle": (_pickled, "optimizer.pt can run code"),
    "a pickle in safetensors' clothes": (_disguised, "not a complete safetensors file"),
    "code of its own": (_remote, "auto_map"),
    "an unfinished run": (lambda folder: (folder / "trainer").mkdir(), "not finished"),
    "no card": (lambda folder: (folder / "README.md").unlink(), "alumbench card"),
    "no record": (lambda folder: (folder / "training.json").unlink(), "no training.json"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "no .safetensors"),
}


@pytest.mark.parametrize("case", BREAKAGE)
def test_what_is_not_fit_to_be_published_is_refused(hub: Hub, push: Push, carded: Path, case: str) -> None:
    """R13."""
    damage, message = BREAKAGE[case]
    damage(carded)
    result = push("me/pairs")
    assert isinstance(result.exception, AlumbenchError) and message in str(result.exception)
    assert hub.calls == []


def test_cut_evaluations_stay_here(hub: Hub, push: Push, change: Callable[..., None]) -> None:
    change(EVALUATION, lambda document: document["identity"].update(limit=5))
    result = push("me/pairs", "--dry-run")
    assert result.exit_code == 0 and "evaluations/" not in result.output


def test_from_the_command_line_to_the_hub_in_a_process_of_its_own(carded: Path, tmp_path: Path) -> None:
    with Hub() as server:
        environment = os.environ | {
            **{"HF_ENDPOINT": server.address, "HF_TOKEN": WRITER, "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path)},
            **{"HF_HUB_DISABLE_XET": "1", "no_proxy": "127.0.0.1"},
        }
        command = [sys.executable, "-m", "alumbench", "push", str(carded), "me/pairs"]
        run = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        assert ("main", "model.safetensors") in server.files and WRITER not in run.stdout + run.stderr
